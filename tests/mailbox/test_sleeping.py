"""K45: mailboxes that nobody collects are rows of the store, and nobody can tell."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.mailbox.support import (
    HOUR,
    TODAY,
    Desk,
    asked,
    boxes,
    deposit,
    entry,
    mailbox_id,
    numbers,
    pool_prekeys,
    send_id,
)
from zentalk.ids import DAY_SECONDS
from zentalk.mailbox import events, sweeping
from zentalk.mailbox.events import DepositArrived, Ticket
from zentalk.mailbox.look_ups import FindMailbox, FindOwner
from zentalk.mailbox.resting import Resting
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.storage import Operation, RemoveMailbox
from zentalk.mailbox.stored import SaveMailbox
from zentalk.store.mailbox.sqlite import SqliteMailboxStore
from zentalk.store.sqlite import transaction
from zentalk.wire.rpc_send_ids import SURE_NEW_SEND_IDS, SendIdKind

SLEEPY = MailboxSettings(max_awake=0)
PUBLIC = entry("public", SendIdKind.PUBLIC, TODAY - 1, TODAY + 2)
ACK = entry("ack", SendIdKind.ACK)
BOB = mailbox_id("bob")


def asleep(*entries: Any, settings: MailboxSettings = SLEEPY, by_hand: bool = False) -> Desk:
    """Bob has a mailbox and is gone."""
    desk = Desk(settings)
    desk.lose(desk.mailbox(*(entries or (entry("bob"), PUBLIC, ACK))))
    assert awake(desk) == []
    desk.by_hand = by_hand
    return desk


def awake(desk: Desk) -> list[bytes]:
    return list(desk.core._registry.mailboxes)


def counter(desk: Desk, name: str) -> int:
    return desk.core.stats().counters.get(name, 0)


# --- waking and sleeping -----------------------------------------------------------------------


def test_a_mailbox_sleeps_when_its_owner_is_gone_and_wakes_when_there_is_mail() -> None:
    desk = asleep(by_hand=True)
    assert desk.core._registry.send_ids == {}
    desk.deposit(1)
    assert desk.queue[0].operation == FindOwner(send_id("bob"))
    desk.commit(1)
    assert awake(desk) == [BOB]
    desk.commit()
    assert awake(desk) == []
    desk.by_hand = False
    assert numbers(desk.take_pushes(desk.collect(generation=2))) == [1]
    assert awake(desk) == [BOB]


def test_the_one_that_was_used_last_stays_awake_longest() -> None:
    desk = Desk(MailboxSettings(max_awake=2))
    for name in ("a", "b", "c"):
        collector = desk.collect(name)
        desk.register(collector, entry(name))
        desk.lose(collector)
    desk.deposit(1, "a")
    desk.pass_time(3)
    assert set(awake(desk)) == {mailbox_id("a"), mailbox_id("c")}
    asked(desk, "c")
    desk.deposit(2, "b")
    desk.pass_time(3)
    assert set(awake(desk)) == {mailbox_id("b"), mailbox_id("c")}


def test_all_that_nobody_collects_sleep_after_a_sweep() -> None:
    desk = Desk()
    desk.lose(desk.mailbox())
    carol = desk.collect("carol")
    assert set(awake(desk)) == {BOB, mailbox_id("carol")}
    desk.pass_time(HOUR)
    assert awake(desk) == [mailbox_id("carol")]
    assert carol in desk.core._registry.sessions


def test_what_is_under_way_keeps_a_mailbox_awake() -> None:
    desk = asleep(by_hand=True)
    desk.deposit(1)
    desk.commit(1)
    desk.deposit(2)
    desk.commit(1)
    assert awake(desk) == [BOB], "the second is still being written"
    desk.commit()
    assert awake(desk) == []
    assert desk.stored() == 2


def test_an_ack_that_rests_on_a_list_keeps_a_mailbox_awake_until_it_has_left() -> None:
    desk = asleep()
    desk.deposit(1, "public", ack=1)
    assert awake(desk) == [BOB]
    desk.pass_time(7)
    assert desk.acked_numbers() == [1]
    asked(desk, "nobody")
    assert awake(desk) == []


def test_what_comes_during_a_look_up_goes_on_in_its_order() -> None:
    """Also under another id of the mailbox, which is looked up a second time."""
    desk = asleep(entry("a"), entry("b"), by_hand=True)
    for number, name in enumerate(("a", "b", "b", "a", "b")):
        desk.deposit(number, name)
    assert [type(command.operation) for command in desk.queue] == [FindOwner, FindOwner]
    desk.commit(1)
    desk.deposit(5, "b")
    desk.commit()
    desk.by_hand = False
    assert numbers(desk.take_pushes(desk.collect(generation=2))) == [0, 1, 2, 3, 4, 5]


def test_an_ack_whose_time_is_over_when_the_mailbox_is_found_never_leaves() -> None:
    """Later than any other it would tell that the mailbox was asleep, or the disk slow."""
    desk = asleep(by_hand=True)
    desk.deposit(1)
    desk.pass_time(6.5)
    desk.commit()
    desk.pass_time(10)
    assert (desk.stored(), desk.acked_numbers()) == (1, [])
    assert counter(desk, "acks_dropped") == 1
    desk.deposit(2)
    desk.pass_time(3)
    desk.commit()
    desk.pass_time(4)
    assert desk.acked_numbers() == [2]
    [(left_at, _)] = desk.acks
    assert 4 <= left_at - 16.5 <= 6, "from its arrival on"


def test_many_deposits_for_one_id_are_one_look_up() -> None:
    desk = asleep(by_hand=True)
    for number in range(20):
        desk.deposit(number, "nobody")
        desk.deposit(number, "bob")
    assert len(desk.queue) == 2


def test_numbers_go_on_where_they_were() -> None:
    seen = []
    for settings in (SLEEPY, MailboxSettings()):
        desk = Desk(settings)
        bob = desk.mailbox()
        for generation in range(2, 5):
            desk.deposit(generation)
            desk.lose(bob)
            desk.deposit(100 + generation)
            bob = desk.collect(generation=generation)
        seen.append([push.seq for push in desk.take_pushes(bob)])
    assert seen[0] == seen[1] == list(range(6))


# --- the store fails, or much comes ------------------------------------------------------------


def failing(*kinds: type[Any]) -> Callable[[Operation], bool]:
    return lambda operation: isinstance(operation, kinds)


def test_a_look_up_that_fails_refuses_and_forgets_nothing() -> None:
    desk = asleep()
    desk.failing.fails = failing(FindOwner, FindMailbox)
    desk.deposit(1, ack=1)
    assert counter(desk, "refused_storage") == 1
    assert desk.core._writing.held_bytes == 0
    _, ticket = desk.open(generation=2)
    assert desk.result(ticket) == "storage"
    desk.failing.fails = failing()
    desk.deposit(2)
    assert numbers(desk.take_pushes(desk.collect(generation=3))) == [2]


def test_a_state_that_cannot_be_looked_up_is_refused_alike_awake_or_not() -> None:
    desk = asleep()
    carol = desk.collect("carol")
    desk.register(carol, entry("carol"))
    desk.failing.fails = failing(FindOwner)
    for name in ("bob", "carol", "nobody"):
        ticket = Ticket(desk.number())
        desk.feed(events.StateRequested(ticket, send_id(name)))
        assert desk.result(ticket) == "storage"


def test_where_nothing_can_be_written_memory_does_not_fill_up() -> None:
    desk = Desk(MailboxSettings(max_awake=2))
    for name in map(str, range(9)):
        collector = desk.collect(name)
        desk.register(collector, entry(name))
        desk.lose(collector)
    desk.failing.fails = failing(SaveMailbox)
    for number in range(9):
        desk.deposit(number, str(number))
    desk.pass_time(10)
    assert len(awake(desk)) <= 2
    assert desk.stored() == 9


def test_what_waits_for_look_ups_is_bounded() -> None:
    desk = asleep(settings=replace(SLEEPY, max_waiting=5, max_held_bytes=60), by_hand=True)
    for number in range(4):
        desk.deposit(number, f"nobody {number}")
    assert counter(desk, "refused_busy") == 0
    desk.deposit(4, "bob")
    assert counter(desk, "refused_busy") == 0, "five envelopes of ten bytes"
    desk.deposit(5, "bob")
    desk.feed(events.TokenArrived(send_id("ack"), b"token"))
    assert counter(desk, "refused_busy") == 2
    desk.commit()
    assert desk.core._writing.held_bytes == 0
    desk.deposit(6, "bob", body=bytes(61))
    assert counter(desk, "refused_busy") == 3


def test_an_owner_who_is_gone_before_the_look_up_opens_nothing() -> None:
    desk = asleep(by_hand=True)
    collector, ticket = desk.open(generation=2)
    _, second = desk.open("bob", generation=3)
    desk.lose(collector)
    desk.commit()
    assert desk.result(ticket) is None
    assert desk.result(second) == ()
    assert desk.core.stats().online == 1


# --- bounds hold asleep as awake ---------------------------------------------------------------

BOTH = pytest.mark.parametrize("settings", [SLEEPY, MailboxSettings()], ids=["asleep", "awake"])


@BOTH
def test_a_contacts_quota_holds(settings: MailboxSettings) -> None:
    desk = asleep_or_awake(settings, entry("bob"))
    for number in range(settings.contact_quota + 5):
        desk.deposit(number)
    assert desk.stored() == settings.contact_quota
    assert counter(desk, "refused_full") == 5


@BOTH
def test_the_price_of_a_place_rises(settings: MailboxSettings) -> None:
    desk = asleep_or_awake(settings, PUBLIC)
    for number in range(settings.public_quota):
        desk.deposit(number, "public")
    assert desk.stored() == settings.public_quota // 2
    assert asked(desk) == (2, settings.work_bits, settings.work_bits + 6)


@BOTH
def test_prekeys_of_a_day_are_counted(settings: MailboxSettings) -> None:
    desk = Desk(settings)
    bob = desk.mailbox(PUBLIC)
    ticket = Ticket(desk.number())
    desk.feed(events.PrekeysPutRequested(ticket, bob, pool_prekeys(*map(b"%d".__mod__, range(9)))))
    desk.lose(bob)
    found = []
    for number in range(3):
        ticket = Ticket(desk.number())
        query = number.to_bytes(16, "big")
        desk.feed(events.PrekeyRequested(ticket, send_id("public"), query))
        found.append(desk.result(ticket))
    assert found == [(b"0", 0), (b"1", 0), (b"", settings.prekey_bits)]


@BOTH
def test_tokens_wait_without_keeping_anything_awake(settings: MailboxSettings) -> None:
    desk = asleep_or_awake(settings, ACK)
    for number in range(settings.max_tokens + 2):
        desk.feed(events.TokenArrived(send_id("ack"), b"%d" % number))
    assert awake(desk) == ([] if settings is SLEEPY else [BOB])
    desk.collect(generation=2)
    assert [token.token for token in desk.tokens][:2] == [b"2", b"3"]
    assert len(desk.tokens) == settings.max_tokens


@BOTH
def test_a_mailbox_that_nobody_opens_goes_with_all_that_is_in_it(settings: MailboxSettings) -> None:
    desk = asleep_or_awake(settings, entry("bob"), ACK)
    desk.deposit(1)
    desk.feed(events.TokenArrived(send_id("ack"), b"token"))
    desk.pass_time(7 * DAY_SECONDS + 2 * HOUR)
    assert boxes(desk.failing) == ()
    registry = desk.core._registry
    assert (registry.mailbox_count, registry.send_id_count, registry.stored) == (0, 0, 0)
    assert (registry.recipients, len(registry.tokens), registry.removing) == (0, 0, set())
    assert counter(desk, "mailboxes_removed") == 1


@BOTH
def test_one_that_was_opened_in_time_stays(settings: MailboxSettings) -> None:
    desk = asleep_or_awake(settings, entry("bob"))
    for generation in range(2, 6):
        desk.pass_time(6 * DAY_SECONDS)
        desk.lose(desk.collect(generation=generation))
    desk.pass_time(54 * DAY_SECONDS)
    assert len(boxes(desk.failing)) == 1
    desk.pass_time(DAY_SECONDS + 2 * HOUR)
    assert boxes(desk.failing) == ()


@BOTH
def test_past_ids_go_and_ids_that_nobody_uses_give_way(settings: MailboxSettings) -> None:
    desk = Desk(replace(settings, max_total_send_ids=100))
    for generation in range(1, 3):
        bob = desk.collect(generation=generation)
        desk.lose(bob)
        desk.pass_time(DAY_SECONDS)
    bob = desk.collect(generation=3)
    desk.register(bob, PUBLIC, *(entry(f"bob {number}") for number in range(90)))
    desk.lose(bob)
    desk.pass_time(20 * DAY_SECONDS)
    for number in range(60):
        desk.deposit(number, f"bob {number}")
    desk.pass_time(11 * DAY_SECONDS)
    [box] = boxes(desk.failing)
    left = {item.entry.send_id for item in box.send_ids}
    assert left == {send_id(f"bob {number}") for number in range(60)}
    assert desk.core._registry.send_id_count == 60


@BOTH
def test_mail_expires(settings: MailboxSettings) -> None:
    desk = asleep_or_awake(settings, entry("bob"), entry("b"))
    desk.deposit(1, ttl_seconds=HOUR)
    desk.deposit(2, "b", ttl_seconds=9 * HOUR)
    assert desk.core.stats().unique_recipients == 1
    desk.pass_time(4 * HOUR)
    stats = desk.core.stats()
    assert (stats.deliverable, stats.expired, stats.unique_recipients) == (1, 1, 1)
    desk.pass_time(9 * HOUR)
    stats = desk.core.stats()
    assert (stats.deliverable, stats.expired, stats.unique_recipients) == (0, 2, 0)


@BOTH
def test_an_id_of_another_is_taken_and_its_mail_goes_to_its_owner(
    settings: MailboxSettings,
) -> None:
    desk = asleep_or_awake(settings, entry("bob"))
    mallory = desk.collect("mallory")
    desk.by_hand = True
    ticket = Ticket(desk.number())
    desk.feed(events.SendIdsRequested(ticket, mallory, (entry("m"), entry("bob")), ()))
    desk.deposit(1)
    desk.commit()
    desk.by_hand = False
    assert desk.result(ticket) == "taken"
    assert desk.core._registry.send_id_count == 1
    assert numbers(desk.take_pushes(desk.collect(generation=2))) == [1]


def test_no_bound_on_ids_is_passed_by_asking_side_by_side() -> None:
    desk = Desk()
    bob = desk.mailbox(PUBLIC)
    desk.by_hand = True
    tickets = []
    for batch in range(8):
        tickets.append(Ticket(desk.number()))
        public = tuple(
            entry(f"{batch} {number}", SendIdKind.PUBLIC, TODAY, TODAY + 2) for number in range(10)
        )
        desk.feed(events.SendIdsRequested(tickets[-1], bob, public, ()))
    desk.commit()
    assert [desk.result(ticket) for ticket in tickets] == [(), (), (), *["full"] * 5]
    assert desk.core._registry.send_id_count == 31


def asleep_or_awake(settings: MailboxSettings, *entries: Any) -> Desk:
    desk = Desk(settings)
    desk.lose(desk.mailbox(*entries))
    return desk


# --- sweeps ------------------------------------------------------------------------------------


def crowd(desk: Desk, count: int) -> None:
    """So many mailboxes, each with a public id whose days are soon over."""
    settings = desk.settings
    assert settings.saved_turns >= count
    for number in range(count):
        collector = desk.collect(str(number))
        desk.register(collector, entry(f"{number}", SendIdKind.PUBLIC, TODAY, TODAY + 1))
        desk.lose(collector)


def most_awake(desk: Desk) -> int:
    """Let four days pass; return how many were ever awake at once."""
    most = 0
    desk.by_hand = True
    for _ in range(4 * 24):
        desk.pass_time(HOUR)
        while desk.queue:
            desk.commit(1)
            most = max(most, len(awake(desk)))
    return most


def test_a_sweep_wakes_a_few_at_a_time_and_forgets_none() -> None:
    desk = Desk(MailboxSettings(max_awake=10, saved_turns=240, mailbox_bits=8))
    crowd(desk, 120)
    assert desk.core._registry.send_id_count == 120
    assert most_awake(desk) <= 10 + sweeping.PAGE
    assert desk.core._registry.send_id_count == 0
    assert all(box.send_ids == () for box in boxes(desk.failing))


def test_control_a_sweep_without_pages_wakes_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "PAGE", 10**6)
    desk = Desk(MailboxSettings(max_awake=10, saved_turns=240, mailbox_bits=8))
    crowd(desk, 120)
    assert most_awake(desk) > 100


def test_a_removal_that_fails_is_made_up_for_by_the_next_sweep() -> None:
    desk = asleep(entry("bob"))
    desk.failing.fails = failing(RemoveMailbox)
    desk.pass_time(8 * DAY_SECONDS)
    assert (len(boxes(desk.failing)), desk.core._registry.mailbox_count) == (1, 1)
    desk.failing.fails = failing()
    desk.pass_time(2 * HOUR)
    assert (len(boxes(desk.failing)), desk.core._registry.mailbox_count) == (0, 0)


def test_one_that_is_being_removed_does_not_wake_from_an_earlier_look_up() -> None:
    desk = asleep(entry("bob"))
    desk.pass_time(7 * DAY_SECONDS)
    desk.by_hand = True
    desk.pass_time(2 * HOUR)
    while not any(isinstance(item.operation, FindMailbox) for item in desk.queue):
        desk.commit(1)
    desk.deposit(1)  # looked up behind the look-up of the sweep, before the removal
    desk.commit()
    assert boxes(desk.failing) == ()
    assert counter(desk, "refused_unknown") == 1
    assert awake(desk) == []
    assert desk.core._registry.removing == set()


# --- what it costs -----------------------------------------------------------------------------

MANY = 20_000
WOKEN = 1_500
ROOM_BYTES = 6 * 1024 * 1024


def filled(path: Path, count: int, ids: int = SURE_NEW_SEND_IDS) -> SqliteMailboxStore:
    """A store with so many mailboxes, each with as many send ids as a new one is sure of."""
    store = SqliteMailboxStore(path)
    with transaction(store._connection) as inside:
        inside.executemany(
            "INSERT INTO mailbox VALUES (?, ?, ?, 0, 1000000000, 0, 3, 0, 0, 0)",
            ((number, mailbox_id(f"box {number}"), bytes(8)) for number in range(count)),
        )
        inside.executemany(
            "INSERT INTO send_id VALUES (?, ?, 0, 0, 4294967295, ?)",
            (
                (send_id(f"{number} {index}"), number, TODAY)
                for number in range(count)
                for index in range(ids)
            ),
        )
    return store


def memory_of(store: SqliteMailboxStore, settings: MailboxSettings) -> tuple[int, int]:
    """Start on a store, then use some of its mailboxes; return the bytes allocated after each."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        desk = Desk(settings, store)
        started = tracemalloc.get_traced_memory()[0] - before
        for number in range(WOKEN):
            ticket = Ticket(number + 1)
            desk.feed(events.StateRequested(ticket, send_id(f"{number} 3")))
            desk.operations.clear()
            del desk.answers[ticket]
        return started, tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> SqliteMailboxStore:
    return filled(tmp_path_factory.mktemp("many") / "queue.db", MANY)


