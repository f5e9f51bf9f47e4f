"""What a node keeps, and when: killed at every step, restored from a copy (K11, K27, K29, K34)."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.crypto import aead
from zentalk.crypto.aead import AesKey
from zentalk.errors import StorageError
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.delivery.reconfirming import ROUND_SECONDS
from zentalk.node.delivery.session_recovery import SessionRecovery
from zentalk.node.messages import ordering
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.routes import DepositTarget
from zentalk.session import ratchet as ratchet_module
from zentalk.session.chains import SALT_BYTES
from zentalk.session.ratchet import Ratchet
from zentalk.session.renewal import RENEW_INTERVAL_SECONDS
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import StoredMessage
from zentalk.wire.content import Content

pytestmark = pytest.mark.e2e

Write = Callable[[HistoryDatabase, Any], Awaitable[Any]]


async def acquainted(world: World, relays: int = 4) -> None:
    await world.relay_net(relays)
    await world.person("alice")
    await world.person("bob")
    await world.friends("alice", "bob")
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        first = await world.send(sender, reader, "hello")
        await world.until_state(sender, first, "delivered")


async def back(world: World, name: str) -> None:
    """Start somebody again who has died by itself."""
    await trio.testing.wait_all_tasks_blocked()
    world.memory.revive(name)
    await world.person(name)


async def die(world: World, name: str) -> None:
    """Die here: nothing of what follows in this task happens."""
    world.memory.kill(name)
    world._scopes[name].cancel()
    await trio.sleep_forever()


def saves_mail(database: HistoryDatabase, job: Any, world: World, name: str) -> bool:
    """Tell whether a write job is the one that saves what somebody received."""
    own = world.nodes[name]._database
    return database is own and "Receiver._save" in getattr(job, "__qualname__", "")


# --- K11: save, ack, confirm --------------------------------------------------------------------

STEPS = ["before the save", "before the ack", "before the confirmation", "after it"]


def die_at(world: World, step: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """Let Bob die once at a step of saving a message; the answer tells whether he has."""
    deaths: list[str] = []
    write, carry_out = HistoryDatabase.write, Outbox.carry_out

    async def once(here: str) -> None:
        if here == step and not deaths:
            deaths.append(here)
            await die(world, "bob")

    async def dying_write(database: HistoryDatabase, job: Any) -> Any:
        if not saves_mail(database, job, world, "bob"):
            return await write(database, job)
        await once("before the save")
        answer = await write(database, job)
        await once("before the ack")
        return answer

    async def dying_carry_out(outbox: Outbox, effects: CommitEffects) -> None:
        if outbox is world.nodes["bob"]._outbox and effects.best_effort:
            await once("before the confirmation")
            await carry_out(outbox, effects)
            await once("after it")
        else:
            await carry_out(outbox, effects)

    monkeypatch.setattr(HistoryDatabase, "write", dying_write)
    monkeypatch.setattr(Outbox, "carry_out", dying_carry_out)
    return lambda: bool(deaths)


@pytest.mark.parametrize("waits", [False, True], ids=["while online", "from the queue"])
@pytest.mark.parametrize("step", STEPS)
async def test_k11_a_node_killed_between_save_ack_and_confirmation_has_everything_once(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch, step: str, waits: bool
) -> None:
    await acquainted(world)
    if waits:
        await world.crash("bob")
        sent = [await world.send("alice", "bob", f"{number}") for number in range(3)]
        await trio.sleep(30)
        dead = die_at(world, step, monkeypatch)
        await world.person("bob", ready=False)
    else:
        dead = die_at(world, step, monkeypatch)
        sent = [await world.send("alice", "bob", f"{number}") for number in range(3)]
    await world.until(dead, 60)
    await back(world, "bob")
    for message in sent:
        await world.until_state("alice", message, "delivered")
    await world.until_inbox("bob", "alice", ["hello", "0", "1", "2"])
    await world.until(lambda: world.holders() == [], 60)


async def test_k11_control_answers_before_the_save_lose_what_was_confirmed(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await acquainted(world)
    write = HistoryDatabase.write

    async def careless(database: HistoryDatabase, job: Any) -> Any:
        """Find out what to answer, and do not wait for the commit."""
        if not saves_mail(database, job, world, "bob"):
            return await write(database, job)
        answers: list[Any] = []

        def look(tx: Any) -> None:
            answers.append(job(tx))
            raise StorageError("never committed")

        with pytest.raises(StorageError):
            await write(database, look)
        return answers[0]

    monkeypatch.setattr(HistoryDatabase, "write", careless)
    message = await world.send("alice", "bob", "lost")
    await world.until_state("alice", message, "delivered")
    await world.crash("bob")
    monkeypatch.setattr(HistoryDatabase, "write", write)
    await world.person("bob")
    await trio.sleep(120)
    assert await world.inbox("bob", "alice") == ["hello"]


# --- K27: one transaction for each received message ---------------------------------------------


def fail_in_one_transaction(world: World, write: Write, chance: random.Random) -> Write:
    """Bob's disk fails now and then in the middle of a save; the whole save is undone."""

    async def failing(database: HistoryDatabase, job: Any) -> Any:
        if not saves_mail(database, job, world, "bob"):
            return await write(database, job)
        fails = chance.random() < 0.2

        def whole(tx: Any) -> Any:
            answer = job(tx)
            if fails:
                raise StorageError("the disk failed")
            return answer

        return await write(database, whole)

    return failing


