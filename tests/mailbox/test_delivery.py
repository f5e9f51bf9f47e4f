"""Pushing: order, window, memory before disk, leases, and who may ack what."""

import pytest

from tests.mailbox.support import (
    Desk,
    boxes,
    entry,
    mailbox_id,
    numbers,
)
from zentalk.mailbox.delivery import Delivery
from zentalk.mailbox.events import OpenRequested, Ticket
from zentalk.mailbox.owners import Owners
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.state import CollectorSession, MailboxState
from zentalk.mailbox.storage import (
    CountAttempts,
    DeleteEnvelopes,
    PutEnvelope,
    ReadEnvelopes,
)
from zentalk.store.mailbox.memory import MemoryMailboxStore


def writes(desk: Desk) -> int:
    return sum(isinstance(operation, PutEnvelope) for operation in desk.operations)


def test_b1_a3_mail_for_an_online_owner_never_touches_the_store() -> None:
    desk = Desk()
    bob = desk.mailbox()
    before = len(desk.operations)
    for number in range(20):
        desk.deposit(number)
        desk.ack_all(bob)
    desk.pass_time(30)
    assert desk.operations[before:] == []
    assert sorted(desk.acked_numbers()) == list(range(20))
    assert desk.core.stats().counters["acknowledged"] == 20


def test_a_push_that_nobody_acks_is_written_after_two_seconds() -> None:
    desk = Desk()
    bob = desk.mailbox()
    desk.deposit(1)
    desk.pass_time(1.99)
    assert writes(desk) == 0
    desk.pass_time(0.02)
    assert writes(desk) == 1
    assert desk.stored() == 1
    desk.ack_all(bob)
    assert desk.stored() == 0


def test_b2_a4_mail_for_an_absent_owner_waits_and_goes_with_the_ack() -> None:
    desk = Desk()
    desk.lose(desk.mailbox())
    desk.deposit(1)
    assert desk.stored() == 1
    bob = desk.collect(generation=2)
    (push,) = desk.take_pushes(bob)
    assert push.sealed == b"envelope 1"
    assert desk.stored() == 1
    desk.ack(bob, push.seq)
    assert desk.stored() == 0


def test_b3_everything_that_waited_comes_in_order_within_the_window() -> None:
    desk = Desk()
    desk.lose(desk.mailbox())
    for number in range(50):
        desk.deposit(number)
    bob = desk.collect(generation=2, window=7)
    seen: list[int] = []
    while pushes := desk.take_pushes(bob):
        assert len(pushes) <= 7
        seen += numbers(pushes)
        desk.ack(bob, *(push.seq for push in pushes))
    assert seen == list(range(50))
    assert desk.stored() == 0


def test_an_ack_makes_room_for_exactly_one_more() -> None:
    desk = Desk()
    desk.lose(desk.mailbox())
    for number in range(6):
        desk.deposit(number)
    bob = desk.collect(generation=2, window=3)
    first = desk.take_pushes(bob)
    assert numbers(first) == [0, 1, 2]
    desk.ack(bob, first[1].seq)
    assert numbers(desk.take_pushes(bob)) == [3]


def test_the_window_is_bounded_in_bytes_too() -> None:
    desk = Desk(MailboxSettings(max_window_bytes=1000))
    desk.lose(desk.mailbox())
    for number in range(6):
        desk.deposit(number, body=bytes(400))
    bob = desk.collect(generation=2)
    first = desk.take_pushes(bob)
    assert len(first) == 3  # one may pass the bound, or a large one would never come
    desk.ack(bob, first[0].seq)
    assert len(desk.take_pushes(bob)) == 1


def test_beyond_the_bound_of_all_windows_each_collector_gets_one_at_a_time() -> None:
    desk = Desk(MailboxSettings(max_in_flight_bytes=1000), by_hand=True)
    names = ["a", "b", "c", "d"]
    for name in names:
        owner = desk.collect(name)
        desk.register(owner, entry(name))
        desk.lose(owner)
        for number in range(5):
            desk.deposit(number, name, body=bytes(600))
    desk.commit()
    tickets = [desk.open(name, generation=2) for name in names]  # all at the same moment
    desk.commit()
    counts = [len(desk.take_pushes(owner)) for owner, _ in tickets]
    assert sum(counts) <= 5
    assert min(counts) == 1
    for owner, _ in tickets:
        for push in range(5):
            desk.ack(owner, push)
            desk.commit()
    assert desk.stored() == 0
    assert (
        desk.core._delivery._windows.in_flight_bytes,
        desk.core._delivery._windows.reading_bytes,
    ) == (0, 0)


