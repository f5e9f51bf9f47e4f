"""The mailbox of a running relay, over small fake connections and under a virtual clock."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from tests.mailbox.support import (
    boxes,
    entry,
    key_id,
    pool_prekeys,
    send_id,
    stored,
)
from tests.relay.mailbox_world import (
    KEYS,
    RELAY,
    Owner,
    World,
    number_in,
    online,
    payload,
    running,
    settle,
)
from zentalk.errors import AuthenticationError, RefusedError, StorageFullError
from zentalk.ids import MailboxId, NodeId, SendId
from zentalk.mailbox import proof as proof_module
from zentalk.mailbox.settings import MailboxProfile, MailboxSettings
from zentalk.mailbox.storage import PutEnvelope
from zentalk.store.mailbox.memory import MemoryMailboxStore
from zentalk.store.mailbox.sqlite import SqliteMailboxStore
from zentalk.wire import rpc_mailbox as rpc
from zentalk.wire import rpc_prekeys, rpc_send_ids
from zentalk.wire.rpc_send_ids import SendIdKind


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteMailboxStore]:
    opened = SqliteMailboxStore(tmp_path / "queue.db")
    yield opened
    opened.close()


# --- the main path -----------------------------------------------------------------------------


async def test_b1_mail_for_an_online_owner_is_pushed_at_once_and_never_written(
    autojump_clock: trio.testing.MockClock, store: SqliteMailboxStore
) -> None:
    async with running(World(store)) as world:
        bob = await online(world)
        bob.acks_at_once = True
        commits = world.counter("commits")
        for number in range(50):
            world.deposit(number)
        assert [number_in(push) for push in bob.pushes] == list(range(50))
        await trio.sleep(7)
        assert world.acked() == list(range(50))
        assert (stored(store), world.counter("written")) == (0, 0)
        assert world.counter("commits") == commits


async def test_b2_a4_mail_for_an_absent_owner_waits_for_him(
    autojump_clock: trio.testing.MockClock, store: SqliteMailboxStore
) -> None:
    async with running(World(store)) as world:
        (await online(world)).lose()
        for number in range(3):
            world.deposit(number)
        await trio.sleep(7)
        assert world.acked() == [0, 1, 2]
        assert stored(store) == 3
        bob = await Owner(world).open(2)
        await settle()
        assert bob.ack_all() == [0, 1, 2]
        await settle()
        assert stored(store) == 0


async def test_b3_a_long_queue_comes_in_order_through_a_small_window(
    autojump_clock: trio.testing.MockClock, store: SqliteMailboxStore
) -> None:
    async with running(World(store)) as world:
        (await online(world)).lose()
        for number in range(90):
            world.deposit(number)
        await settle()
        bob = Owner(world)
        bob.acks_at_once = True
        await bob.open(2, window=4)
        await settle(3)
        assert [number_in(push) for push in bob.pushes] == list(range(90))
        assert stored(store) == 0


async def test_no_task_is_made_per_deposit_and_all_share_few_commits(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running(World(MemoryMailboxStore())) as world:
        (await online(world)).lose()
        await settle()
        tasks = trio.lowlevel.current_statistics().tasks_living
        commits = world.counter("commits")
        for number in range(100):
            world.deposit(number)
        assert trio.lowlevel.current_statistics().tasks_living == tasks
        await settle()
        assert stored(world.store) == 100
        assert world.counter("commits") == commits + 1


async def test_ack_tokens_are_pushed_or_kept(
    autojump_clock: trio.testing.MockClock, store: SqliteMailboxStore
) -> None:
    async with running(World(store)) as world:
        bob = await Owner(world).open(1)
        await bob.register(entry("ack", SendIdKind.ACK))
        world.service.ack_token(rpc.encode_token_payload(send_id("ack"), b"1" * 32))
        bob.lose()
        world.service.ack_token(rpc.encode_token_payload(send_id("ack"), b"2" * 32))
        world.service.ack_token(b"too short")
        again = await Owner(world).open(2)
        assert [call.token[:1] for call in bob.tokens + again.tokens] == [b"1", b"2"]
        assert world.counter("refused_malformed") == 1


async def test_k51_deferred_mail_stays_and_only_a_collector_may_defer(
    autojump_clock: trio.testing.MockClock, store: SqliteMailboxStore
) -> None:
    async with running(World(store)) as world:
        bob = await Owner(world).open(1)
        await bob.register(entry("bob", SendIdKind.PUBLIC))
        world.deposit(1)
        await settle()
        [push] = bob.pushes
        request = rpc.encode_defer_request([push.seq, 77])
        rpc.decode_defer_response(await bob.ask(request))
        await settle()
        assert (world.counter("deferred"), stored(store)) == (1, 1)
        with pytest.raises(RefusedError, match="closed"):
            rpc.decode_defer_response(await Owner(world, "carol").ask(request))


async def test_prekeys_and_states_over_the_wire(
    autojump_clock: trio.testing.MockClock, store: SqliteMailboxStore
) -> None:
    async with running(World(store)) as world:
        bob = await Owner(world).open(1)
        await bob.register(entry("public", SendIdKind.PUBLIC))
        put = rpc_prekeys.encode_prekeys_put_request(
            rpc_prekeys.PrekeysPutRequest(pool_prekeys(b"one", b"two"))
        )
        assert rpc_prekeys.decode_prekeys_put_response(await bob.ask(put)) == 2
        stranger = Owner(world, "carol")
        take = rpc_prekeys.encode_prekeys_take_request(
            rpc_prekeys.PrekeysTakeRequest(send_id("public"), bytes(16))
        )
        taken = [
            rpc_prekeys.decode_prekeys_take_response(await stranger.ask(take)) for _ in range(2)
        ]
        assert [response.blob for response in taken] == [b"one", b"one"]
        count = rpc_prekeys.decode_prekeys_count_response(
            await bob.ask(rpc_prekeys.encode_prekeys_count_request(with_ids=True))
        )
        left = (key_id(b"two"),)
        assert count == rpc_prekeys.PrekeysCountResponse(1, False, left)
        state = rpc_send_ids.decode_state_response(
            await stranger.ask(rpc_send_ids.encode_state_request(send_id("public")))
        )
        assert state.state is rpc_send_ids.SendIdState.ACCEPTING
        with pytest.raises(RefusedError, match="closed"):
            await stranger.ask(rpc_prekeys.encode_prekeys_count_request(with_ids=False))


# --- connections -------------------------------------------------------------------------------


async def test_d6_k30_a_second_registration_replaces_the_first_and_stays(
    autojump_clock: trio.testing.MockClock, store: SqliteMailboxStore
) -> None:
    async with running(World(store)) as world:
        first = await online(world)
        world.deposit(1)
        second = await Owner(world).open(2)
        assert first.closed
        assert first.told_why
        first.lose()  # its clean-up comes late
        await settle()
        world.deposit(2)
        assert second.ack_all() == [1, 2]
        with pytest.raises(RefusedError, match="stale"):
            await Owner(world).open(2)
        with pytest.raises(RefusedError, match="closed"):
            await first.ask(rpc_prekeys.encode_prekeys_count_request(with_ids=False))


async def test_d10_a_link_that_breaks_under_a_push_loses_nothing(
    autojump_clock: trio.testing.MockClock, store: SqliteMailboxStore
) -> None:
    async with running(World(store)) as world:
        bob = await online(world)
        bob.broken = True
        world.deposit(1)
        world.deposit(2)
        await trio.sleep(7)
        assert world.acked() == [1, 2]
        assert world.service.stats().online == 0
        again = await Owner(world).open(2)
        await settle()
        assert again.ack_all() == [1, 2]


async def test_b5_a_lost_ack_leads_to_a_second_delivery_and_b7_to_nothing_else(
    autojump_clock: trio.testing.MockClock, store: SqliteMailboxStore
) -> None:
    async with running(World(store)) as world:
        bob = await online(world)
        world.deposit(1)
        old = bob.pushes[0].seq
        bob.lose()
        again = await Owner(world).open(2)
        await settle()
        assert again.pushes[0].seq == old
        again.ack(old)
        again.ack(old, old, old)
        await settle()
        assert stored(store) == 0


# --- K9, K10 -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("method", ["state", "take"])
async def test_k9_ten_thousand_guesses_get_the_same_bytes(
    autojump_clock: trio.testing.MockClock, method: str
) -> None:
    """Ids that do not exist, and ids that do but are not for the asker, answer alike."""
    draw = random.Random(9)
    async with running(World(MemoryMailboxStore())) as world:
        bob = await Owner(world).open(1)
        await bob.register(
            entry("contact"), entry("ack", SendIdKind.ACK), entry("past", SendIdKind.PUBLIC, 0, 1)
        )
        known = [send_id(name) for name in ("contact", "ack", "past")]
        mallory = Owner(world, "mallory")
        answers = set()
        for number in range(10_000):
            guess = known[number % 3] if number < 30 else SendId(draw.randbytes(16))
            body = rpc_send_ids.encode_state_request(guess)
            if method == "take":
                body = rpc_prekeys.encode_prekeys_take_request(
                    rpc_prekeys.PrekeysTakeRequest(guess, draw.randbytes(16))
                )
            answers.add(await world.dispatcher.request(mallory, body))  # type: ignore[arg-type]
        assert len(answers) == 1


async def test_k9_a_wrong_proof_fails_alike_for_known_and_unknown_mailboxes(
    autojump_clock: trio.testing.MockClock, store: SqliteMailboxStore
) -> None:
    async with running(World(store)) as world:
        await online(world)
        mallory = Owner(world, "mallory")
        messages = set()
        for mailbox in (KEYS["bob"].public, KEYS["carol"].public):
            forged = rpc.OpenRequest(MailboxId(mailbox), 9, mallory.proof(9).signature, 5)
            with pytest.raises(AuthenticationError) as refusal:
                await mallory.ask(rpc.encode_open_request(forged))
            messages.add(str(refusal.value))
        assert len(messages) == 1
        assert len(boxes(store)) == 1


async def _replay_a_captured_proof(world: World) -> list[int]:
    """Bob's proof, seen on his link, is shown on Mallory's; what does she collect?"""
    bob = await online(world)
    captured = bob.proof(7)  # for a registration that Bob has not made yet
    bob.lose()
    world.deposit(1)
    await settle()
    mallory = Owner(world, "mallory")
    await mallory.ask(rpc.encode_open_request(captured))
    await settle()
    return mallory.ack_all()


async def test_k10_a_captured_proof_on_another_link_is_refused(
    autojump_clock: trio.testing.MockClock, store: SqliteMailboxStore
) -> None:
    async with running(World(store)) as world:
        with pytest.raises(AuthenticationError):
            await _replay_a_captured_proof(world)
        assert stored(store) == 1


async def test_k10_control_a_proof_not_bound_to_the_link_lets_the_thief_collect(
    autojump_clock: trio.testing.MockClock,
    store: SqliteMailboxStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unbound(handshake_hash: bytes, relay: bytes, generation: int) -> bytes:
        return relay + generation.to_bytes(8, "big")

    monkeypatch.setattr(proof_module, "_signed", unbound)
    async with running(World(store)) as world:
        assert await _replay_a_captured_proof(world) == [1]


@pytest.mark.parametrize("change", ["relay", "generation", "mailbox", "signature"])
async def test_k10_every_part_of_a_proof_counts(
    autojump_clock: trio.testing.MockClock, store: SqliteMailboxStore, change: str
) -> None:
    async with running(World(store)) as world:
        bob = Owner(world)
        good = bob.proof(3)
        if change == "relay":
            relay = NodeId(RELAY[::-1])
            signature = proof_module.sign_collect(bob.key, bob.handshake_hash, relay, 3)
            bad = rpc.OpenRequest(good.mailbox, 3, signature, 5)
        elif change == "generation":
            bad = rpc.OpenRequest(good.mailbox, 4, good.signature, 5)
        elif change == "mailbox":
            bad = rpc.OpenRequest(MailboxId(KEYS["carol"].public), 3, good.signature, 5)
        else:
            bad = rpc.OpenRequest(good.mailbox, 3, bytes(64), 5)
        with pytest.raises(AuthenticationError):
            await bob.ask(rpc.encode_open_request(bad))
        assert boxes(store) == ()
        assert world.service.stats().online == 0


async def test_k10_a_sender_can_neither_collect_nor_delete(
    autojump_clock: trio.testing.MockClock, store: SqliteMailboxStore
) -> None:
    async with running(World(store)) as world:
        (await online(world)).lose()
        world.deposit(1)
        await settle()
        sender = await Owner(world, "mallory").open(1)
        sender.ack(*range(100))
        with pytest.raises(RefusedError, match="taken"):
            await sender.register(entry("bob"))
        await settle()
        assert sender.pushes == []
        assert stored(store) == 1


# --- storage that fails ------------------------------------------------------------------------


class _FullDisk(SqliteMailboxStore):
    full = False

    def apply(self, operations):  # type: ignore[no-untyped-def]
        if self.full and any(isinstance(item, PutEnvelope) for item in operations):
            raise StorageFullError("no space left on device")
        return super().apply(operations)


async def test_k25_a_full_disk_acknowledges_nothing_and_collecting_goes_on(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    store = _FullDisk(tmp_path / "queue.db")
    with capture_logs() as log:
        await _fill_and_empty(store)
    store.close()
    # Once each, however often it happened.
    assert [(line["event"], line.get("reason")) for line in log] == [
        ("mail_cannot_be_stored", "full"),
        ("mail_can_be_stored_again", None),
    ]


async def _fill_and_empty(store: _FullDisk) -> None:
    async with running(World(store)) as world:
        (await online(world)).lose()
        world.deposit(1)
        await settle()
        store.full = True
        world.deposit(2)
        bob = Owner(world)
        await bob.open(2)  # in one batch with the deposit that fails
        await settle()
        assert bob.ack_all() == [1]
        await trio.sleep(10)
        assert world.acked() == [1]
        assert stored(store) == 0
        store.full = False
        bob.lose()
        world.deposit(4)
        await trio.sleep(10)
        assert 4 in world.acked()
        assert world.counter("storage_failures") > 1


async def test_b9_expired_mail_is_swept_at_start_at_intervals_and_on_request(
    autojump_clock: trio.testing.MockClock, store: SqliteMailboxStore
) -> None:
    settings = MailboxSettings(sweep_seconds=3600)
    async with running(World(store, settings)) as world:
        (await online(world)).lose()
        world.deposit(1, ttl_seconds=3600)
        world.deposit(2, ttl_seconds=5 * 3600)
        world.deposit(3, ttl_seconds=9 * 3600)
        await trio.sleep(2.5 * 3600)
        assert stored(store) == 2
        world.service.sweep()
        await settle()
        assert world.service.stats().counters["sweeps"] == 4
        await trio.sleep(0.5 * 3600)
    # away for hours: the next start removes what expired meanwhile
    await trio.sleep(4 * 3600)
    async with running(World(store, settings)):
        await settle()
        assert stored(store) == 1


async def test_mail_that_only_memory_holds_is_written_when_the_relay_stops(
    autojump_clock: trio.testing.MockClock, store: SqliteMailboxStore
) -> None:
    async with running(World(store)) as world:
        await online(world)
        world.deposit(1)
        assert stored(store) == 0
    assert stored(store) == 1
    async with running(World(store)) as world:
        bob = await Owner(world).open(2)
        await settle()
        assert bob.ack_all() == [1]


async def test_before_the_start_and_after_the_end_nothing_is_taken(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World(MemoryMailboxStore())
    world.deposit(1)
    with pytest.raises(RefusedError, match="starting"):
        await Owner(world).open(1)
    async with running(world):
        assert world.counter("refused_starting") == 1
        await online(world)
    with pytest.raises(RefusedError, match="starting"):
        await Owner(world).open(2)
    world.service.ack_token(bytes(48))
    assert world.counter("refused_starting") == 2


async def test_d11_a_malformed_deposit_is_counted_and_dropped(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running(World(MemoryMailboxStore())) as world:
        bob = await online(world)
        world.service.deposit(b"")
        world.service.deposit(payload(1)[:-1])
        world.deposit(2)
        assert [number_in(push) for push in bob.pushes] == [2]
        assert world.counter("refused_malformed") == 2


async def test_what_was_counted_is_known_after_the_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The last status of a relay is written once everything has ended."""
    async with running(World(MemoryMailboxStore())) as world:
        await online(world)
        world.deposit(1)
        await trio.sleep(10)
        assert world.counter("deposited") == 1
    assert world.counter("deposited") == 1
    assert world.service.stats().total == 1


