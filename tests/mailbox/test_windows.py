"""How much is read and pushed for one owner: parts of a window, and one bound for all owners."""

from __future__ import annotations

import pytest

from tests.mailbox.support import Desk
from zentalk.mailbox.lanes import PushLane
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.state import CollectorSession
from zentalk.mailbox.windows import Windows

STRANGERS, CONTACTS = PushLane(public=True), PushLane(public=False)


@pytest.fixture
def at_work() -> tuple[Windows, CollectorSession]:
    """Windows of 4,000 bytes, and 5,000 for all."""
    desk = Desk(MailboxSettings(max_window_bytes=4_000, max_in_flight_bytes=5_000))
    desk.open("bob", 1, 8)
    [mailbox] = desk.core._registry.mailboxes.values()
    assert mailbox.session is not None
    return desk.core._delivery._windows, mailbox.session


def test_k51_strangers_mail_is_read_for_a_quarter_of_a_window(
    at_work: tuple[Windows, CollectorSession],
) -> None:
    windows, session = at_work
    assert windows.reserve(session, STRANGERS) == 1_000
    assert windows.reserve(session, CONTACTS) == 4_000


def test_what_is_being_read_counts_for_all_and_one_envelope_is_always_read(
    at_work: tuple[Windows, CollectorSession],
) -> None:
    """Many collectors may come back at one moment."""
    windows, session = at_work
    assert windows.room(session, CONTACTS) == 8
    windows.reading_bytes = 5_000
    assert windows.room(session, CONTACTS) == 1
    assert windows.reserve(session, CONTACTS) == 1


def test_what_is_pushed_and_not_acked_takes_room_of_its_window(
    at_work: tuple[Windows, CollectorSession],
) -> None:
    windows, session = at_work
    session.in_flight_bytes = 3_500
    assert windows.reserve(session, CONTACTS) == 500