def test_d16_what_waits_on_disk_goes_before_newer_mail() -> None:
    desk = Desk()
    desk.lose(desk.mailbox())
    for number in range(5):
        desk.deposit(number)
    bob = desk.collect(generation=2, window=2)
    desk.deposit(5)
    seen: list[int] = []
    while pushes := desk.take_pushes(bob):
        seen += numbers(pushes)
        if len(seen) == 4:
            desk.deposit(6)
        desk.ack(bob, *(push.seq for push in pushes))
    assert seen == [0, 1, 2, 3, 4, 5, 6]


def test_d16_control_pushing_newer_mail_at_once_breaks_the_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = Delivery.push_first

    def careless(self: Delivery, mail: object, now: float) -> bool:
        mailbox: MailboxState = mail.mailbox  # type: ignore[attr-defined]
        if mailbox.session is None:
            return False
        waiting, mailbox.unpushed_seq = mailbox.unpushed_seq, -1
        mailbox.session.window += 100
        pushed = original(self, mail, now)  # type: ignore[arg-type]
        mailbox.session.window -= 100
        mailbox.unpushed_seq = waiting
        return pushed

    monkeypatch.setattr(Delivery, "push_first", careless)
    with pytest.raises(AssertionError):
        test_d16_what_waits_on_disk_goes_before_newer_mail()


def test_d16_order_holds_while_commits_are_slow() -> None:
    desk = Desk(by_hand=True)
    bob = desk.mailbox(window=2)
    seen: list[int] = []
    for number in range(30):
        desk.deposit(number)
        desk.commit(number % 3)
        if number % 4 == 3:
            pushes = desk.take_pushes(bob)
            seen += numbers(pushes)
            desk.ack(bob, *(push.seq for push in pushes))
    while True:
        desk.commit()
        pushes = desk.take_pushes(bob)
        if not pushes:
            break
        seen += numbers(pushes)
        desk.ack(bob, *(push.seq for push in pushes))
    assert seen == list(range(30))


def test_d10_a_connection_lost_in_mid_push_loses_nothing() -> None:
    desk = Desk()
    bob = desk.mailbox()
    for number in range(5):
        desk.deposit(number)
    first = desk.take_pushes(bob)
    desk.ack(bob, first[0].seq, first[2].seq)
    desk.lose(bob)
    assert desk.stored() == 3
    again = desk.collect(generation=2)
    assert numbers(desk.take_pushes(again)) == [1, 3, 4]


def test_b5_b6_a_collector_that_reconnects_gets_everything_unacked_from_the_start() -> None:
    desk = Desk()
    desk.lose(desk.mailbox())
    for number in range(4):
        desk.deposit(number)
    for generation in (2, 3, 4):
        bob = desk.collect(generation=generation)
        assert numbers(desk.take_pushes(bob)) == [0, 1, 2, 3]
        desk.lose(bob)


def test_b7_a_second_ack_is_harmless() -> None:
    desk = Desk()
    bob = desk.mailbox()
    desk.deposit(1)
    (push,) = desk.take_pushes(bob)
    desk.ack(bob, push.seq)
    desk.deposit(2)
    desk.ack(bob, push.seq, push.seq, 10**9)
    desk.pass_time(3)
    assert numbers(desk.take_pushes(bob)) == [2]
    assert desk.stored() == 1


def test_a_late_ack_after_a_restart_never_names_a_newer_envelope() -> None:
    """Numbers of mail that was pushed from memory only are not used again."""
    store = MemoryMailboxStore()  # the disk of this test: it survives `restart`
    desk = Desk(store=store)
    bob = desk.mailbox()
    desk.deposit(1)
    (old,) = desk.take_pushes(bob)
    desk.restart()
    desk.deposit(2)
    bob = desk.collect(generation=2)
    (new,) = desk.take_pushes(bob)
    assert new.seq > old.seq
    desk.ack(bob, old.seq)
    assert desk.stored() == 1


def test_only_the_connection_that_got_a_push_can_ack_it() -> None:
    desk = Desk()
    bob = desk.mailbox()
    carol = desk.collect("carol")
    desk.deposit(1)
    (push,) = desk.take_pushes(bob)
    desk.ack(carol, push.seq)
    desk.pass_time(3)
    assert desk.stored() == 1


# --- leases ------------------------------------------------------------------------------------


