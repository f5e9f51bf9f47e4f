"""Collection at the owner's pace: nothing is pushed, and what waits is asked for."""

from __future__ import annotations

import pytest
import trio.testing

from tests.mailbox.support import entry
from tests.relay.mailbox_world import Owner, World, number_in, running, settle
from zentalk.errors import RefusedError
from zentalk.ids import DepositId, SendId
from zentalk.relay.mailbox.poll_queue import MAX_KEPT_TOKENS, PollQueue
from zentalk.store.mailbox.memory import MemoryMailboxStore
from zentalk.wire.deposit import ENVELOPE_LARGE_BYTES
from zentalk.wire.rpc_mailbox import PushNotification, TokenNotification
from zentalk.wire.rpc_poll import (
    PollRequest,
    PollResponse,
    decode_poll_response,
    encode_poll_request,
)

WINDOW = 8


async def poll(owner: Owner, *acked: int, large: bool = False) -> PollResponse:
    return decode_poll_response(await owner.ask(encode_poll_request(PollRequest(acked, large))))


async def paced(world: World) -> Owner:
    bob = Owner(world)
    assert await poll(bob) == PollResponse()
    await bob.open(window=WINDOW)
    await bob.register(entry("bob"))
    return bob


async def test_mail_waits_for_polls_and_is_deleted_by_their_acks(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running(World(MemoryMailboxStore())) as world:
        bob = await paced(world)
        for number in range(12):
            world.deposit(number)
        await settle()
        assert bob.pushes == []
        got: list[int] = []
        acked: list[int] = []
        for turn in range(6):
            large = turn == 3
            answer = await poll(bob, *acked, large=large)
            assert len(answer.pushes) == 1 or large
            got += [number_in(push) for push in answer.pushes]
            acked = [push.seq for push in answer.pushes]
            await settle()
        assert got == list(range(12))
        assert await poll(bob, *acked) == PollResponse()
        await settle()
        assert world.service.stats().acknowledged == 12


async def test_control_a_link_that_never_polled_is_pushed_to_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running(World(MemoryMailboxStore())) as world:
        bob = await Owner(world).open()
        await bob.register(entry("bob"))
        world.deposit(0)
        await settle()
        assert len(bob.pushes) == 1
        with pytest.raises(RefusedError, match="opened"):
            await poll(bob)


async def test_before_opening_no_answer_is_larger_than_its_question(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running(World(MemoryMailboxStore())) as world:
        mallory = Owner(world)
        for _ in range(2):
            with pytest.raises(RefusedError, match="closed"):
                await poll(mallory, large=True)
            assert await poll(mallory) == PollResponse()
        assert await poll(await paced(world), large=True) == PollResponse()


async def test_what_was_taken_and_never_acked_comes_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running(World(MemoryMailboxStore())) as world:
        bob = await paced(world)
        world.deposit(0)
        await settle()
        assert len((await poll(bob)).pushes) == 1
        assert (await poll(bob)).pushes == ()
        await trio.sleep(120)
        [again] = (await poll(bob)).pushes
        assert number_in(again) == 0
        bob.lose()
        assert not world.service._collectors._queues, "nothing is kept for a link that is gone"


def push(seq: int, size_bytes: int = 10) -> PushNotification:
    return PushNotification(seq, SendId(bytes(16)), bytes(size_bytes), 0, DepositId(bytes(16)))


def test_a_large_envelope_waits_for_a_large_answer_and_holds_nothing_up() -> None:
    mail = PollQueue()
    mail.push(push(1, ENVELOPE_LARGE_BYTES))
    mail.push(push(2))
    mail.push(push(2))
    assert [p.seq for p in mail.take(large=False).pushes] == [2]
    assert mail.take(large=False).pushes == ()
    assert [p.seq for p in mail.take(large=True).pushes] == [1]
    mail.push(push(3))
    mail.acked((3, 4))
    assert mail.take(large=True) == PollResponse()


def test_tokens_are_bounded() -> None:
    mail = PollQueue()
    for number in range(2 * MAX_KEPT_TOKENS):
        mail.token(TokenNotification(SendId(bytes(16)), number.to_bytes(32, "big")))
    left = []
    while tokens := mail.take(large=False).tokens:
        left += [int.from_bytes(token.token, "big") for token in tokens]
    assert left == list(range(MAX_KEPT_TOKENS, 2 * MAX_KEPT_TOKENS))
