"""Packets that are lost, overtaken and repeated on the way (E9, K28, K39)."""

from __future__ import annotations

import random
import sqlite3
from collections import defaultdict
from contextlib import closing
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.errors import RemoteProtocolError
from zentalk.ids import UserAddress
from zentalk.node.delivery import outbox, retry_schedule
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.mailboxes.receiver import Receiver
from zentalk.node.messages import ordering
from zentalk.node.messages.routes import DepositTarget
from zentalk.relay.forwarding.router import Router
from zentalk.session.ratchet import Ratchet
from zentalk.session.skipped import SkippedKeys
from zentalk.store.history.models import StoredMessage

pytestmark = pytest.mark.e2e


async def acquainted(world: World, *names: str, relays: int = 4) -> None:
    await world.relay_net(relays)
    for name in names:
        await world.person(name)
    await world.friends(*names)
    for sender in names:
        for reader in names:
            if reader != sender:
                first = await world.send(sender, reader, "hello")
                await world.until_state(sender, first, "delivered")


def lose_and_swap(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """At every hop a packet is lost with 1 in 8, and held up for as long as 3 seconds."""
    chance = random.Random(seed)
    received = Router.packet_received

    async def later(router: Router, packet: bytes, lane: int, seconds: float) -> None:
        await trio.sleep(seconds)
        received(router, packet, lane)

    def lossy(router: Router, packet: bytes, lane: int = 0, account: object = None) -> None:
        if chance.random() > 0.125 and router._forwarder._nursery is not None:
            router._forwarder._nursery.start_soon(later, router, packet, lane, 3 * chance.random())

    monkeypatch.setattr(Router, "packet_received", lossy)


class Overheard:
    """Every ciphertext that went out, and the ratchet keys that each side saw of the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.keys: dict[str, set[bytes]] = defaultdict(set)
        self.inners: list[bytes] = []
        seal = DepositTarget.seal

        def watched(target: DepositTarget, inner: bytes, entropy: Any) -> bytes:
            self.inners.append(inner)
            return seal(target, inner, entropy)

        monkeypatch.setattr(DepositTarget, "seal", watched)

    def look(self, world: World) -> None:
        """Note the ratchet keys of this moment."""
        for name in ("alice", "bob"):
            path = world.folder / name / "history.db"
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                for (state,) in database.execute("SELECT state FROM ratchets"):
                    self.keys[name].add(Ratchet.from_bytes(state)._state.root.peer_public)


async def talk(
    world: World, turns: int, overheard: Overheard | None = None
) -> list[tuple[str, StoredMessage]]:
    """Both write now and then; return who sent what."""
    sent = []
    for number in range(turns):
        for sender, reader in (("alice", "bob"), ("bob", "alice")):
            sent.append((sender, await world.send(sender, reader, f"{number}")))
        await trio.sleep(2)
        if overheard is not None:
            overheard.look(world)
    return sent


async def read_by_a_third(world: World, name: str, inners: list[bytes]) -> int:
    """How many of these ciphertexts somebody reads who knows both others and has own ratchets."""
    sessions = world.nodes[name]._parts.incoming.receiver._inbox._sessions

    def job(tx: Any) -> int:
        count = 0
        for inner in inners:
            for other in ("alice", "bob"):
                contact = UserAddress(world.nodes[other].address)
                try:
                    sessions.decrypt(tx, contact, inner, 0.0)
                except RemoteProtocolError:
                    continue
                count += 1
        return count

    return await world.nodes[name]._database.write(job)


@pytest.mark.parametrize(
    ("seed", "turns"),
    [(1, 8), pytest.param(2, 60, marks=[pytest.mark.long, pytest.mark.slow])],
)
async def test_k28_packets_dropped_and_swapped_at_random_break_no_ratchet(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch, seed: int, turns: int
) -> None:
    await acquainted(world, "alice", "bob", "carol")
    overheard = Overheard(monkeypatch)
    lose_and_swap(monkeypatch, seed)
    for name, message in await talk(world, turns, overheard):
        await world.until_state(name, message, "delivered")
    await trio.sleep(ordering.HOLD_SECONDS)
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        texts = await world.inbox(reader, sender)
        assert texts[0] == "hello"
        assert sorted(texts[1:], key=int) == [f"{number}" for number in range(turns)]
        assert len(overheard.keys[sender]) > turns // 4, "keys rotate"
    assert {
        world.nodes[name]._parts.incoming.receiver.undecryptable for name in ("alice", "bob")
    } == {0}
    assert len(overheard.inners) > 4 * turns
    assert await read_by_a_third(world, "carol", overheard.inners) == 0


@pytest.mark.long
async def test_k28_control_without_skipped_keys_what_was_overtaken_is_never_read(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SkippedKeys, "add", lambda self, header_key, fresh: self)
    await acquainted(world, "alice", "bob")
    lose_and_swap(monkeypatch, 1)
    sent = await talk(world, 12)
    await trio.sleep(60)
    states = [(await world.nodes[name].message(message.id)).state for name, message in sent]
    assert {"sent", "delivered"} <= set(states), "some were read, and some never will be"


# --- K39: retries of mail that waits ------------------------------------------------------------


async def copies_without_acks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, set[int]]:
    """Bob is away and no compact ack is heard; return deposits sent and copies at each relay."""
    await acquainted(world, "alice", "bob")
    await trio.sleep(15)  # confirmations are acknowledged too, and leave no copies then
    await world.crash("bob")
    deposits = 0
    deposit = Outbox._deposit

    def counted(self: Outbox, *given: Any) -> Any:
        nonlocal deposits
        deposits += 1
        return deposit(self, *given)

    monkeypatch.setattr(Outbox, "_deposit", counted)
    monkeypatch.setattr(Outbox, "token_received", lambda self, token: None)
    for number in range(3):
        await world.send("alice", "bob", f"{number}")
    await trio.sleep(480)
    return deposits, {world.envelopes(relay) for relay in world.mailbox_relays("bob")}


async def test_k39_retries_without_an_ack_leave_one_copy_and_the_quota_alone(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    deposits, copies = await copies_without_acks(world, monkeypatch)
    assert deposits > 50
    assert copies == {3}
    await world.person("bob")
    await world.until_inbox("bob", "alice", ["hello", "0", "1", "2"])


async def test_k39_control_a_new_deposit_id_for_each_retry_fills_the_mailbox(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(39)
    monkeypatch.setattr(outbox, "blake2b_256", lambda *parts: chance.randbytes(32))
    _, copies = await copies_without_acks(world, monkeypatch)
    assert min(copies) > 20


# --- E9: at least once on the wire, once in the history -----------------------------------------


async def test_e9_b5_two_copies_of_everything_are_shown_and_told_once(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await acquainted(world, "alice", "bob")
    monkeypatch.setattr(retry_schedule, "SECOND_RELAY_SECONDS", 0.0)
    monkeypatch.setattr(retry_schedule, "ROUND_TRIPS", 0)
    pushed = 0
    push = Receiver.push

    def counted(receiver: Receiver, *given: Any) -> None:
        nonlocal pushed
        pushed += receiver is world.nodes["bob"]._parts.incoming.receiver
        push(receiver, *given)

    monkeypatch.setattr(Receiver, "push", counted)
    for number in range(10):
        message = await world.send("alice", "bob", f"{number}")
        await world.until_state("alice", message, "delivered")
    await trio.sleep(30)
    assert pushed >= 20
    assert await world.inbox("bob", "alice") == ["hello", *map(str, range(10))]
    told = [e for e in await world.nodes["bob"].events(0) if e.type == "message.received"]
    assert [e.data["text"] for e in told] == ["hello", *map(str, range(10))]
    heard = [e for e in await world.nodes["alice"].events(0) if e.type == "message.state"]
    confirmed = [e.data["id"] for e in heard if e.data["state"] == "delivered"]
    assert len(confirmed) == len(set(confirmed)) == 11
