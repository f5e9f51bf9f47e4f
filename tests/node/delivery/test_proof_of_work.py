"""What senders do when a mailbox asks for work or is full: the questions, the work, the waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from zentalk.errors import UnavailableError
from zentalk.ids import DepositId, NodeId, SendId
from zentalk.mailbox.work import MARGIN_BITS, challenge, epoch_at, worth
from zentalk.net.runtime import Runtime
from zentalk.node import work_search
from zentalk.node.delivery import proof_of_work as module
from zentalk.node.delivery.events import MailboxAnswered
from zentalk.node.delivery.proof_of_work import MOST_BITS, ProofOfWork
from zentalk.node.messages.routes import DepositTarget
from zentalk.wire.deposit import ENVELOPE_LARGE_BYTES, NO_STAMP, Deposit
from zentalk.wire.rpc_send_ids import SendIdState, StateResponse, encode_state_response

WALL = 1_800_000_000.0
RELAY = NodeId(b"r" * 32)
TARGET = DepositTarget(RELAY, SendId(b"s" * 16), b"k" * 32, public=True)
PLAIN = Deposit(TARGET.send_id, DepositId(b"d" * 16), 86_400, None, b"sealed")


class Relay:
    """A mailbox relay behind tunnels: it answers with `state`, or with nothing."""

    def __init__(self) -> None:
        self.state: StateResponse | None = StateResponse(SendIdState.ACCEPTING, 0, 0)
        self.asked_at: list[float] = []
        self.answers: list[tuple[NodeId, SendId]] = []
        self.stamped: list[tuple[int, NodeId]] = []
        self.runtime = Runtime.virtual(1, WALL)
        self.work = ProofOfWork(self.runtime, self.tunnel)

    async def listen(self) -> None:
        """Sort the news of what is asked and of what is done."""
        while True:
            for event in await self.work.news():
                if isinstance(event, MailboxAnswered):
                    self.answers.append((event.relay, event.send_id))
                else:
                    self.stamped.append((event.number, event.relay))

    @asynccontextmanager
    async def tunnel(self, _relay: NodeId) -> AsyncIterator[Any]:
        self.asked_at.append(trio.current_time())
        if self.state is None:
            raise UnavailableError("no tunnel")
        yield self

    async def request(self, _body: bytes) -> bytes:
        await trio.sleep(0.1)
        assert self.state is not None
        return encode_state_response(self.state)

    def works(self, bits: int) -> None:
        self.state = StateResponse(SendIdState.WORK, bits, bits + 4)

    async def told(self, seconds: float = 1.0) -> None:
        """Let an overdue ack be noticed and the answer come."""
        self.work.silent(TARGET)
        await trio.sleep(seconds)


@pytest.fixture
async def relay(nursery: trio.Nursery) -> AsyncIterator[Relay]:
    made = Relay()
    nursery.start_soon(made.work.run)
    nursery.start_soon(made.listen)
    await trio.testing.wait_all_tasks_blocked()
    yield made
    nursery.cancel_scope.cancel()


async def test_without_a_reason_nothing_is_asked_and_no_work_is_done(
    autojump_clock: MockClock, relay: Relay
) -> None:
    assert relay.work.stamped(1, TARGET, PLAIN) is PLAIN
    await trio.sleep(100)
    assert (relay.asked_at, relay.stamped) == ([], [])


async def test_silence_is_asked_about_less_and_less(
    autojump_clock: MockClock, relay: Relay
) -> None:
    for _ in range(7200):
        relay.work.silent(TARGET)
        await trio.sleep(1)
    waits = [b - a for a, b in zip(relay.asked_at, relay.asked_at[1:], strict=False)]
    assert waits[0] == pytest.approx(module.FIRST_ASK_SECONDS, abs=2)
    assert waits[-1] == pytest.approx(module.LONGEST_ASK_SECONDS, abs=2)
    assert len(relay.asked_at) < 20
    assert relay.work.stamped(1, TARGET, PLAIN) is PLAIN


async def test_work_is_done_with_a_margin_once_and_for_the_sealed_copy(
    autojump_clock: MockClock, relay: Relay
) -> None:
    relay.works(8)
    await relay.told()
    assert relay.answers == [(TARGET.relay, TARGET.send_id)]
    assert relay.work.stamped(1, TARGET, PLAIN) is None
    await trio.sleep(1)
    assert relay.stamped == [(1, RELAY)]
    made = relay.work.stamped(1, TARGET, PLAIN)
    assert made is not None
    assert made.stamp != NO_STAMP
    task = challenge(RELAY, made, epoch_at(WALL))
    assert worth(task, made.stamp.nonce) >= 8 + MARGIN_BITS
    assert relay.work.stamped(1, TARGET, PLAIN) == made  # it has not left yet
    relay.work.used(1, TARGET)
    assert relay.work.stamped(1, TARGET, PLAIN) is None  # a retry works anew


async def test_no_work_is_done_for_a_contacts_send_id(
    autojump_clock: MockClock, relay: Relay
) -> None:
    relay.works(8)
    await relay.told()
    contact = DepositTarget(TARGET.relay, TARGET.send_id, TARGET.key, public=False)
    assert relay.work.stamped(1, contact, PLAIN) is PLAIN
    await trio.sleep(10)
    assert relay.stamped == []


async def test_work_takes_a_quarter_of_the_time_however_much_is_asked_for(
    autojump_clock: MockClock, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices = []

    async def slow(function: Any) -> Any:
        slices.append(trio.current_time())
        await trio.sleep(1)
        return function()

    monkeypatch.setattr(work_search, "SLICE", 1 << 20)  # each search is done in one
    relay.work._runtime = replace(relay.runtime, run_blocking=slow)
    relay.works(8)
    await relay.told()
    for number in range(200):
        relay.work.stamped(number, TARGET, PLAIN)
    await trio.sleep(400)
    assert len(slices) == pytest.approx(100, abs=2)


async def test_old_work_is_done_again_and_old_answers_are_forgotten(
    autojump_clock: MockClock, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KNOWN_SECONDS", 10_000.0)
    relay.works(8)
    await relay.told()
    relay.work.stamped(1, TARGET, PLAIN)
    await trio.sleep(module.STAMP_SECONDS + 10)
    assert relay.work.stamped(1, TARGET, PLAIN) is None
    await trio.sleep(10_000)
    assert relay.work.stamped(1, TARGET, PLAIN) is PLAIN


@pytest.mark.parametrize(
    "state",
    [
        StateResponse(SendIdState.FULL, 0, 0),
        StateResponse(SendIdState.WORK, MOST_BITS + 1, MOST_BITS + 5),
    ],
)
async def test_a_full_or_too_dear_mailbox_gets_nothing_until_it_says_otherwise(
    autojump_clock: MockClock, relay: Relay, state: StateResponse
) -> None:
    relay.state = state
    await relay.told()
    assert relay.work.closed(TARGET, PLAIN)
    for _ in range(3600):
        assert relay.work.stamped(1, TARGET, PLAIN) is None
        await trio.sleep(1)
    waits = [b - a for a, b in zip(relay.asked_at, relay.asked_at[1:], strict=False)]
    assert waits[0] <= module.CLOSED_SECONDS + 1, "whoever is online collects within seconds"
    assert waits[-1] >= module.LONGEST_ASK_SECONDS
    assert len(relay.asked_at) < 18
    assert relay.stamped == []
    relay.state = StateResponse(SendIdState.ACCEPTING, 0, 0)
    told = len(relay.answers)
    for _ in range(700):
        relay.work.stamped(1, TARGET, PLAIN)
        await trio.sleep(1)
    assert len(relay.answers) > told
    assert relay.work.stamped(1, TARGET, PLAIN) is PLAIN


async def test_what_is_held_back_is_looked_at_when_the_mailbox_may_be_asked_again(
    autojump_clock: MockClock, relay: Relay
) -> None:
    relay.works(8)
    await relay.told()
    assert relay.work.next_look(TARGET, PLAIN) == trio.current_time() + module.LOOK_SECONDS
    relay.state = StateResponse(SendIdState.FULL, 0, 0)
    await trio.sleep(module.FIRST_ASK_SECONDS)
    await relay.told()
    left = relay.work.next_look(TARGET, PLAIN) - trio.current_time()
    assert 1 <= left <= module.CLOSED_SECONDS
    for _ in range(300):
        relay.work.stamped(1, TARGET, PLAIN)
        left = relay.work.next_look(TARGET, PLAIN) - trio.current_time()
        assert 1 <= left <= module.LOOK_SECONDS
        await trio.sleep(1)


async def test_the_most_work_is_bounded(
    autojump_clock: MockClock, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay.works(MOST_BITS)
    await relay.told()
    assert not relay.work.closed(TARGET, PLAIN)
    assert relay.work.closed(TARGET, replace(PLAIN, envelope=bytes(ENVELOPE_LARGE_BYTES)))
    searched: list[int] = []

    async def find(_runtime: object, _task: object, bits: int, _wanted: object) -> None:
        await trio.lowlevel.checkpoint()
        searched.append(bits)

    monkeypatch.setattr(module, "find_stamp", find)
    relay.work.stamped(1, TARGET, PLAIN)
    await trio.sleep(1)
    assert searched == [MOST_BITS], "no margin beyond it"


async def test_a_search_ends_after_an_hour(
    autojump_clock: MockClock, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(_search: Any) -> Any:
        await trio.sleep(60)

    relay.work._runtime = replace(relay.runtime, run_blocking=slow)
    relay.works(MOST_BITS)
    await relay.told()
    relay.work.stamped(1, TARGET, PLAIN)
    await trio.sleep(work_search.LONGEST_SEARCH_SECONDS - 100)
    assert relay.work._jobs
    await trio.sleep(200)
    assert not relay.work._jobs
    assert relay.stamped == []


async def test_a_contacts_mailbox_is_never_asked(autojump_clock: MockClock, relay: Relay) -> None:
    """It would say that it accepts, whatever it does."""
    relay.work.silent(DepositTarget(TARGET.relay, TARGET.send_id, TARGET.key, public=False))
    await trio.sleep(100)
    assert relay.asked_at == []


async def test_no_tunnel_is_no_answer(autojump_clock: MockClock, relay: Relay) -> None:
    relay.state = None
    await relay.told()
    assert relay.work.stamped(1, TARGET, PLAIN) is PLAIN
    assert relay.answers == []


async def test_what_is_kept_is_bounded(
    autojump_clock: MockClock, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_KNOWN", 5)
    monkeypatch.setattr(module, "MAX_JOBS", 3)
    for number in range(20):
        send_id = SendId(number.to_bytes(16, "big"))
        relay.work.silent(DepositTarget(RELAY, send_id, b"k" * 32, public=True))
    assert len(relay.work._known) == 5
    relay.works(8)
    await relay.told(5)
    for number in range(10):
        relay.work.stamped(number, TARGET, PLAIN)
    assert len(relay.work._jobs) == 3


async def test_a_full_mailbox_that_cannot_be_asked_any_more_is_tried_again(
    autojump_clock: MockClock, relay: Relay
) -> None:
    relay.state = StateResponse(SendIdState.FULL, 0, 0)
    await relay.told()
    relay.state = None
    for _ in range(1790):
        assert relay.work.stamped(1, TARGET, PLAIN) is None
        await trio.sleep(1)
    await trio.sleep(20)
    assert len(relay.asked_at) > 3
    assert relay.work.stamped(1, TARGET, PLAIN) is PLAIN
    assert not relay.work.closed(TARGET, PLAIN)
