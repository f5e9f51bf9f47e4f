"""K51: what strangers send, and its owner has no room for, never stops what a contact sends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mailbox.support import HOUR, Desk, entry, numbers
from zentalk.ids import DAY_SECONDS
from zentalk.mailbox import events, lanes, windows
from zentalk.mailbox.commands import Push
from zentalk.mailbox.events import Collector
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.state import CollectorSession
from zentalk.store.mailbox.memory import MemoryMailboxStore
from zentalk.store.mailbox.sqlite import SqliteMailboxStore
from zentalk.wire.rpc_send_ids import SendIdKind

FULL = MailboxSettings()
PUBLIC = tuple(entry(f"day {day}", SendIdKind.PUBLIC) for day in range(4))
STRANGERS = 66
"""Envelopes of strangers, more than a window; free ones, under the ids of four days."""
FIRST_OF_CONTACT = 10_000


@pytest.fixture(params=["memory", "sqlite"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    if request.param == "memory":
        yield Desk(FULL, MemoryMailboxStore())
        return
    store = SqliteMailboxStore(tmp_path / "queue.db")
    yield Desk(FULL, store)
    store.close()


def from_strangers(desk: Desk, first: int, count: int) -> None:
    for number in range(first, first + count):
        desk.deposit(number, f"day {number % 4}")


def defer(desk: Desk, owner: Collector, *pushes: Push) -> None:
    desk.feed(events.DeferReceived(owner, tuple(push.seq for push in pushes)))


@dataclass
class FullOwner:
    """An owner who has no room for strangers, and saves what contacts send."""

    desk: Desk
    collector: Collector
    defers: bool = True

    def take(self) -> list[int]:
        """Take what is pushed until nothing more comes; return the numbers, in order."""
        seen: list[int] = []
        while pushes := self.desk.take_pushes(self.collector):
            seen += numbers(pushes)
            contacts = [push for push in pushes if numbers([push])[0] >= FIRST_OF_CONTACT]
            self.desk.ack(self.collector, *(push.seq for push in contacts))
            if self.defers:
                defer(self.desk, self.collector, *(p for p in pushes if p not in contacts))
        return seen


def owner_of(desk: Desk, *, defers: bool = True, window: int = 64) -> FullOwner:
    return FullOwner(desk, desk.mailbox(entry("bob"), *PUBLIC, window=window), defers)


def minutes_until_contacts_mail_comes(owner: FullOwner) -> int:
    """Let 66 strangers write, then a contact; return how many minutes it takes, 60 at most."""
    from_strangers(owner.desk, 0, STRANGERS)
    owner.take()
    owner.desk.deposit(FIRST_OF_CONTACT, "bob")
    for minute in range(60):
        if FIRST_OF_CONTACT in owner.take():
            return minute
        owner.desk.pass_time(60)
    return 60


@pytest.mark.parametrize("defers", [True, False])
def test_k51_contacts_mail_comes_at_once_whatever_strangers_sent(desk: Desk, defers: bool) -> None:
    assert minutes_until_contacts_mail_comes(owner_of(desk, defers=defers)) == 0


def test_k51_control_in_the_contacts_place_66_strangers_stop_a_contact_for_an_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(windows, "STRANGERS_PART", 1)
    strangers_first = property(lambda session: (session.strangers, session.contacts))
    monkeypatch.setattr(CollectorSession, "lanes", strangers_first)
    assert minutes_until_contacts_mail_comes(owner_of(Desk(FULL), defers=False)) == 60


def test_k51_control_without_a_part_of_their_own_they_stop_a_contact_until_the_lease_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(windows, "STRANGERS_PART", 1)
    assert minutes_until_contacts_mail_comes(owner_of(Desk(FULL), defers=False)) == 1


def test_k51_after_an_absence_contacts_mail_comes_first(desk: Desk) -> None:
    desk.lose(owner_of(desk).collector)
    from_strangers(desk, 0, STRANGERS)
    for number in range(90):
        desk.deposit(FIRST_OF_CONTACT + number, "bob")
    owner = FullOwner(desk, desk.collect(generation=2))
    seen = owner.take()
    assert seen[:90] == [FIRST_OF_CONTACT + number for number in range(90)]
    assert seen[90:] == list(range(STRANGERS))


def test_k51_what_is_deferred_leaves_the_window_and_all_strangers_are_seen(desk: Desk) -> None:
    owner = owner_of(desk)
    from_strangers(desk, 0, STRANGERS)
    assert owner.take() == list(range(STRANGERS))
    assert desk.core.memory_bytes == 0
    assert desk.stored() == STRANGERS


def test_k51_control_what_is_not_deferred_keeps_later_strangers_out(desk: Desk) -> None:
    owner = owner_of(desk, defers=False)
    from_strangers(desk, 0, STRANGERS)
    for _ in range(60):
        assert set(owner.take()) <= set(range(16))
        desk.pass_time(60)


def test_k51_deferred_mail_comes_again_after_a_day_and_when_the_mailbox_is_opened(
    desk: Desk,
) -> None:
    owner = owner_of(desk)
    from_strangers(desk, 0, STRANGERS)
    owner.take()
    desk.pass_time(23 * HOUR)
    assert owner.take() == []
    desk.pass_time(HOUR + 30)
    assert owner.take() == list(range(STRANGERS))
    desk.lose(owner.collector)
    again = FullOwner(desk, desk.collect(generation=2))
    assert again.take() == list(range(STRANGERS))


def test_k51_it_is_there_until_its_time_is_over(desk: Desk) -> None:
    owner = owner_of(desk)
    from_strangers(desk, 0, 4)
    times = 0
    for _ in range(32):
        times += len(owner.take()) // 4
        desk.pass_time(DAY_SECONDS)
    assert desk.stored() == 0
    assert 28 <= times <= 31


def test_what_was_deferred_is_kept_once_there_is_room(desk: Desk) -> None:
    owner = owner_of(desk)
    from_strangers(desk, 0, 4)
    owner.take()
    desk.pass_time(DAY_SECONDS + 60)
    desk.ack_all(owner.collector)
    assert desk.stored() == 0


def test_a_lease_that_ends_pushes_again_what_was_not_deferred(desk: Desk) -> None:
    owner = owner_of(desk)
    from_strangers(desk, 0, 6)
    first, *pushes = desk.take_pushes(owner.collector)
    defer(desk, owner.collector, *pushes[::2])
    desk.pass_time(90)
    assert numbers(desk.take_pushes(owner.collector)) == [0, *numbers(pushes[1::2])]
    desk.ack(owner.collector, first.seq)
    assert desk.stored() == 5


def test_only_strangers_mail_that_is_in_flight_can_be_deferred(desk: Desk) -> None:
    owner = owner_of(desk)
    desk.deposit(FIRST_OF_CONTACT, "bob")
    from_strangers(desk, 0, 1)
    contacts, strangers = desk.take_pushes(owner.collector)
    defer(desk, owner.collector, contacts, strangers, strangers)
    defer(desk, Collector(99), strangers)
    assert desk.core.stats().counters["deferred"] == 1
    desk.ack(owner.collector, contacts.seq, strangers.seq)
    assert desk.core.stats().counters["acknowledged"] == 1
    assert desk.stored() == 1


@pytest.mark.parametrize(("window", "part"), [(64, 16), (8, 2), (4, 1), (1, 1)])
def test_strangers_have_a_quarter_of_the_window(window: int, part: int) -> None:
    desk = Desk(FULL)
    owner = owner_of(desk, window=window)
    from_strangers(desk, 0, 30)
    assert len(desk.take_pushes(owner.collector)) == part


def test_strangers_have_a_quarter_of_its_bytes() -> None:
    desk = Desk(MailboxSettings(max_window_bytes=4_000))
    owner = owner_of(desk)
    for number in range(8):
        desk.deposit(number, f"day {number % 4}", body=bytes(400))
    assert len(desk.take_pushes(owner.collector)) == 3  # one may pass the bound


def test_what_is_remembered_of_deferred_mail_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "_MAX_DEFERRED", 3)
    lane = lanes.PushLane(public=True)
    for seq in range(5):
        lane.defer(seq, now=float(seq))
    assert [seq for seq in range(5) if lane.is_deferred(seq)] == [2, 3, 4]
    assert lane.take_due(lanes.DEFER_SECONDS + 3) == 2
    assert lane.is_deferred(4)
