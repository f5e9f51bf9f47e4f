"""K35: two mailbox relays that put their whole databases together do not find one owner.

The databases are those of real relays after a real run. An adversary looks for byte strings
that two mailboxes share, for numbers that fit together, and for times; each of these finds
owners as soon as one precaution is left out.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.ids import DAY_SECONDS
from zentalk.node.delivery import outbox
from zentalk.node.mailboxes.pools import MailboxPools
from zentalk.node.messages import receive
from zentalk.node.messages.routes import DepositTarget
from zentalk.store.history import mailboxes, prekeys
from zentalk.wire.prekeys import OneTimePrekey
from zentalk.wire.ratchet import SEAL_FRONT_BYTES
from zentalk.wire.rpc_prekeys import PoolPrekey

pytestmark = pytest.mark.e2e

WINDOW = 8
PEOPLE = ("alice", "bob", "carol")
Pair = frozenset[bytes]


@dataclass
class Seen:
    """What a relay's database holds of one mailbox."""

    relay: str
    key: bytes
    generation: int
    strings: list[bytes] = field(default_factory=list)
    prekey_ids: list[int] = field(default_factory=list)

    def windows(self) -> set[bytes]:
        """All strings of eight bytes that occur in anything kept for it."""
        return {s[at : at + WINDOW] for s in self.strings for at in range(len(s) - WINDOW + 1)}


def databases(world: World) -> list[Seen]:
    """Read every mailbox of every relay, whole."""
    found: list[Seen] = []
    for relay in world.relays:
        boxes = {}
        for ref, key, generation in world.rows(
            relay, "SELECT ref, collect_key, generation FROM mailbox"
        ):
            assert isinstance(key, bytes)
            assert isinstance(generation, bytes)
            boxes[ref] = Seen(relay, key, int.from_bytes(generation, "big"), [key])
        for table, columns in (
            ("send_id", "send_id"),
            ("prekey", "blob"),
            ("envelope", "send_id, deposit_id, sealed"),
        ):
            for ref, *values in world.rows(relay, f"SELECT mailbox, {columns} FROM {table}"):
                boxes[ref].strings += values  # type: ignore[arg-type]
                if table == "prekey":
                    blob = values[0]
                    assert isinstance(blob, bytes)
                    boxes[ref].prekey_ids.append(OneTimePrekey.from_bytes(blob).key_id)
        found += boxes.values()
    return found


def owners(world: World) -> set[Pair]:
    """The truth: which two mailboxes belong together."""
    pairs = set()
    for name in PEOPLE:
        path = world.folder / name / "history.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT mailbox FROM own_mailboxes").fetchall()
        pairs.add(frozenset(bytes(row[0]) for row in rows))
    assert all(len(pair) == 2 for pair in pairs)
    return pairs


def pairs_of(seen: list[Seen]) -> Iterator[tuple[Seen, Seen]]:
    return ((a, b) for a, b in combinations(seen, 2) if a.relay != b.relay)


def by_bytes(seen: list[Seen]) -> set[Pair]:
    """Mailboxes that share eight bytes, if these are not in most mailboxes anyway."""
    windows = {box.key: box.windows() for box in seen}
    common = Counter(window for some in windows.values() for window in some)
    usual = {window for window, count in common.items() if count > len(seen) / 2}
    return {
        frozenset((a.key, b.key))
        for a, b in pairs_of(seen)
        if (windows[a.key] & windows[b.key]) - usual
    }


def by_numbers(seen: list[Seen]) -> set[Pair]:
    """Mailboxes with ids of one-time keys where one goes on about where the other ends."""
    return {
        frozenset((a.key, b.key))
        for a, b in pairs_of(seen)
        if min(abs(x - y) for x in a.prekey_ids for y in b.prekey_ids) <= 2
    }


def by_times(seen: list[Seen]) -> set[Pair]:
    """Mailboxes whose registration numbers could be times of one day."""
    return {
        frozenset((a.key, b.key))
        for a, b in pairs_of(seen)
        if abs(a.generation - b.generation) < DAY_SECONDS
    }


