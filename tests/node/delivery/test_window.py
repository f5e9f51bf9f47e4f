"""What may be on its way to one contact at a time: the oldest, never too many."""

import pytest
import trio
from trio.testing import MockClock

from tests.node.delivery.test_outbox import BOB, Doubles, item, outbox_over
from zentalk.mailbox.settings import MailboxSettings
from zentalk.node.delivery import window as module
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.delivery.window import IN_FLIGHT, Window
from zentalk.session.skipped import MAX_GAP


async def sent_of(
    nursery: trio.Nursery, count: int, ttl_seconds: float = 86_400.0
) -> tuple[Doubles, Outbox]:
    doubles = Doubles()
    outbox = outbox_over(doubles)
    doubles.items = {number: item(number, ttl_seconds) for number in range(1, count + 1)}
    nursery.start_soon(outbox.run)
    outbox.add(doubles.items.values())
    await trio.sleep(0.1)
    return doubles, outbox


def test_the_window_is_far_below_what_readers_keep_keys_for() -> None:
    assert 2 * IN_FLIGHT < MAX_GAP


def test_a_mailbox_has_room_for_what_may_be_on_its_way() -> None:
    """Else it refuses what is only a moment late, and we take it for full."""
    assert MailboxSettings().contact_quota >= IN_FLIGHT


async def test_the_oldest_go_and_each_confirmation_lets_one_more_go(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    doubles, outbox = await sent_of(nursery, IN_FLIGHT + 3)
    assert len(doubles.payloads) == IN_FLIGHT
    outbox.confirmed([1, 7])
    await trio.sleep(0.1)
    assert len(doubles.payloads) == IN_FLIGHT + 2
    outbox.confirmed([IN_FLIGHT + 3])
    outbox.confirmed([2])
    await trio.sleep(0.1)
    assert len(doubles.payloads) == IN_FLIGHT + 2, "the one that waited was confirmed already"
    nursery.cancel_scope.cancel()


async def test_control_without_a_window_all_go_at_once(
    autojump_clock: MockClock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IN_FLIGHT", 10**6)
    doubles, _ = await sent_of(nursery, IN_FLIGHT + 3)
    assert len(doubles.payloads) == IN_FLIGHT + 3
    nursery.cancel_scope.cancel()


async def test_what_waits_too_long_is_given_up_like_the_rest(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    doubles, _ = await sent_of(nursery, IN_FLIGHT + 3, 3600.0)
    await trio.sleep(2 * 3600)
    assert sorted(doubles.expired_items) == list(range(1, IN_FLIGHT + 4))
    nursery.cancel_scope.cancel()


def test_nothing_is_kept_of_contacts_whose_mail_is_done() -> None:
    window = Window()
    for number in range(IN_FLIGHT + 10):
        window.admits(BOB, number)
    for number in range(IN_FLIGHT + 10):
        window.left(BOB, number)
    assert window._going == {}
    assert window._waiting == {}