async def test_d18_with_the_memory_profile_nothing_survives_a_restart(
    autojump_clock: trio.testing.MockClock,
) -> None:
    settings = MailboxSettings(profile=MailboxProfile.MEMORY)
    async with running(World(MemoryMailboxStore(), settings)) as world:
        (await online(world)).lose()
        world.deposit(1)
        await trio.sleep(10)
        assert stored(world.store) == 1
        assert world.acks == []
    async with running(World(MemoryMailboxStore(), settings)) as world:
        bob = await Owner(world).open(2)
        await settle()
        assert bob.pushes == []


async def test_nothing_secret_shows_itself(autojump_clock: trio.testing.MockClock) -> None:
    """K23: no id, key or envelope in the repr of what may end up in a log."""
    async with running(World(MemoryMailboxStore())) as world:
        await online(world)
        world.deposit(1)
        core = world.service._driver._core
        assert core is not None
        shown = repr(world.service) + repr(core) + repr(world.service.stats())
        shown += "".join(repr(box) for box in core._registry.mailboxes.values())
        for secret in (send_id("bob"), KEYS["bob"].public):
            assert repr(bytes(secret))[2:12] not in shown
            assert secret.hex()[:10] not in shown


# --- K27 ---------------------------------------------------------------------------------------


class _Traffic:
    """16 messages in flight until 10,000 are acknowledged; an owner whose link dies at random."""

    TOTAL = 10_000
    IN_FLIGHT = 16
    RETRY_SECONDS = 10.0

    def __init__(self, world: World) -> None:
        self.world = world
        self.draw = random.Random(27)
        self.waiting: dict[int, trio.Event] = {}
        self.next_number = 0
        self.history: list[int] = []
        self.known: set[int] = set()
        self.generation = 1
        self.owner: Owner | None = None
        world.on_ack = self._acked

    def _acked(self, number: int) -> None:
        if number in self.waiting:
            self.waiting[number].set()

    async def send_all(self) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(self.IN_FLIGHT):
                nursery.start_soon(self._sender)

    async def _sender(self) -> None:
        while self.next_number < self.TOTAL:
            number = self.next_number
            self.next_number += 1
            done = self.waiting[number] = trio.Event()
            while not done.is_set():
                self.world.deposit(number)
                with trio.move_on_after(self.RETRY_SECONDS):
                    await done.wait()
            del self.waiting[number]

    async def collect(self) -> None:
        while True:
            self.generation += 1
            self.owner = owner = await Owner(self.world).open(self.generation, window=32)
            for _ in range(self.draw.randrange(1, 40)):
                await trio.sleep(self.draw.random())
                self._save_and_ack(owner)
            owner.lose()
            await trio.sleep(self.draw.random() * 10)

    def _save_and_ack(self, owner: Owner) -> None:
        """One transaction per message, then the ack; sometimes the ack is lost."""
        pushes, owner.pushes = owner.pushes, []
        for push in pushes:
            number = number_in(push)
            if number not in self.known:
                self.known.add(number)
                self.history.append(number)
        if self.draw.random() > 0.05:
            owner.ack(*(push.seq for push in pushes))


