"""When which item is looked at next, and what may be on its way to one contact at a time."""

import math
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from tests.node.delivery.test_core import BOB, LIFE, A, Bench, item
from tests.node.delivery.test_outbox import Doubles, outbox_over
from tests.node.delivery.test_outbox import item as outbox_item
from zentalk.mailbox.settings import MailboxSettings
from zentalk.node.delivery import in_flight as module
from zentalk.node.delivery.events import (
    Added,
    Confirmed,
    DepositCopy,
    ItemDue,
    ItemRead,
    ReadItem,
    Resumed,
)
from zentalk.node.delivery.in_flight import (
    IN_FLIGHT,
    UNCONFIRMED_SECONDS,
    Deadlines,
    InFlight,
    Window,
)
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.messages.reasons import Reason
from zentalk.session.skipped import MAX_GAP
from zentalk.store.history.models import OutboxItem


async def sent_of(
    nursery: trio.Nursery, count: int, ttl_seconds: float = 86_400.0
) -> tuple[Doubles, Outbox]:
    doubles = Doubles()
    outbox = outbox_over(doubles)
    doubles.items = {number: outbox_item(number, ttl_seconds) for number in range(1, count + 1)}
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
    assert len(doubles.deposits) == IN_FLIGHT
    outbox.confirmed([1, 7])
    await trio.sleep(0.1)
    assert len(doubles.deposits) == IN_FLIGHT + 2
    outbox.confirmed([IN_FLIGHT + 3])
    outbox.confirmed([2])
    await trio.sleep(0.1)
    assert len(doubles.deposits) == IN_FLIGHT + 2, "the one that waited was confirmed already"
    nursery.cancel_scope.cancel()


async def test_control_without_a_window_all_go_at_once(
    autojump_clock: MockClock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IN_FLIGHT", 10**6)
    doubles, _ = await sent_of(nursery, IN_FLIGHT + 3)
    assert len(doubles.deposits) == IN_FLIGHT + 3
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
        window.admits(BOB, number, opens=number >= IN_FLIGHT + 8)
    for number in range(IN_FLIGHT + 10):
        window.left(BOB, number)
    assert window._going == window._beside == {}
    assert window._waiting == {}


def opening(number: int) -> OutboxItem:
    """Return the first item of a new ratchet."""
    return replace(item(number), opens=True)


def full(bench: Bench) -> Bench:
    """Fill the window to Bob with mail that nobody confirms."""
    for number in range(IN_FLIGHT):
        bench.sent(number)
    assert bench.add(IN_FLIGHT) == []
    return bench


def goes(bench: Bench, one: OutboxItem) -> bool:
    return bool(bench.core.handle(Added(one, LIFE), 0.0))


def test_the_first_message_of_a_new_ratchet_goes_beside_a_full_window() -> None:
    """Only it can heal what the mail in the window waits for."""
    bench = full(Bench())
    assert goes(bench, opening(200))
    assert not goes(bench, item(201))


def test_control_what_opens_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BESIDE", 0)
    assert not goes(full(Bench()), opening(200))


def test_what_goes_beside_gives_nothing_else_its_place() -> None:
    bench = full(Bench())
    assert goes(bench, opening(200))
    assert bench.core.handle(Confirmed((200,)), 0.1) == []
    assert bench.core.next_deadline() > 0.1, "nothing else goes now"


def test_the_newest_go_beside_and_an_older_one_waits_for_its_turn() -> None:
    window = Window()
    for number in range(IN_FLIGHT):
        window.admits(BOB, number)
    numbers = (300, 301, 302)
    assert [window.admits(BOB, number, opens=True) for number in numbers] == [True] * 3
    assert [window.admits(BOB, number, opens=True) for number in numbers] == [False, True, True]
    assert window.left(BOB, 302) is None
    assert window.left(BOB, 7) == 300
    assert len(window._going[BOB]) == IN_FLIGHT


def test_a_first_message_of_an_earlier_life_goes_beside_too() -> None:
    bench = Bench()
    for one in (*map(item, range(IN_FLIGHT + 1)), opening(200)):
        bench.core.handle(Resumed(one, LIFE), 0.0)
    gone = []
    while bench.core.next_deadline() == 0.0:
        [read] = bench.core.handle(ItemDue(), 0.0)
        assert isinstance(read, ReadItem)
        found = ItemRead(read.number, read.ciphertext, item(read.number))
        gone += [one.item.item for one in bench.core.handle(found, 0.0) if type(one) is DepositCopy]
        if read.number in gone:
            bench.deposited(read.number, A, 0.0)
    assert gone == [*range(IN_FLIGHT), 200]


def taken(deadlines: Deadlines, now: float) -> list[int]:
    numbers = []
    while (number := deadlines.take_due(now)) is not None:
        numbers.append(number)
    return numbers


def test_each_comes_once_at_the_last_time_that_was_set() -> None:
    deadlines = Deadlines()
    for number, at in ((1, 5.0), (2, 3.0), (1, 1.0), (2, 7.0)):
        deadlines.plan(number, at)
    assert deadlines.next_at() == 1.0
    assert (taken(deadlines, 0.5), taken(deadlines, 1.0)) == ([], [1])
    assert (taken(deadlines, 6.9), taken(deadlines, 7.0)) == ([], [2])
    assert deadlines.next_at() == math.inf


def test_what_is_dropped_never_comes() -> None:
    deadlines = Deadlines()
    deadlines.plan(1, 1.0)
    deadlines.plan(2, 2.0)
    deadlines.drop(1)
    deadlines.drop(3)
    assert 1 not in deadlines
    assert taken(deadlines, 9.0) == [2]


def test_a_number_that_comes_back_has_only_its_new_time() -> None:
    deadlines = Deadlines()
    deadlines.plan(1, 1.0)
    deadlines.drop(1)
    deadlines.plan(1, 5.0)
    assert (taken(deadlines, 4.0), taken(deadlines, 5.0)) == ([], [1])


def test_times_that_count_no_more_do_not_pile_up() -> None:
    """A message that was confirmed in a second may have been planned for the next day."""
    deadlines = Deadlines()
    for number in range(10_000):
        deadlines.plan(number, 86_400.0 + number)
        deadlines.drop(number)
    assert len(deadlines._heap) < 200
    deadlines.plan(1, 1.0)
    assert taken(deadlines, 1.0) == [1]


def test_that_nobody_confirms_is_told_once_so_long_after_the_first_relay_took_it() -> None:
    entry = InFlight(item(1), math.inf)
    assert entry.unconfirmed(1e9) == ()
    for now in (10.0, 200.0):
        entry.held(now)
    assert entry.unconfirmed(9.0 + UNCONFIRMED_SECONDS) == ()
    assert entry.unconfirmed(10.0 + UNCONFIRMED_SECONDS) == (Reason.NOT_CONFIRMED,)
    assert entry.unconfirmed(1e9) == ()


def test_of_what_is_in_no_history_nobody_is_told() -> None:
    entry = InFlight(item(1), math.inf, is_best_effort=True)
    entry.held(10.0)
    assert entry.unconfirmed(1e9) == ()