def test_k45_twenty_thousand_mailboxes_asleep_cost_a_bounded_memory(
    many: SqliteMailboxStore,
) -> None:
    assert many.load().totals[:2] == (MANY, MANY * SURE_NEW_SEND_IDS)
    started, used = memory_of(many, MailboxSettings())
    assert started < 200_000
    assert used < ROOM_BYTES


def test_k45_control_mailboxes_that_stay_awake_cost_more(many: SqliteMailboxStore) -> None:
    _, used = memory_of(many, MailboxSettings(max_awake=MANY))
    assert used > ROOM_BYTES
    assert used / WOKEN * MANY > 100 * 1024 * 1024, "all of them"


def test_k45_a_start_asks_the_same_of_any_number_of_mailboxes(tmp_path: Path) -> None:
    found = []
    for count in (1, 300):
        store = filled(tmp_path / f"{count}.db", count, ids=3)
        statements: list[str] = []
        store._connection.set_trace_callback(statements.append)
        desk = Desk(store=store)
        found.append(len(statements))
        assert awake(desk) == []
        assert desk.core.stats().deliverable == 0
        assert desk.core._registry.mailbox_count == count
        store.close()
    assert found[0] == found[1]


# --- the same answers as a relay that never lets one sleep: test_sleeping_machine.py -----------


def test_control_a_mailbox_that_sleeps_with_something_unsaved_is_another_when_it_wakes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What `Resting` must not do: nine days later nobody could say when an id was last used."""
    original = Resting._rest

    def careless(self: Resting, mailbox: Any, now: float) -> None:
        if not self._is_busy(mailbox, now):
            self._sleep(mailbox)
        else:
            original(self, mailbox, now)

    monkeypatch.setattr(Resting, "_rest", careless)
    desk = Desk(SLEEPY)
    bob = desk.mailbox()
    desk.pass_time(5 * DAY_SECONDS)
    desk.lose(bob)
    desk.feed(DepositArrived(deposit(1)))
    [box] = boxes(desk.failing)
    assert {item.used_day for item in box.send_ids} == {TODAY}, "five days too early"


def test_what_is_unsaved_is_saved_before_a_mailbox_sleeps() -> None:
    desk = Desk(SLEEPY)
    bob = desk.mailbox()
    desk.pass_time(5 * DAY_SECONDS)
    desk.lose(bob)
    desk.feed(DepositArrived(deposit(1)))
    [box] = boxes(desk.failing)
    assert {item.used_day for item in box.send_ids} == {TODAY + 5}
    assert awake(desk) == []
