"""The product's promise, row by row: what entry, middle, delivery relay, guard, directory see.

Real nodes, and relays that keep everything (A1, A3, A8; README, "Who learns what"). Where
something guards a promise, a control takes it out, and the relay does learn it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.spies import Hop, Seen, Spy
from tests.e2e.world import World
from zentalk.crypto import aead
from zentalk.crypto.x25519 import from_secret
from zentalk.errors import ZentalkError
from zentalk.ids import NodeId
from zentalk.node.mailboxes.collector import Collector
from zentalk.node.messages import routes as sealing
from zentalk.node.relays import view
from zentalk.node.snapshot import refresher
from zentalk.node.tunnels.tunnels import Tunnels
from zentalk.onion.packet import DEPOSIT
from zentalk.relay.connections import LinkHandlers
from zentalk.session import ratchet as ratchet_module
from zentalk.store.history import mailboxes
from zentalk.store.history.models import OwnMailbox, OwnSendId
from zentalk.wire.deposit import Deposit
from zentalk.wire.rpc import decode_call
from zentalk.wire.rpc_directory import RECORD_GET, RECORD_PUT, SNAPSHOT
from zentalk.wire.rpc_mailbox import OPEN
from zentalk.wire.rpc_prekeys import PREKEYS_TAKE
from zentalk.wire.user_record import decode_record

pytestmark = pytest.mark.e2e

ALICE, BOB = "alice.home.example", "bob.home.example"
CANARY = "CANARY: we meet behind the old observatory"
RELAYS = 8
REFRESH_SECONDS = 60.0
"""Snapshots are fetched more often than in life, so that there is more to see."""


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    monkeypatch.setattr(refresher, "REFRESH_SECONDS", REFRESH_SECONDS)
    return Spy().look(monkeypatch)


async def start(world: World, spy: Spy, relays: int = RELAYS) -> None:
    """Two people who have written to each other; what the relays saw of the start is forgotten.

    At its very first start a node asks its bootstraps directly. They see its address then.
    """
    await world.relay_net(relays)
    await world.person(ALICE)
    await world.person(BOB)
    await world.friends(ALICE, BOB)
    for sender, reader in ((ALICE, BOB), (BOB, ALICE)):
        first = await world.send(sender, reader, "hello")
        await world.until_state(sender, first, "delivered")
    await trio.sleep(10)
    spy.forget()


async def talk(world: World) -> bytes:
    """Ten messages with the canary from Alice to Bob; return the id of one of them."""
    message = None
    for number in range(10):
        message = await world.send(ALICE, BOB, f"{CANARY} {number}")
        await world.until_state(ALICE, message, "delivered")
    await trio.sleep(10)
    assert message is not None
    return bytes.fromhex(message.id)


def own(world: World, name: str) -> tuple[list[OwnMailbox], list[OwnSendId]]:
    """A person's own mailboxes and send ids."""
    path = world.folder / name / "history.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        boxes = mailboxes.every(connection)
        return boxes, [row for box in boxes for row in mailboxes.send_ids(connection, box.mailbox)]


def to_bob(world: World, spy: Spy) -> list[list[Hop]]:
    """The ways of all deposits that reached one of Bob's mailbox relays."""
    ends = {box.relay for box in own(world, BOB)[0]}
    return [
        way for way in spy.paths if way[-1].service == DEPOSIT and way[-1].relay in ends and way[1:]
    ]


def names_of(world: World, name: str) -> list[bytes]:
    """Everything that names a person: address, its text, network address."""
    node = world.nodes[name]
    return [bytes(node.address), node.address_text.encode(), name.encode()]


async def test_a3_every_relay_of_a_path_knows_its_neighbours_only(
    world: World, autojump_clock: Clock, spy: Spy
) -> None:
    await start(world, spy)
    await talk(world)
    ways = to_bob(world, spy)
    assert len(ways) >= 10
    # Bob's confirmations end at Alice's mailboxes, which may be at the same relays as his own.
    guards = {g for name in (ALICE, BOB) for g in world.nodes[name]._network.connected_guards()}
    for entry, second, third, delivery in ways:
        # The entry knows that a client sent it, and only the next relay; and so on.
        assert (entry.from_client, entry.next_id) == (True, second.relay)
        assert (second.from_client, second.next_id) == (False, third.relay)
        assert (third.from_client, third.next_id) == (False, delivery.relay)
        assert (delivery.from_client, delivery.next_id) == (False, None)
        assert entry.relay in guards
    everything = [*names_of(world, ALICE), *names_of(world, BOB)]
    for node_id, seen in spy.relays.items():
        for secret in everything:
            assert not seen.holds(secret), world_name(world, node_id)
    assert spy.written == [], "nothing touched a relay's disk while Bob was online"


