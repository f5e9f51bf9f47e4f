"""Webhooks in virtual time: nothing is lost, the order is kept, and the dead can be read."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.node.notify.receivers import URL, Part, Receiver, running
from zentalk.errors import NotFoundError
from zentalk.ids import DAY_SECONDS
from zentalk.node.notify import schedule
from zentalk.node.notify.deliveries import Deliveries
from zentalk.node.notify.schedule import DEAD_SECONDS, LONGEST_SECONDS, MAX_REFUSALS, Answer
from zentalk.store.history import webhooks as stored
from zentalk.store.history.event_filter import EVERYTHING, EventFilter

DOWN = Answer(0, "nothing answers there")
HOUR = 3600.0


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


async def add(part: Part, wanted: EventFilter = EventFilter(("message.",))) -> str:  # noqa: B008
    view, _ = await part.webhooks.add(URL, wanted, "ids")
    return view.row.id


def in_order_once(seqs: list[int]) -> list[int]:
    """The events as a receiver sees them that drops what it has: they must come in order."""
    assert seqs == sorted(seqs)
    return sorted(set(seqs))


async def test_only_wanted_events_from_now_on_in_order(
    tmp_path: Path, receiver: Receiver, autojump_clock: MockClock
) -> None:
    async with running(tmp_path, receiver) as part:
        await part.happen(2)
        await add(part, EventFilter(("message.",), "zt1a"))
        await part.happen(120)
        await part.happen(1, "zt1b")
        await part.happen(1, kind="contact.added")
        await part.happen(1)
        await trio.sleep(1)
        assert receiver.taken == [*range(4, 124), 126]
        [view] = await part.webhooks.listing()
        assert (view.waiting, view.dead, view.row.failures) == (0, 0, 0)


async def test_a_receiver_away_for_two_days_gets_every_event_once_it_is_back(
    tmp_path: Path, receiver: Receiver, autojump_clock: MockClock
) -> None:
    async with running(tmp_path, receiver) as part:
        await add(part)
        receiver.answer = lambda _body: DOWN
        await part.happen(5)
        await trio.sleep(2 * DAY_SECONDS)
        await part.happen(5)
        [view] = await part.webhooks.listing()
        assert (view.waiting, view.dead, view.row.last_error) == (10, 0, "nothing answers there")
        assert {seq for _, seq in receiver.attempts} == {2}
        waits = [
            b[0] - a[0] for a, b in zip(receiver.attempts, receiver.attempts[1:], strict=False)
        ]
        assert waits[0] <= schedule.FIRST_SECONDS
        assert LONGEST_SECONDS / 2 <= max(waits) <= LONGEST_SECONDS
        receiver.answer = lambda _body: Answer(204)
        await trio.sleep(LONGEST_SECONDS)
        assert receiver.taken == list(range(2, 12))


async def lives(folder: Path, receiver: Receiver) -> list[int]:
    """Events while the node is stopped and started again and again; return those that came."""
    async with running(folder, receiver) as part:
        await add(part)
    receiver.seconds = 1.5
    for _ in range(6):
        async with running(folder, receiver) as part:
            await part.happen(3)
            await trio.sleep(4)  # In the middle of an attempt.
    async with running(folder, receiver):
        await trio.sleep(200)
    return receiver.taken


async def test_restarts_lose_nothing(
    tmp_path: Path, receiver: Receiver, autojump_clock: MockClock
) -> None:
    assert in_order_once(await lives(tmp_path, receiver)) == list(range(2, 20))


async def test_control_without_a_saved_cursor_events_come_out_of_order(
    tmp_path: Path,
    receiver: Receiver,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stored, "update", lambda _tx, _row: True)
    with pytest.raises(AssertionError):
        in_order_once(await lives(tmp_path, receiver))


async def test_a_try_that_waits_is_not_made_sooner_by_a_restart(
    tmp_path: Path, receiver: Receiver, autojump_clock: MockClock
) -> None:
    receiver.answer = lambda _body: DOWN
    async with running(tmp_path, receiver) as part:
        await add(part)
        await part.happen()
        await trio.sleep(DAY_SECONDS)
    count = len(receiver.attempts)
    for _ in range(10):
        async with running(tmp_path, receiver):
            await trio.sleep(1)
    assert len(receiver.attempts) <= count + 1


async def test_after_three_days_what_is_as_old_is_a_dead_letter_and_the_rest_waits(
    tmp_path: Path, receiver: Receiver, autojump_clock: MockClock
) -> None:
    async with running(tmp_path, receiver) as part:
        hook = await add(part)
        receiver.answer = lambda _body: DOWN
        await part.happen(120)
        await trio.sleep(DEAD_SECONDS - 2 * HOUR)
        await part.happen(2)
        assert (await part.webhooks.listing())[0].dead == 0
        await trio.sleep(6 * HOUR)
        [view] = await part.webhooks.listing()
        assert (view.waiting, view.dead) == (2, 120)
        letters = await part.webhooks.dead(hook, 0, 1000)
        assert [letter.event.seq for letter in letters] == list(range(2, 122))
        assert letters[0].reason == "nothing answers there"
        assert [one.event.seq for one in await part.webhooks.dead(hook, 100, 2)] == [101, 102]
        receiver.answer = lambda _body: Answer(200)
        await trio.sleep(2 * LONGEST_SECONDS)
        assert receiver.taken == [122, 123]
        assert await part.webhooks.retry(hook, 50) == 1
        await trio.sleep(1)
        assert receiver.taken[2:] == [50]
        await part.webhooks.forget(hook, 51)
        assert await part.webhooks.retry(hook, None) == 118
        await trio.sleep(1)
        assert receiver.taken[3:] == [n for n in range(2, 122) if n not in (50, 51)]
        assert (await part.webhooks.listing())[0].dead == 0


async def test_an_event_that_is_refused_blocks_the_others_for_a_few_tries_only(
    tmp_path: Path, receiver: Receiver, autojump_clock: MockClock
) -> None:
    receiver.answer = lambda body: Answer(422 if body["seq"] == 3 else 200)
    async with running(tmp_path, receiver) as part:
        hook = await add(part)
        await part.happen(4)
        await trio.sleep(HOUR)
        assert receiver.taken == [2, 4, 5]
        assert [seq for _, seq in receiver.attempts].count(3) == MAX_REFUSALS
        [letter] = await part.webhooks.dead(hook, 0, 10)
        assert (letter.event.seq, letter.reason) == (3, "the answer was 422")
        assert await part.webhooks.retry(hook, 3) == 1
        await trio.sleep(HOUR)
        assert [seq for _, seq in receiver.attempts].count(3) == MAX_REFUSALS + 1
        assert (await part.webhooks.listing())[0].dead == 1


async def test_a_redirection_is_a_failure_and_a_wish_to_wait_is_granted(
    tmp_path: Path, receiver: Receiver, autojump_clock: MockClock
) -> None:
    answers = [Answer(302), Answer(429, "", 1000.0), Answer(503, "", 1e9)]
    receiver.answer = lambda _body: answers.pop(0) if answers else Answer(200)
    async with running(tmp_path, receiver) as part:
        await add(part)
        await part.happen()
        await trio.sleep(3 * DAY_SECONDS - HOUR)
        at = [when for when, _ in receiver.attempts]
        assert len(at) == 4
        assert at[2] - at[1] >= 1000
        assert DAY_SECONDS - 1 <= at[3] - at[2] <= DAY_SECONDS + 1
        assert receiver.taken == [2]


async def test_retry_makes_a_try_that_waits_at_once(
    tmp_path: Path, receiver: Receiver, autojump_clock: MockClock
) -> None:
    receiver.answer = lambda _body: DOWN
    async with running(tmp_path, receiver) as part:
        hook = await add(part)
        await part.happen()
        await trio.sleep(DAY_SECONDS)
        receiver.answer = lambda _body: Answer(200)
        assert await part.webhooks.retry(hook, None) == 0
        await trio.testing.wait_all_tasks_blocked()
        assert receiver.taken == [2]


async def test_a_slow_receiver_keeps_no_other_waiting(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    both = Receiver()
    slow_id = ""

    def answer(body: dict[str, object]) -> Answer:
        return DOWN if body["webhook"] == slow_id else Answer(200)

    both.answer = answer
    async with running(tmp_path, both) as part:
        slow_id = await add(part)
        await add(part)
        await part.happen(20)
        await trio.sleep(1)
        assert both.taken == list(range(3, 23))


async def test_what_is_removed_or_deleted_is_sent_no_more(
    tmp_path: Path, receiver: Receiver, autojump_clock: MockClock
) -> None:
    async with running(tmp_path, receiver) as part:
        hook = await add(part, EVERYTHING)
        receiver.answer = lambda _body: DOWN
        await part.happen(5)
        await trio.sleep(DEAD_SECONDS + 5 * HOUR)
        assert (await part.webhooks.listing())[0].dead == 5
        await part.happen(5)
        await part.database.write(
            lambda tx: tx.execute("DELETE FROM events WHERE conversation = 'zt1a'").rowcount
        )
        [view] = await part.webhooks.listing()
        assert (view.waiting, view.dead) == (0, 0)
        await part.webhooks.remove(hook)
        with pytest.raises(NotFoundError):
            await part.webhooks.remove(hook)
        receiver.answer = lambda _body: Answer(200)
        await part.happen(5)
        await trio.sleep(DAY_SECONDS)
        assert receiver.taken == []
        assert await part.webhooks.listing() == []


async def removed_midway(folder: Path, receiver: Receiver) -> list[int]:
    receiver.seconds = 1
    async with running(folder, receiver) as part:
        hook = await add(part)
        await part.happen(20)
        await trio.sleep(3.5)
        await part.webhooks.remove(hook)
        await trio.sleep(100)
    return receiver.taken


async def test_a_removed_webhook_gets_nothing_more_of_a_page(
    tmp_path: Path, receiver: Receiver, autojump_clock: MockClock
) -> None:
    assert await removed_midway(tmp_path, receiver) == [2, 3, 4, 5]


async def test_control_without_the_poke_it_gets_the_whole_page(
    tmp_path: Path,
    receiver: Receiver,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    poke = Deliveries.poke
    monkeypatch.setattr(
        Deliveries,
        "poke",
        lambda self, hook: None if hook in self._tasks._waits else poke(self, hook),
    )
    assert len(await removed_midway(tmp_path, receiver)) == 20