def test_b6_b11_a_push_without_an_ack_comes_again_after_the_lease() -> None:
    desk = Desk()
    bob = desk.mailbox()
    for number in range(3):
        desk.deposit(number)
    first = desk.take_pushes(bob)
    desk.ack(bob, first[0].seq)
    desk.pass_time(59)
    assert desk.take_pushes(bob) == []
    desk.pass_time(20)
    again = desk.take_pushes(bob)
    assert numbers(again) == [1, 2]
    assert [push.seq for push in again] == [first[1].seq, first[2].seq]
    desk.lose(bob)
    counted = [op for op in desk.operations if isinstance(op, CountAttempts)]
    assert [op.seqs for op in counted] == [(first[1].seq, first[2].seq)] * 2


def test_a_lease_that_ends_during_a_reading_repeats_nothing_out_of_order() -> None:
    desk = Desk(by_hand=True)
    desk.lose(desk.mailbox())
    for number in range(6):
        desk.deposit(number)
    desk.commit()
    bob = desk.collect(generation=2, window=3)
    desk.commit()
    first = desk.take_pushes(bob)
    desk.ack(bob, first[1].seq)  # starts a reading that stays in the queue
    desk.pass_time(80)
    seen: list[int] = []
    for _ in range(10):
        desk.commit()
        pushes = desk.take_pushes(bob)
        seen += numbers(pushes)
        desk.ack(bob, *(push.seq for push in pushes))
    assert seen == [0, 2, 3, 4, 5]


def test_a_failed_reading_is_tried_again() -> None:
    desk = Desk()
    desk.lose(desk.mailbox())
    desk.deposit(1)
    desk.failing.fails = lambda operation: isinstance(operation, ReadEnvelopes)
    bob = desk.collect(generation=2)
    assert desk.take_pushes(bob) == []
    desk.failing.fails = lambda operation: False
    desk.pass_time(20)
    assert numbers(desk.take_pushes(bob)) == [1]


def test_a_failed_delete_leads_to_a_second_push_and_a_second_ack() -> None:
    desk = Desk()
    desk.lose(desk.mailbox())
    desk.deposit(1)
    bob = desk.collect(generation=2)
    desk.failing.fails = lambda operation: isinstance(operation, DeleteEnvelopes)
    desk.ack_all(bob)
    assert desk.core.stats().counters["undeleted"] == 1
    desk.failing.fails = lambda operation: False
    desk.lose(bob)
    bob = desk.collect(generation=3)
    desk.ack_all(bob)
    assert desk.stored() == 0


# --- generations -------------------------------------------------------------------------------


def test_d6_a_newer_registration_replaces_the_older_and_closes_it() -> None:
    desk = Desk()
    old = desk.mailbox()
    desk.deposit(1)
    new = desk.collect(generation=2)
    assert desk.closed == [old]
    assert numbers(desk.take_pushes(new)) == [1]
    desk.deposit(2)
    assert numbers(desk.take_pushes(new)) == [2]
    assert numbers(desk.take_pushes(old)) == [1]  # what it got before it was replaced


@pytest.mark.parametrize("generation", [1, 0])
def test_an_equal_or_older_generation_is_refused(generation: int) -> None:
    desk = Desk()
    bob = desk.mailbox()
    _, ticket = desk.open(generation=generation)
    assert desk.result(ticket) == "stale"
    desk.deposit(1)
    assert numbers(desk.take_pushes(bob)) == [1]


def test_an_older_generation_is_refused_after_a_restart_too() -> None:
    desk = Desk()
    desk.collect(generation=5)
    desk.restart()
    _, ticket = desk.open(generation=5)
    assert desk.result(ticket) == "stale"
    desk.collect(generation=6)


def test_of_two_registrations_under_way_the_newer_one_wins() -> None:
    desk = Desk(by_hand=True)
    first, first_ticket = desk.open(generation=1)
    second, second_ticket = desk.open(generation=2)
    desk.commit()
    assert desk.result(first_ticket) == "stale"
    assert desk.result(second_ticket) == ()
    desk.register(second, entry("bob"))
    desk.deposit(1)
    assert numbers(desk.take_pushes(second)) == [1]
    assert desk.take_pushes(first) == []


def test_k30_the_clean_up_of_a_dying_connection_leaves_the_new_one_registered() -> None:
    assert _pushed_after_late_clean_up() == [1]


def test_k30_control_without_the_check_pushes_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Owners._end

    def careless(self: Owners, session: CollectorSession, now: float) -> None:
        original(self, session, now)
        session.mailbox.session = None

    monkeypatch.setattr(Owners, "_end", careless)
    assert _pushed_after_late_clean_up() == []


def _pushed_after_late_clean_up() -> list[int]:
    """The old connection's clean-up runs only after the new one has registered."""
    desk = Desk()
    old = desk.mailbox()
    session = desk.core._registry.sessions[old]
    new = desk.collect(generation=2)
    desk.core._registry.sessions[old] = session
    desk.lose(old)
    desk.deposit(1)
    return numbers(desk.take_pushes(new))