@pytest.mark.slow
async def test_k27_ten_thousand_messages_none_confirmed_but_missing(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    store = SqliteMailboxStore(tmp_path / "queue.db")
    store._connection.execute("PRAGMA synchronous = OFF")  # no power is cut here
    async with running(World(store)) as world:
        (await online(world)).lose()
        traffic = _Traffic(world)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(traffic.collect)
            await traffic.send_all()
            await trio.sleep(200)
            nursery.cancel_scope.cancel()
        confirmed = set(world.acked())
        assert len(confirmed) == traffic.TOTAL
        assert confirmed - set(traffic.history) == set()
        assert len(traffic.history) == len(set(traffic.history)) == traffic.TOTAL
        assert stored(store) == 0
        assert world.counter("written") > 1000  # the hard way was taken too
    store.close()


async def test_k27_control_an_owner_who_acks_before_saving_misses_mail(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(self: _Traffic, owner: Owner) -> None:
        pushes, owner.pushes = owner.pushes, []
        owner.ack(*(push.seq for push in pushes))
        if self.draw.random() > 0.05:  # else the process dies here
            self.history += [number_in(push) for push in pushes]

    monkeypatch.setattr(_Traffic, "_save_and_ack", careless)
    monkeypatch.setattr(_Traffic, "TOTAL", 500)
    async with running(World(MemoryMailboxStore())) as world:
        (await online(world)).lose()
        traffic = _Traffic(world)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(traffic.collect)
            await traffic.send_all()
            await trio.sleep(200)
            nursery.cancel_scope.cancel()
        assert set(world.acked()) - set(traffic.history)


async def test_what_happens_is_the_same_in_two_runs(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Traffic, "TOTAL", 200)
    monkeypatch.setattr(_Traffic, "IN_FLIGHT", 1)
    runs = []
    for _ in range(2):
        begun = trio.current_time()
        async with running(World(MemoryMailboxStore())) as world:
            (await online(world)).lose()
            traffic = _Traffic(world)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(traffic.collect)
                await traffic.send_all()
                nursery.cancel_scope.cancel()
            runs.append([(round(at - begun, 6), number) for at, number in world.acks])
    assert runs[0] == runs[1]