def fail_between_two_transactions(
    world: World, write: Write, chance: random.Random, monkeypatch: pytest.MonkeyPatch
) -> Write:
    """The same disk, but ratchets and hashes are committed first and messages after them."""
    receive = ordering.receive
    later: list[Callable[[Any], Any]] = []

    def put_off(tx: Any, contact: Any, content: Content, *given: Any, **named: Any) -> Any:
        later.append(lambda tx: receive(tx, contact, content, *given, **named))
        return [content.message_id]

    async def failing(database: HistoryDatabase, job: Any) -> Any:
        if not saves_mail(database, job, world, "bob"):
            monkeypatch.setattr(ordering, "receive", receive)
            return await write(database, job)

        def first(tx: Any) -> Any:
            ordering.receive = put_off
            try:
                return job(tx)
            finally:
                ordering.receive = receive

        answer = await write(database, first)
        jobs, later[:] = list(later), []
        if chance.random() < 0.2:
            raise StorageError("the disk failed")
        await write(database, lambda tx: [save(tx) for save in jobs])
        return answer

    return failing


async def confirmed_and_shown(world: World, count: int) -> tuple[set[str], list[str]]:
    """Send with 16 in flight; return the ids that were confirmed and those that Bob shows."""
    in_flight = trio.Semaphore(16)
    sent: list[StoredMessage] = []

    async def one(number: int) -> None:
        async with in_flight:
            message = await world.send("alice", "bob", f"{number}")
            sent.append(message)
            await world.until_state("alice", message, "delivered")

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(one, number)
    await trio.sleep(ordering.HOLD_SECONDS + 1)
    shown: list[str] = []
    before: int | None = None
    while page := await world.nodes["bob"].messages(world.nodes["alice"].address, before, 1000):
        shown += [message.id for message in page if message.direction == "in"]
        before = page[0].seq
    return {message.id for message in sent}, shown