def test_a_connection_that_ends_while_it_registers_is_not_registered() -> None:
    desk = Desk(by_hand=True)
    bob, _ = desk.open(generation=1)
    desk.lose(bob)
    desk.commit()
    assert desk.core.stats().online == 0
    desk.collect(generation=2)
    assert desk.core.stats().online == 1


def test_b12_online_is_counted_while_connected() -> None:
    desk = Desk()
    bob = desk.mailbox()
    assert desk.core.stats().online == 1
    desk.lose(bob)
    assert desk.core.stats().online == 0


def test_a_registration_that_cannot_be_saved_is_refused_and_can_be_repeated() -> None:
    desk = Desk()
    desk.failing.fails = lambda operation: True
    _, ticket = desk.open(generation=1)
    assert desk.result(ticket) == "storage"
    assert desk.core._registry.mailboxes == {}
    desk.failing.fails = lambda operation: False
    desk.collect(generation=1)


def test_one_connection_collects_one_mailbox() -> None:
    desk = Desk()
    bob = desk.mailbox()
    ticket = Ticket(999)
    desk.feed(OpenRequested(ticket, bob, mailbox_id("carol"), 1, 8))
    assert desk.result(ticket) == "opened"


def test_mailboxes_are_bounded() -> None:
    desk = Desk(MailboxSettings(max_mailboxes=2))
    desk.mailbox()
    mallory = desk.collect("mallory")
    _, ticket = desk.open("c")
    assert desk.result(ticket) == "full"
    desk.lose(mallory)
    _, ticket = desk.open("c")
    assert desk.result(ticket) == "full", "nothing is taken from anybody to make room"
    assert len(boxes(desk.failing)) == 2


def _writes_while_mail_comes_fast() -> int:
    """A pause of the owner fills the window; then there is a new message in every round.

    What is queued is committed once a round, so each reading finds newer mail behind it.
    Returns how many of the last 50 messages went to the store.
    """
    desk = Desk(by_hand=True)
    bob = desk.mailbox(window=4)
    for number in range(10):
        desk.deposit(number)
    seen: list[int] = []
    before = 0
    for number in range(10, 100):
        pushes = desk.take_pushes(bob)
        seen += numbers(pushes)
        desk.ack(bob, *(push.seq for push in pushes))
        desk.deposit(number)
        desk.commit(len(desk.queue))
        if number == 49:
            before = writes(desk)
    after = writes(desk)
    desk.commit()
    while pushes := desk.take_pushes(bob):
        seen += numbers(pushes)
        desk.ack(bob, *(push.seq for push in pushes))
        desk.commit()
    assert seen == list(range(100))
    assert desk.stored() == 0
    return after - before


def test_the_way_through_memory_is_found_again_while_mail_comes_fast() -> None:
    assert _writes_while_mail_comes_fast() == 0


def test_control_reading_everything_back_keeps_all_later_mail_on_the_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing = lambda self, session, lane, now: None  # noqa: E731
    monkeypatch.setattr(Delivery, "_push_what_is_being_written", nothing)
    assert _writes_while_mail_comes_fast() == 50


def test_mail_that_was_acked_while_it_was_being_written_is_deleted() -> None:
    desk = Desk(by_hand=True)
    bob = desk.mailbox()
    desk.deposit(1)
    desk.pass_time(2.5)
    desk.ack_all(bob)
    desk.commit()
    desk.commit()
    assert desk.stored() == 0
    desk.pass_time(10)
    assert desk.acked_numbers() == [1]


def test_a_push_whose_write_is_refused_can_still_be_acked() -> None:
    desk = Desk()
    bob = desk.mailbox()
    desk.deposit(1)
    desk.failing.fails = lambda operation: isinstance(operation, PutEnvelope)
    desk.pass_time(3)
    desk.ack_all(bob)
    desk.pass_time(10)
    assert desk.acked_numbers() == [1]
    assert desk.core._delivery._windows.in_flight_bytes == 0
    assert desk.core._writing.held_bytes == 0


def test_writing_is_where_mail_becomes_safe() -> None:
    """No shortcut: `safe` is set by the outcome of a commit or by an ack, nowhere else."""
    desk = Desk(by_hand=True)
    desk.lose(desk.mailbox())
    desk.deposit(1)
    (mail,) = desk.core._registry.mailboxes[mailbox_id("bob")].live.values()
    assert not mail.safe
    desk.commit()
    assert mail.safe
