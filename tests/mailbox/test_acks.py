"""When compact acks leave: K20, a stranger learns nothing from their timing."""

import statistics
from collections.abc import Callable

import pytest

from tests.mailbox.support import Desk, counting_entropy, entry
from zentalk.errors import StorageError
from zentalk.mailbox.acks import AckSchedule
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.storage import PutEnvelope

Delays = dict[int, float]


def delays(prepare: Callable[[Desk], None], count: int = 200) -> Delays:
    """Deposit `count` messages, one per second; how long did each ack take?"""
    desk = Desk(MailboxSettings(contact_quota=1000))
    prepare(desk)
    sent: dict[int, float] = {}
    for number in range(count):
        sent[number] = desk.now
        desk.deposit(number)
        desk.pass_time(1)
    desk.pass_time(20)
    return {number: at - sent[number] for at, number in desk.acks}


def offline(desk: Desk) -> None:
    desk.lose(desk.mailbox())


def online(desk: Desk) -> None:
    """An owner who acks everything at once."""
    bob = desk.mailbox()
    original = desk.feed

    def feed_and_ack(event: object) -> object:
        commands = original(event)  # type: ignore[arg-type]
        for push in desk.take_pushes(bob):
            desk.ack(bob, push.seq)
        return commands

    desk.feed = feed_and_ack  # type: ignore[method-assign, assignment]


def silent(desk: Desk) -> None:
    """An owner who is connected and acks nothing."""
    desk.mailbox(window=10)


def test_k20_acks_take_the_same_time_whether_the_owner_is_there_or_not() -> None:
    times = [delays(prepare) for prepare in (offline, online, silent)]
    assert times[0] == times[1] == times[2]


def test_k20_acks_leave_five_seconds_after_arrival_within_a_fifth() -> None:
    times = list(delays(offline).values())
    assert len(times) == 200
    assert 4.0 <= min(times) < 4.1
    assert 5.9 < max(times) <= 6.0 + 1e-9
    assert abs(statistics.mean(times) - 5.0) < 0.1


def test_k20_control_an_ack_at_the_moment_of_safety_tells_who_is_online(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the drawn time, an offline owner's mail would be acked sooner than a silent one's."""

    def at_once(self: AckSchedule, now: float) -> list[object]:
        ready = [item for item in self._heap if item[3].safe]
        self._heap = [item for item in self._heap if not item[3].safe]
        return [item[2] for item in ready]

    monkeypatch.setattr(AckSchedule, "due", at_once)
    monkeypatch.setattr(
        AckSchedule, "next_deadline", lambda self: self._heap[0][0] if self._heap else None
    )
    assert delays(offline, 30) != delays(silent, 30)


def test_no_ack_follows_what_is_not_safe_at_its_time() -> None:
    desk = Desk(by_hand=True)
    desk.lose(desk.mailbox())
    desk.commit()
    desk.deposit(1)
    desk.pass_time(10)
    desk.commit()
    desk.pass_time(10)
    assert desk.stored() == 1
    assert desk.acks == []


def test_no_ack_follows_a_failed_write() -> None:
    desk = Desk()
    desk.lose(desk.mailbox())
    desk.failing.error = StorageError("gone")
    desk.failing.fails = lambda operation: isinstance(operation, PutEnvelope)
    desk.deposit(1)
    desk.pass_time(20)
    assert desk.acks == []
    assert desk.core.stats().counters["refused_storage"] == 1


def test_waiting_acks_are_bounded() -> None:
    desk = Desk(MailboxSettings(max_waiting_acks=3))
    desk.lose(desk.mailbox(entry("bob")))
    for number in range(5):
        desk.deposit(number)
    desk.pass_time(10)
    assert sorted(desk.acked_numbers()) == [0, 1, 2]
    assert desk.core.stats().counters["acks_dropped"] == 2


def test_an_ack_is_sent_once_and_forgotten() -> None:
    desk = Desk()
    desk.lose(desk.mailbox())
    desk.deposit(1)
    desk.pass_time(60)
    assert desk.acked_numbers() == [1]
    assert len(desk.core._acks) == 0


def test_the_drawn_times_come_from_the_given_entropy() -> None:
    first = AckSchedule(MailboxSettings(), counting_entropy())
    second = AckSchedule(MailboxSettings(), bytes)
    assert first.next_deadline() is None
    for schedule in (first, second):
        schedule.add(None, None, 100.0, 100.0)  # type: ignore[arg-type]
    assert second.next_deadline() == 104.0
    assert first.next_deadline() != 104.0