async def seized(world: World) -> tuple[list[Seen], set[Pair]]:
    """People write to each other, two of them are away at the end; then the disks are taken."""
    await world.relay_net(5)
    for name in PEOPLE:
        await world.person(name)
    await world.friends(*PEOPLE)
    for sender in PEOPLE:
        for reader in PEOPLE:
            if reader != sender:
                message = await world.send(sender, reader, "hello")
                await world.until_state(sender, message, "delivered")
    await world.crash("alice")
    await world.crash("bob")
    for reader in ("alice", "bob"):
        for number in range(3):
            await world.send("carol", reader, f"{number}")
    await trio.sleep(60)
    seen = databases(world)
    assert len(seen) == 2 * len(PEOPLE)
    return seen, owners(world)


async def test_k35_two_relays_with_whole_databases_do_not_find_one_owner(
    world: World, autojump_clock: Clock
) -> None:
    seen, truth = await seized(world)
    away = [box for box in seen if world.envelopes(box.relay)]
    assert len(away) >= 2  # there is mail at more than one relay to compare
    assert by_bytes(seen) == set()
    assert by_numbers(seen) == set()
    assert not by_times(seen) & truth
    # Times on their disks are whole hours.
    query = "SELECT arrived_hour, expires_hour FROM envelope"
    hours = {hour for relay in world.relays for row in world.rows(relay, query) for hour in row}
    now = world.runtime.wall() / 3600
    assert all(isinstance(hour, int) and now - 2 < hour < now + 31 * 24 for hour in hours)


# --- each precaution left out ------------------------------------------------------------------


def without_outer_seal(patch: pytest.MonkeyPatch) -> None:
    front = bytes(SEAL_FRONT_BYTES + 16)
    patch.setattr(DepositTarget, "seal", lambda _target, inner, _entropy: front + inner)
    patch.setattr(receive, "open_collected", lambda _row, envelope: envelope[len(front) :])


def with_one_deposit_id(patch: pytest.MonkeyPatch) -> None:
    original = outbox.blake2b_256  # type: ignore[attr-defined]
    patch.setattr(outbox, "blake2b_256", lambda label, key, _relay: original(label, key))


def with_one_pool(patch: pytest.MonkeyPatch) -> None:
    original = MailboxPools._new_prekeys
    pools: dict[bytes, tuple[PoolPrekey, ...]] = {}

    def shared(self: MailboxPools, tx: Any, count: int) -> tuple[PoolPrekey, ...]:
        owner = self._identity.public
        return pools.setdefault(owner, original(self, tx, count))

    patch.setattr(MailboxPools, "_new_prekeys", shared)


def with_counted_ids(patch: pytest.MonkeyPatch) -> None:
    def counted(tx: Any, secret: bytes, now: float, mailbox: Any, entropy: Any) -> int:
        # Everybody begins somewhere else, as after some time of use.
        begin = int.from_bytes(entropy(3), "big")
        row = tx.execute("SELECT max(id) FROM prekeys WHERE kind = 'once'").fetchone()
        step = 1 if row[0] is not None else begin + 1
        return prekeys.add(tx, "once", secret, now, mailbox, step)

    patch.setattr(prekeys, "add_once", counted)


def with_plain_clock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(mailboxes, "derive", lambda *_parts, length: bytes(length))


@pytest.mark.parametrize(
    ("left_out", "adversary"),
    [
        (without_outer_seal, by_bytes),
        (with_one_deposit_id, by_bytes),
        (with_one_pool, by_bytes),
        (with_counted_ids, by_numbers),
        (with_plain_clock, by_times),
    ],
)
async def test_k35_control_without_one_of_the_precautions_owners_are_found(
    world: World,
    autojump_clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    left_out: Callable[[pytest.MonkeyPatch], None],
    adversary: Callable[[list[Seen]], set[Pair]],
) -> None:
    left_out(monkeypatch)
    seen, truth = await seized(world)
    assert adversary(seen) & truth