@pytest.mark.parametrize(
    "count", [80, pytest.param(2_000, marks=[pytest.mark.long, pytest.mark.slow])]
)
async def test_k27_saves_that_fail_half_way_leave_nothing_confirmed_but_missing(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    await acquainted(world)
    failing = fail_in_one_transaction(world, HistoryDatabase.write, random.Random(27))
    monkeypatch.setattr(HistoryDatabase, "write", failing)
    confirmed, shown = await confirmed_and_shown(world, count)
    assert len(confirmed) == count
    assert confirmed - set(shown) == set()
    assert len(shown) == len(set(shown)) == count + 1


async def test_k27_control_two_transactions_confirm_what_is_missing(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await acquainted(world)
    failing = fail_between_two_transactions(
        world, HistoryDatabase.write, random.Random(27), monkeypatch
    )
    monkeypatch.setattr(HistoryDatabase, "write", failing)
    confirmed, shown = await confirmed_and_shown(world, 80)
    assert confirmed - set(shown)


# --- K29: ratchets and identity are on disk -----------------------------------------------------


async def restart_between(world: World, lose: str) -> list[str]:
    """Bob is killed and comes back without what the query deletes; what does he read then?"""
    await acquainted(world)
    await world.crash("bob")
    with closing(sqlite3.connect(world.folder / "bob" / "history.db")) as database:
        database.execute(lose)
        database.commit()
    await world.person("bob")
    for number in range(2):
        await world.send("alice", "bob", f"{number}")
    await trio.sleep(120)
    return await world.inbox("bob", "alice")


async def test_k29_control_a_restart_that_forgets_ratchets_ends_the_conversation(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SessionRecovery, "run", do_nothing)
    assert await restart_between(world, "DELETE FROM ratchets") == ["hello"]


async def do_nothing(_recovery: SessionRecovery) -> None:
    await trio.sleep_forever()


async def test_k29_with_its_ratchets_the_conversation_goes_on(
    world: World, autojump_clock: Clock
) -> None:
    assert await restart_between(world, "DELETE FROM idempotency") == ["hello", "0", "1"]


async def test_k29_a_relay_keeps_its_identity_and_its_mail_when_killed(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    await world.crash("bob")
    message = await world.send("alice", "bob", "waiting")
    await world.until_state("alice", message, "sent")
    before = {name: relay.node_id for name, relay in world.relays.items()}
    await world.crash("alice")
    for relay in before:
        await world.crash(relay)
        await world.relay(relay)
    assert {name: relay.node_id for name, relay in world.relays.items()} == before
    await world.person("bob")
    await world.until_inbox("bob", "alice", ["hello", "waiting"])


# --- K34: an old copy of the data folder --------------------------------------------------------


class KeyStreams:
    """Key and nonce of everything that nodes encrypt end to end and seal for a mailbox."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.used: list[tuple[bytes, bytes]] = []
        seal_body, seal_copy, prepare = aead.aes_seal, aead.chacha_seal, AesKey.__init__

        def body(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
            self.used.append((bytes(key), nonce))
            return seal_body(key, nonce, plaintext, aad)

        def copy(key: bytes, nonce: bytes, plaintext: bytes, *aad: bytes) -> bytes:
            self.used.append((bytes(key), nonce))
            return seal_copy(key, nonce, plaintext, *aad)

        def watched(header_key: AesKey, secret: bytes) -> None:
            prepare(header_key, secret)
            seal_header = header_key.seal

            def header(nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
                self.used.append((bytes(secret), nonce))
                return seal_header(nonce, plaintext, aad)

            header_key.seal = header  # type: ignore[assignment]

        monkeypatch.setattr(ratchet_module, "aes_seal", body)
        monkeypatch.setattr(aead, "chacha_seal", copy)
        monkeypatch.setattr(AesKey, "__init__", watched)

    def repeated(self) -> int:
        """How many encryptions used a key and nonce that were used before."""
        return len(self.used) - len(set(self.used))


async def restore_and_send(world: World) -> None:
    """Alice goes on from a copy of her folder three times, and writes something else each time."""
    await acquainted(world)
    await world.crash("alice")
    shutil.copytree(world.folder / "alice", world.folder / "backup")
    for life in range(3):
        await world.crash("alice")
        shutil.rmtree(world.folder / "alice")
        shutil.copytree(world.folder / "backup", world.folder / "alice")
        await world.person("alice")
        for number in range(3):
            await world.send("alice", "bob", f"life {life}, text {number}")
        await trio.sleep(20)


async def test_k34_an_old_copy_of_the_folder_repeats_no_key_stream(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = KeyStreams(monkeypatch)
    await restore_and_send(world)
    assert len(streams.used) > 60
    texts = await world.inbox("bob", "alice")
    assert texts[:4] == ["hello", *(f"life 0, text {number}" for number in range(3))]
    # The first loss has healed; the second comes within the hour and has to wait for its end.
    await trio.sleep(RENEW_INTERVAL_SECONDS + 60)
    written = [f"life {life}, text {number}" for life in range(3) for number in range(3)]
    assert sorted(await world.inbox("bob", "alice")) == ["hello", *written]
    assert streams.repeated() == 0


async def test_k34_control_without_fresh_bytes_in_each_message_key_streams_repeat(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    encrypt = Ratchet.encrypt

    def stuck(self: Ratchet, content: bytes, entropy: Any, padded_bytes: int) -> Any:
        def draw(length: int) -> bytes:
            return bytes(length) if length == SALT_BYTES else bytes(entropy(length))

        return encrypt(self, content, draw, padded_bytes)

    monkeypatch.setattr(Ratchet, "encrypt", stuck)
    streams = KeyStreams(monkeypatch)
    await restore_and_send(world)
    assert streams.repeated() > 0


async def test_k34_a_retry_sends_the_ciphertext_that_was_stored_with_its_ratchet(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alice is killed after the commit and before anything left, then hears no ack for long."""
    await acquainted(world)
    await trio.sleep(2 * ROUND_SECONDS)  # acks of her confirmations are written down by then
    await world.crash("bob")
    sealed: list[bytes] = []
    seal, add = DepositTarget.seal, Outbox.add

    def watched(target: DepositTarget, inner: bytes, entropy: Any) -> bytes:
        if sender_is_alice(world, entropy):
            sealed.append(inner)
        return seal(target, inner, entropy)

    monkeypatch.setattr(Outbox, "add", lambda self, items: None)
    message = await world.send("alice", "bob", "only once encrypted")
    await world.crash("alice")
    monkeypatch.setattr(Outbox, "add", add)
    monkeypatch.setattr(Outbox, "token_received", lambda self, token: None)
    monkeypatch.setattr(DepositTarget, "seal", watched)
    with closing(sqlite3.connect(world.folder / "alice" / "history.db")) as database:
        [(stored,)] = database.execute("SELECT envelope FROM outbox").fetchall()
    await world.person("alice")
    await trio.sleep(120)
    assert len(sealed) > 5
    assert set(sealed) == {stored}
    monkeypatch.setattr(DepositTarget, "seal", seal)
    await world.person("bob")
    await world.until_state("alice", message, "delivered")
    assert await world.inbox("bob", "alice") == ["hello", "only once encrypted"]


def sender_is_alice(world: World, entropy: Any) -> bool:
    return entropy is world.nodes["alice"]._parts.delivery.outbox._entropy
