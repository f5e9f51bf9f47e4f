"""The eclipse of one user record in zentalk's directory: real services, links as function calls.

Honest relays run `zentalk.relay.directory.service`; hostile ones have the ids their owner drew
keys for, take every record and show none. Readers follow `zentalk.node.records.holders`,
each with the relays that one honest relay knows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import trio

from tests.directory.support import WALL, descriptor, identity, node_id, seeded
from tests.relay.directory_net import FakeLink, Member, Net
from zentalk.crypto.blinding import blinded_key
from zentalk.directory.distance import (
    HOLDERS_PER_POINT,
    HolderMap,
    day_position,
    holder_points,
    xor_distance,
)
from zentalk.errors import UnavailableError
from zentalk.ids import Day, NodeId, UserAddress, day_at, epoch_at
from zentalk.node.records.holders import RecordHolders
from zentalk.wire.descriptor import Descriptor
from zentalk.wire.rpc import encode_response
from zentalk.wire.rpc_directory import RECORD_GET
from zentalk.wire.user_record import RecordContents, seal_record

CONTENTS = RecordContents((), b"signed", b"pq")
FIRST_HOSTILE = 1_000_000
TODAY = day_at(WALL)

Suits = Callable[[NodeId], bool]
Draw = Callable[["Victim", Sequence[NodeId], int], tuple[list[int], int]]


@dataclass(frozen=True)
class Victim:
    """Whose record is to be hidden, and on which day."""

    number: int
    day: Day = TODAY

    @property
    def key(self) -> bytes:
        return blinded_key(identity(self.number).public, self.day)


@dataclass(frozen=True)
class Outcome:
    """How many reads found the record, what the attack got, and how many keys it drew."""

    found: int
    reads: int
    hostile_holders: int
    holders: int
    keys_drawn: int

    @property
    def share(self) -> float:
        return self.found / self.reads


def drawn(first: int, wanted: int, suits: Suits) -> tuple[list[int], int]:
    """Draw keys until enough have an id that suits; return them and how many it took."""
    found = []
    for number in count(first):
        if suits(node_id(number)):
            found.append(number)
            if len(found) == wanted:
                return found, number - first + 1
    raise AssertionError


def around_the_key(victim: Victim, honest: Sequence[NodeId], hostile: int) -> tuple[list[int], int]:
    """Ids nearer to the record's key than any honest relay's: what takes stock Kademlia over."""
    key = victim.key
    nearest = min(xor_distance(one, key) for one in honest)
    return drawn(FIRST_HOSTILE, hostile, lambda one: xor_distance(one, key) < nearest)


def around_the_points(
    victim: Victim, honest: Sequence[NodeId], hostile: int
) -> tuple[list[int], int]:
    """Ids nearer to the record's points of this day than any honest relay's position."""
    numbers: list[int] = []
    tried = 0
    for point in holder_points(victim.key, victim.day)[: hostile // HOLDERS_PER_POINT]:
        nearest = min(xor_distance(day_position(one, victim.day), point) for one in honest)

        def suits(one: NodeId, point: bytes = point, nearest: int = nearest) -> bool:
            return xor_distance(day_position(one, victim.day), point) < nearest

        found, draws = drawn(FIRST_HOSTILE + tried, HOLDERS_PER_POINT, suits)
        numbers += found
        tried += draws
    return numbers, tried


class Directory:
    """Honest relays that know each other; hostile ones come and go between attacks."""

    def __init__(self, folder: Path, honest: int) -> None:
        self.net = Net(folder)
        self.honest = [
            self._member(number, f"{20 + number % 60}.{number}.0.1") for number in range(honest)
        ]
        self._acquaint(self.honest, self.honest)

    def _member(self, number: int, host: str) -> Member:
        member = self.net.add(number)
        epoch = epoch_at(self.net.runtime.wall())
        member.own = descriptor(number, boot=member.own.boot, epoch=epoch, host=host)
        return member

    def _acquaint(self, members: Sequence[Member], others: Sequence[Member]) -> None:
        for member in members:
            for other in others:
                member.observe(other.own)
                member.service.descriptors.offer(other.own.raw, self.net.runtime.wall())

    def attack(self, numbers: Sequence[int], networks: int) -> list[Member]:
        """Let hostile relays join, from so many /16 networks."""
        hostile = [
            self._member(number, f"{150 + place % networks}.1.0.{place}")
            for place, number in enumerate(numbers)
        ]
        for member in hostile:
            # Every question is answered, and no record is shown.
            member.answers = _pretend
        self._acquaint(self.honest, hostile)
        return hostile

    async def hide(self, victim: Victim, hostile: int, draw: Draw, networks: int) -> Outcome:
        """Attack one record, publish it, and let every honest relay's view read it once."""
        numbers, tried = draw(victim, [one.node_id for one in self.honest], hostile)
        bad = {member.node_id for member in self.attack(numbers, networks)}
        owner = identity(victim.number)
        raw = seal_record(owner, victim.day, 1, CONTENTS, seeded(f"{victim}"))
        known = self._known(self.honest[0])
        await self._client(self.honest[0]).publish_record(raw)
        points = HolderMap(known.values(), victim.day).holders(victim.key)
        holders = {one for point in points for one in point}
        found = 0
        for reader in self.honest:
            try:
                await self._client(reader).find_record(UserAddress(owner.public), victim.day)
            except UnavailableError:
                continue
            found += 1
        return Outcome(found, len(self.honest), len(holders & bad), len(holders), tried)

    def _client(self, near: Member) -> RecordHolders:
        runtime = self.net.runtime.for_part(f"reader {near.number}")
        return RecordHolders(runtime, self._open, lambda: self._known(near))

    def _known(self, near: Member) -> dict[NodeId, Descriptor]:
        live = near.service.descriptors.live(self.net.runtime.wall())
        return {item.node_id: item for item in live}

    @asynccontextmanager
    async def _open(self, node: NodeId) -> AsyncIterator[FakeLink]:
        await trio.sleep(0.01)
        yield self.net.client(node)


def _pretend(method: str) -> bytes:
    """Take everything and show nothing."""
    return encode_response(b"") if method == RECORD_GET else encode_response()


async def measure(
    folder: Path, *, honest: int, hostile: int, draw: Draw, networks: int, victims: int = 1
) -> Outcome:
    """Attack some records one after the other, each in a new network; return the sums."""
    outcomes = []
    for number in range(victims):
        place = folder / f"{draw.__name__}-{networks}-{number}"
        directory = Directory(place, honest)
        outcomes.append(await directory.hide(Victim(5_000 + number), hostile, draw, networks))
        for member in directory.net.members.values():
            member.store.close()
    sums = zip(
        *((o.found, o.reads, o.hostile_holders, o.holders, o.keys_drawn) for o in outcomes),
        strict=True,
    )
    return Outcome(*map(sum, sums))