def world_name(world: World, node_id: NodeId) -> str:
    return next(name for name, relay in world.relays.items() if relay.node_id == node_id)


async def test_a3_control_mail_that_nobody_acknowledges_is_written(
    world: World, autojump_clock: Clock, spy: Spy, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(world, spy)
    monkeypatch.setattr(Collector, "acknowledge", lambda self, seqs: None)
    await talk(world)
    assert len(spy.written) >= 10


async def test_a3_only_guards_see_where_somebody_is(
    world: World, autojump_clock: Clock, spy: Spy
) -> None:
    """Over restarts and refreshes of the snapshot: only guards are ever connected to."""
    await start(world, spy)
    for name in (ALICE, BOB):
        await world.crash(name)
        await world.person(name)
    await talk(world)
    await trio.sleep(1.5 * REFRESH_SECONDS)
    for name in (ALICE, BOB):
        guards = set(world.nodes[name]._network.guards())
        visited = {node_id for node_id, seen in spy.relays.items() if name in seen.sources}
        assert visited
        assert visited <= guards
        assert not guards & {box.relay for box in own(world, name)[0]}


async def test_a3_control_collecting_without_a_tunnel_shows_the_owners_address(
    world: World, autojump_clock: Clock, spy: Spy, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(world, spy)

    async def straight(
        self: Tunnels, node_id: NodeId, mailbox: bytes, handlers: Any, nursery: Any
    ) -> Any:
        link = await self.links._dial(self._relays.view().relays[node_id].uris(), nursery)
        link._handlers = handlers
        return link

    monkeypatch.setattr(Tunnels, "lasting", straight)
    await world.crash(BOB)
    await world.person(BOB)
    await talk(world)
    for box in own(world, BOB)[0]:
        assert BOB in spy.relays[box.relay].sources


async def test_a1_a8_content_and_names_are_read_by_no_relay(
    world: World, autojump_clock: Clock, spy: Spy
) -> None:
    """Everything that all relays decrypt, taken together, and mail that waits as well."""
    await start(world, spy)
    message_id = await talk(world)
    await world.crash(BOB)
    waiting = await world.send(ALICE, BOB, CANARY)
    await world.until_state(ALICE, waiting, "sent")
    await trio.sleep(30)
    assert spy.written
    secrets = [CANARY.encode(), CANARY.encode()[8:], message_id, bytes.fromhex(waiting.id)]
    secrets += [*names_of(world, ALICE), *names_of(world, BOB)]
    for secret in secrets:
        assert not any(secret in piece for piece in spy.all_data())
        assert not any(secret in put.envelope.sealed for put in spy.written)


async def test_a1_a8_control_without_encryption_the_delivery_relay_reads_along(
    world: World, autojump_clock: Clock, spy: Spy, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(world, spy)

    def bare(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        return plaintext + bytes(16)

    monkeypatch.setattr(ratchet_module, "aes_seal", bare)
    monkeypatch.setattr(aead, "chacha_seal", lambda key, nonce, data: data + bytes(16))
    await world.send(ALICE, BOB, CANARY)
    await trio.sleep(5)
    readers = {node_id for node_id, seen in spy.relays.items() if seen.holds(CANARY.encode())}
    assert readers
    assert readers <= {box.relay for box in own(world, BOB)[0]}


def keys_of(world: World) -> set[bytes]:
    """Every 32-byte secret that the relays hold, in memory or on disk, and their public ids."""
    held: set[bytes] = set()
    for relay in world.relays.values():
        seed = bytes(relay._identity.key.seed)
        held |= {seed, bytes(relay.node_id), relay._identity.key.public}
        assert relay._keys is not None
        for peeler in relay._keys.peelers:
            held |= {bytes(slot.key.pair.secret) for slot in peeler._keys._slots.values()}
        for (blob,) in world.rows(world_name(world, relay.node_id), "SELECT send_id FROM send_id"):
            held.add(bytes(blob).ljust(32, b"\0"))  # type: ignore[call-overload]
    return held


def opens(keys: set[bytes], sealed: bytes) -> bool:
    """Tell whether one of these keys takes the outer seal off an envelope."""
    for key in keys:
        for opener in (sealing.open_from_contact, sealing.open_from_public):
            try:
                opener(key, sealed)
            except ZentalkError:
                continue
            return True
    return False


@pytest.mark.parametrize(
    "relays", [5, pytest.param(100, marks=[pytest.mark.long, pytest.mark.slow])]
)
async def test_a8_no_key_of_any_relay_opens_an_envelope(
    world: World, autojump_clock: Clock, spy: Spy, relays: int
) -> None:
    """All relays pool keys and databases. What opens an envelope is at Bob's node only."""
    await start(world, spy, relays)
    await talk(world)
    await world.crash(BOB)
    for number in range(3):
        await world.send(ALICE, BOB, f"waiting {number}")
    await trio.sleep(30)
    sealed = [deposit.envelope for each in deposits(world, spy) for deposit in each]
    sealed += [put.envelope.sealed for put in spy.written]
    assert len(sealed) > 10
    held = keys_of(world)
    assert len(held) >= 4 * relays
    assert not any(opens(held, envelope) for envelope in sealed)
    # Control: Bob's own secrets open every one of them.
    bobs = {row.secret for row in own(world, BOB)[1]}
    assert all(opens(bobs, envelope) for envelope in sealed)


def deposits(world: World, spy: Spy) -> Iterator[list[Deposit]]:
    """What was deposited for Bob at each of his relays, as that relay reads it."""
    boxes, ids = own(world, BOB)
    names = {row.send_id for row in ids}
    for box in boxes:
        yield [found for found in spy.relays[box.relay].deposits if found.send_id in names]


async def test_the_delivery_relay_learns_send_ids_that_are_nobody_elses(
    world: World, autojump_clock: Clock, spy: Spy
) -> None:
    """Each contact has a send id of its own at each relay: two relays cannot compare notes."""
    await start(world, spy)
    await talk(world)
    await world.crash(BOB)
    await world.send(ALICE, BOB, "waiting, so that it lies at both")
    await trio.sleep(30)
    first, second = deposits(world, spy)
    assert first
    assert second
    for field in ("send_id", "deposit_id"):
        assert not {getattr(d, field) for d in first} & {getattr(d, field) for d in second}
    boxes, ids = own(world, BOB)
    assert boxes[0].mailbox != boxes[1].mailbox
    assert len({row.secret for row in ids}) == len(ids)


async def collecting(world: World, spy: Spy) -> None:
    """Bob starts anew and collects; snapshots are fetched meanwhile."""
    await start(world, spy)
    await world.crash(BOB)
    spy.forget()
    await world.person(BOB)
    await talk(world)
    await trio.sleep(1.5 * REFRESH_SECONDS)


def at_guards(world: World, spy: Spy, name: str) -> list[tuple[NodeId, Seen]]:
    guards = world.nodes[name]._network.guards()
    return [(guard, spy.relays[guard]) for guard in guards if guard in spy.relays]


def middles_of(world: World, name: str, guard: NodeId) -> set[NodeId]:
    return set(world.nodes[name]._network._selection.middles(guard))


async def test_a_guard_learns_neither_mailbox_nor_question(
    world: World, autojump_clock: Clock, spy: Spy
) -> None:
    """It is asked for streams to a few second hops; what passes in them is sealed to it."""
    await collecting(world, spy)
    boxes, ids = own(world, BOB)
    secrets = [bytes(box.mailbox) for box in boxes] + [bytes(row.send_id) for row in ids]
    secrets += [bytes(box.relay) for box in boxes]
    secrets += [name for person in (ALICE, BOB) for name in names_of(world, person)]
    everybody = set()
    for name in (ALICE, BOB):
        guards = at_guards(world, spy, name)
        assert guards
        for guard, _ in guards:
            everybody |= {(guard, middle) for middle in middles_of(world, name, guard)}
    for name in (ALICE, BOB):
        all_asked, all_carried = set(), 0
        for guard, seen in at_guards(world, spy, name):
            asked = {one.target for one in seen.opened if one.from_client and one.depth == 0}
            assert {(guard, target) for target in asked} <= everybody
            carried = b"".join(seen.streamed)
            assert not [secret for secret in secrets if secret in carried]
            all_asked |= asked
            all_carried += len(carried)
        # Which of the two guards a tunnel begins at is chance: one of them may have had none.
        assert all_asked
        assert all_carried > 10_000


async def test_a_guard_control_without_a_middle_it_is_told_the_mailbox_relay(
    world: World, autojump_clock: Clock, spy: Spy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "MIN_FULL_RELAYS", 10**6)
    await collecting(world, spy)
    relays = {box.relay for box in own(world, BOB)[0]}
    guards = at_guards(world, spy, BOB)
    asked = {one.target for _, seen in guards for one in seen.opened if one.from_client}
    assert relays & asked


async def test_directory_relays_hold_records_that_name_nobody(
    world: World, autojump_clock: Clock, spy: Spy
) -> None:
    """A blinded key for each day, constant size, and nothing of its owner or mailboxes."""
    await world.relay_net(RELAYS)
    await world.person(BOB)
    await trio.sleep(30)  # yesterday's, today's and tomorrow's go out at once
    records = {}
    for seen in spy.relays.values():
        for question in seen.questions:
            method, fields = decode_call(question)
            if method == RECORD_PUT:
                raw = fields.blob(4096)
                records[raw] = decode_record(raw)
    days = {record.day: record.blinded_key for record in records.values()}
    assert len(days) >= 3
    assert len(set(days.values())) == len(days), "two days of one person share no key"
    assert len({len(raw) for raw in records}) == 1
    boxes, ids = own(world, BOB)
    secrets = names_of(world, BOB) + [bytes(box.relay) for box in boxes]
    secrets += [bytes(box.mailbox) for box in boxes] + [bytes(row.send_id) for row in ids]
    secrets += [from_secret(row.secret).public for row in ids]
    for raw in records:
        assert not [secret for secret in secrets if secret in raw]
    # K32 as it is lived: the same owner's signatures of all days have nonces of their own.
    assert len({raw[-64:-32] for raw in records}) == len(records)


class Asked:
    """Over how many tunnels' ends each question of a client came, by method."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.depths: dict[str, set[int]] = {}
        ask = LinkHandlers.request_received

        async def watched(inbound: LinkHandlers, connection: Any, body: bytes) -> bytes:
            if connection.peer.is_client:
                method, _ = decode_call(body)
                self.depths.setdefault(method, set()).add(connection.depth)
            return await ask(inbound, connection, body)

        monkeypatch.setattr(LinkHandlers, "request_received", watched)


async def meeting(world: World, spy: Spy, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Alice looks Bob up, takes a prekey and writes for the first time; Bob collects."""
    await world.relay_net(RELAYS)
    await world.person(ALICE)
    await world.person(BOB)
    spy.forget()
    asked = Asked(monkeypatch)
    await world.friends(ALICE, BOB)
    first = await world.send(ALICE, BOB, "hello")
    await world.until_state(ALICE, first, "delivered")
    await trio.sleep(1.5 * REFRESH_SECONDS)
    return asked


FULL_TUNNEL = 3
"""The depth of a link at the end of guard, second and third hop."""


async def test_a_tunnel_shows_its_relays_their_neighbours_only(
    world: World, autojump_clock: Clock, spy: Spy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards know the person and the second hop, second hops the guard and the third hop."""
    asked = await meeting(world, spy, monkeypatch)
    guards = {g for name in (ALICE, BOB) for g in world.nodes[name]._network.guards()}
    sticky = {
        middle
        for name in (ALICE, BOB)
        for guard in world.nodes[name]._network.guards()
        for middle in middles_of(world, name, guard)
    }
    passed_on = 0
    for node_id, seen in spy.relays.items():
        # What a client asks for at its own link, its guard carries on; nobody else is asked so.
        outer = [one for one in seen.opened if one.from_client and one.depth == 0]
        assert not outer or node_id in guards
        assert {one.target for one in outer} <= sticky
        # Inside, a second hop is asked for a third, which may be any relay and is asked for the
        # end. No relay is asked for anything further.
        inner = [one for one in seen.opened if one.from_client and one.depth == 1]
        assert not inner or node_id in sticky
        assert not [one for one in seen.opened if one.depth > 2]
        passed_on += len([one for one in seen.opened if one.from_client and one.depth == 2])
    assert passed_on > 10
    # So who holds a record or a mailbox learns no network address of who asks about it.
    for method in (RECORD_GET, RECORD_PUT, PREKEYS_TAKE):
        assert asked.depths.get(method, {FULL_TUNNEL}) == {FULL_TUNNEL}, method
    assert {RECORD_GET, PREKEYS_TAKE} <= asked.depths.keys()
    await world.crash(BOB)
    await world.person(BOB)
    await trio.sleep(30)
    assert asked.depths[OPEN] == {FULL_TUNNEL}
    # A snapshot says nothing of who wants it, and so a guard may be asked for its own.
    assert asked.depths[SNAPSHOT] <= {0, FULL_TUNNEL}


async def test_control_in_a_small_network_they_are_asked_from_the_guard_itself(
    world: World, autojump_clock: Clock, spy: Spy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "MIN_FULL_RELAYS", 10**6)
    asked = await meeting(world, spy, monkeypatch)
    assert asked.depths[RECORD_GET] == asked.depths[PREKEYS_TAKE] == {1}
