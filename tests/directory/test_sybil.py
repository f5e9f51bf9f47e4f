"""K7 at the level of the core: 100 honest and 20 hostile relays, reads of honest records.

The hostile relays store nothing, answer "nothing here", and have the ids their owner wants.
A read follows what an API node does: holders from the snapshot, asked one after the other.
"""

import hashlib
from collections.abc import Callable, Sequence
from itertools import count

from tests.directory.support import descriptor, identity
from zentalk.crypto.blinding import blinded_key
from zentalk.crypto.ed25519 import SigningKey
from zentalk.directory.distance import (
    HOLDERS_PER_POINT,
    POINTS,
    HolderMap,
    day_position,
    holder_points,
    xor_distance,
)
from zentalk.ids import Day, NodeId
from zentalk.wire.descriptor import Descriptor, node_id_of

DAY = Day(20_000)
HONEST = 100
HOSTILE = 20
OWNERS = 60
Holders = Callable[[Sequence[Descriptor], bytes, Day], list[NodeId]]


def honest() -> list[Descriptor]:
    return [descriptor(number, host=f"{20 + number % 60}.{number}.0.1") for number in range(HONEST)]


def spread(relays: Sequence[Descriptor], key: bytes, day: Day) -> list[NodeId]:
    """Ours: four points, positions of the day."""
    return [one for point in HolderMap(relays, day).holders(key) for one in point]


def plain_xor(relays: Sequence[Descriptor], key: bytes, _day: Day) -> list[NodeId]:
    """Control: the 20 relays whose ids are nearest to the key."""
    ranked = sorted(relays, key=lambda relay: xor_distance(relay.node_id, key))
    return [relay.node_id for relay in ranked[: POINTS * HOLDERS_PER_POINT]]


def ground(wanted: int, score: Callable[[NodeId], bool]) -> list[SigningKey]:
    """Draw keys until enough have an id that suits the attacker."""
    found = []
    for number in count():
        key = SigningKey(hashlib.sha256(b"hostile %d" % number).digest())
        if score(node_id_of(key.public)):
            found.append(key)
            if len(found) == wanted:
                return found
    raise AssertionError


def reads(holders: Holders, hostile_for: Callable[[bytes], list[Descriptor]], day: Day) -> float:
    """Return the share of owners whose record an honest holder would show."""
    relays = honest()
    good = {relay.node_id for relay in relays}
    found = 0
    for number in range(OWNERS):
        key = blinded_key(identity(5_000 + number).public, day)
        everyone = relays + hostile_for(key)
        found += any(one in good for one in holders(everyone, key, day))
    return found / OWNERS


def chosen_near(key: bytes) -> list[Descriptor]:
    """Twenty relays whose ids are nearer to the key than any honest one is.

    A real attacker grinds keys for that; here the ids are simply set, which is stronger.
    """
    made = []
    for number in range(HOSTILE):
        base = descriptor(10_000 + number, host=f"99.{number}.0.1")
        near = NodeId(key[:28] + number.to_bytes(4, "big"))
        made.append(Descriptor(base.body, base.raw, near))
    return made


def test_k7_reads_survive_twenty_ids_chosen_around_the_record() -> None:
    assert reads(spread, chosen_near, DAY) >= 0.95


def test_k7_nearest_by_xor_is_taken_over_completely() -> None:
    """Control: without spread points and positions of the day, nothing is left."""
    assert reads(plain_xor, chosen_near, DAY) == 0.0


def test_k7_grinding_for_a_day_is_limited_by_subnets_and_over_the_day_after() -> None:
    """What grinding in advance buys: measured for the chapter on limits.

    An attacker who knows the address grinds identities that stand next to the points of
    one day. If its relays sit in few networks it never gets all holders of a point; with
    one network each it can take that one record for that one day, and starts again for
    the next.
    """
    key, next_key = (blinded_key(identity(5_000).public, Day(DAY + n)) for n in (0, 1))
    points = holder_points(key, DAY)
    relays = honest()
    nearest = [
        min(xor_distance(day_position(relay.node_id, DAY), point) for relay in relays)
        for point in points
    ]

    keys = []
    for point, best in zip(points, nearest, strict=True):

        def beats(one: NodeId, point: bytes = point, best: int = best) -> bool:
            return xor_distance(day_position(one, DAY), point) < best

        keys += ground(HOLDERS_PER_POINT, beats)

    def hostile(networks: int) -> list[Descriptor]:
        return [
            descriptor(20_000 + n, host=f"{150 + n % networks}.1.0.{n}", key=one)
            for n, one in enumerate(keys)
        ]

    good = {relay.node_id for relay in relays}

    def share(networks: int, record: bytes, day: Day) -> float:
        chosen = spread([*relays, *hostile(networks)], record, day)
        return sum(one in good for one in chosen) / len(chosen)

    assert share(2, key, DAY) >= 0.5
    assert share(20, key, DAY) == 0.0
    assert share(20, next_key, Day(DAY + 1)) > 0.6
