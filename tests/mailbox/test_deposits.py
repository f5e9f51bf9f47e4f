"""Deposits: quotas, repeats, expiry, floods, and what the profiles do when a mailbox is full."""

import pytest

from tests.mailbox.support import (
    HOUR,
    TODAY,
    Desk,
    bodies,
    boxes,
    deposit_id,
    entry,
    mailbox_id,
    numbers,
    send_id,
)
from zentalk.errors import ConfigError, StorageFullError
from zentalk.ids import DAY_SECONDS
from zentalk.mailbox.events import StateRequested, SweepRequested, Ticket, TokenArrived
from zentalk.mailbox.look_ups import FindOwner
from zentalk.mailbox.settings import MailboxProfile, MailboxSettings
from zentalk.mailbox.storage import DeleteEnvelopes, PutEnvelope, ReadEnvelopes, ReadOutcome
from zentalk.wire.rpc_send_ids import SendIdKind

SMALL = MailboxSettings(contact_quota=5, public_quota=3, max_envelopes=12)


def away(desk: Desk, *names: str) -> None:
    """Bob's mailbox with one contact's send id per name; he is offline."""
    desk.lose(desk.mailbox(*(entry(name) for name in names or ("bob",))))


def state(desk: Desk, name: str) -> object:
    ticket = Ticket(desk.number())
    desk.feed(StateRequested(ticket, send_id(name)))
    return desk.result(ticket)


def waiting(desk: Desk, box: str = "bob") -> list[bytes]:
    read = ReadEnvelopes(mailbox_id(box), -1, 2000, 10**9, 0)
    (outcome,) = desk.failing.store.apply([read])
    assert isinstance(outcome, ReadOutcome)
    return [item.sealed for item in outcome.envelopes]


# --- quotas ------------------------------------------------------------------------------------


def test_d9_a_send_ids_quota_refuses_the_newest_without_an_ack() -> None:
    desk = Desk(SMALL)
    away(desk)
    for number in range(7):
        desk.deposit(number)
    desk.pass_time(10)
    assert waiting(desk) == [b"envelope %d" % number for number in range(5)]
    assert sorted(desk.acked_numbers()) == [0, 1, 2, 3, 4]
    assert desk.core.stats().counters["refused_full"] == 2


def test_d9_a_full_mailbox_refuses_the_newest_and_tells_nobody() -> None:
    """Whether it is full tells whether its owner is there."""
    desk = Desk(SMALL)
    away(desk, "a", "b", "c", "d")
    for number in range(20):
        desk.deposit(number, "abcd"[number % 4])
    assert desk.stored() == 12
    assert state(desk, "a") == (0, 0, 0)
    bob = desk.collect(generation=2)
    desk.ack_all(bob)
    assert state(desk, "a") == (0, 0, 0)
    desk.deposit(99, "a")
    assert numbers(desk.take_pushes(bob)) == [99]


def test_bytes_of_a_mailbox_are_bounded() -> None:
    desk = Desk(MailboxSettings(max_mailbox_bytes=10_000))
    away(desk)
    for number in range(8):
        desk.deposit(number, body=bytes(3000))
    assert desk.stored() == 3
    desk.deposit(50, body=bytes(500))
    assert desk.stored() == 4


def test_quotas_hold_while_commits_are_slow() -> None:
    desk = Desk(SMALL, by_hand=True)
    desk.lose(desk.mailbox())
    for number in range(50):
        desk.deposit(number)
    desk.commit()
    assert desk.stored() == 5


def test_k12_a_flooder_with_one_send_id_cannot_push_real_mail_out() -> None:
    assert _honest_arrivals() == 40


def test_k12_control_without_the_send_ids_quota_real_mail_is_refused() -> None:
    assert _honest_arrivals(MailboxSettings(contact_quota=10**9)) < 40


def _honest_arrivals(settings: MailboxSettings | None = None) -> int:
    """Four contacts send ten messages each while a fifth sends a hundred times as much."""
    desk = Desk(settings)
    away(desk, "flooder", "a", "b", "c", "d")
    number = 0
    for round_number in range(10):
        for _ in range(400):
            number += 1
            desk.deposit(number, "flooder")
        for name in "abcd":
            desk.deposit(
                100_000 + number, name, body=b"honest %s %d" % (name.encode(), round_number)
            )
    bob = desk.collect(generation=2)
    honest = 0
    while pushes := desk.take_pushes(bob):
        honest += sum(body.startswith(b"honest") for body in bodies(pushes))
        desk.ack(bob, *(push.seq for push in pushes))
    return honest


def test_k12_a_flood_in_memory_is_bounded() -> None:
    desk = Desk(MailboxSettings(max_held_bytes=10_000), by_hand=True)
    desk.lose(desk.mailbox())
    for number in range(500):
        desk.deposit(number, body=bytes(1000))
    assert len(desk.queue) == 10
    assert desk.core.stats().counters["refused_busy"] == 490
    desk.commit()
    assert desk.core._writing.held_bytes == 0


# --- the memory profile ------------------------------------------------------------------------


def test_d9_the_memory_profile_evicts_the_oldest() -> None:
    desk = Desk(MailboxSettings(profile=MailboxProfile.MEMORY, contact_quota=5, max_envelopes=8))
    away(desk, "a", "b", "c")
    for number in range(12):
        desk.deposit(number, "abc"[number % 3])
    assert waiting(desk) == [b"envelope %d" % number for number in range(4, 12)]
    assert desk.core.stats().counters["evicted"] == 4
    assert desk.core.stats().deliverable == 8


def test_the_memory_profile_keeps_the_send_ids_quota() -> None:
    desk = Desk(MailboxSettings(profile=MailboxProfile.MEMORY, contact_quota=5, max_envelopes=8))
    away(desk)
    for number in range(12):
        desk.deposit(number)
    assert waiting(desk) == [b"envelope %d" % number for number in range(5)]


def test_the_memory_profile_sends_no_acks() -> None:
    desk = Desk(MailboxSettings(profile=MailboxProfile.MEMORY))
    bob = desk.mailbox()
    desk.deposit(1)
    desk.ack_all(bob)
    desk.lose(bob)
    desk.deposit(2)
    desk.pass_time(20)
    assert desk.acks == []


# --- repeats -----------------------------------------------------------------------------------


def test_a_repeat_replaces_the_copy_is_not_counted_and_is_acked_again() -> None:
    desk = Desk(SMALL)
    away(desk)
    for number in range(5):
        desk.deposit(number)
    desk.deposit(2, body=b"second copy", ack=102)
    desk.pass_time(10)
    assert waiting(desk)[2] == b"second copy"
    assert desk.stored() == 5
    assert sorted(desk.acked_numbers()) == [0, 1, 2, 3, 4, 102]
    assert "refused_full" not in desk.core.stats().counters


def test_a_repeat_while_the_push_is_in_flight_is_not_pushed_again() -> None:
    desk = Desk()
    bob = desk.mailbox()
    desk.deposit(1)
    desk.deposit(1, body=b"second copy", ack=2)
    desk.pass_time(2.5)
    desk.deposit(1, body=b"third copy", ack=3)
    assert len(desk.take_pushes(bob)) == 1
    assert waiting(desk) == [b"third copy"]
    desk.pass_time(10)
    assert sorted(desk.acked_numbers()) == [1, 2, 3]


def test_a_repeat_while_the_first_is_being_written_is_stored_once() -> None:
    desk = Desk(by_hand=True)
    desk.lose(desk.mailbox())
    desk.deposit(1)
    desk.deposit(1, body=b"second copy", ack=2)
    desk.commit()
    assert waiting(desk) == [b"second copy"]
    assert desk.core.stats().deliverable == 1
    assert desk.core._registry.mailboxes[mailbox_id("bob")].live == {}


def test_b5_a_repeat_after_the_owners_ack_is_pushed_and_acked_again() -> None:
    desk = Desk()
    bob = desk.mailbox()
    desk.deposit(1)
    desk.ack_all(bob)
    desk.deposit(1, ack=2)
    assert numbers(desk.take_pushes(bob)) == [1]


def test_a_repeat_of_another_size_keeps_the_books_right() -> None:
    desk = Desk()
    bob = desk.mailbox()
    desk.deposit(1, body=bytes(10))
    desk.deposit(1, body=bytes(500))
    assert desk.core._writing.held_bytes == 500
    desk.pass_time(3)
    desk.deposit(1, body=bytes(30))
    desk.ack_all(bob)
    core = desk.core
    assert (core._writing.held_bytes, core._delivery._windows.in_flight_bytes) == (0, 0)
    assert core._registry.mailboxes[mailbox_id("bob")].stored_bytes == 0


def test_k39_an_owner_away_for_three_days_has_one_copy_per_message() -> None:
    assert _copies_after_retries() == (3, 5)


def test_k39_control_fresh_deposit_ids_fill_the_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(range(1000, 100_000))
    monkeypatch.setattr("tests.mailbox.support.deposit_id", lambda number: deposit_id(next(drawn)))
    copies, room_left = _copies_after_retries()
    assert copies > 3
    assert room_left == 0


def _copies_after_retries() -> tuple[int, int]:
    """Three messages, each deposited again every hour; and room for five more after that."""
    desk = Desk(MailboxSettings(contact_quota=8))
    away(desk)
    for _ in range(3 * 24):
        for number in range(3):
            desk.deposit(number)
        desk.pass_time(HOUR)
    copies = desk.stored()
    for number in range(10, 15):
        desk.deposit(number)
    return copies, desk.stored() - copies


def test_a_repeat_does_not_extend_the_time_mail_waits() -> None:
    desk = Desk()
    away(desk)
    desk.deposit(1, ttl_seconds=10 * HOUR)
    desk.pass_time(8 * HOUR)
    desk.deposit(1, ttl_seconds=10 * HOUR)
    desk.pass_time(4 * HOUR)
    assert desk.stored() == 0


# --- expiry ------------------------------------------------------------------------------------


def test_a5_b4_expired_mail_vanishes_and_cannot_be_collected() -> None:
    desk = Desk(MailboxSettings(ttl_seconds=5 * HOUR))
    away(desk)
    desk.deposit(1, ttl_seconds=30 * DAY_SECONDS)
    desk.deposit(2, ttl_seconds=2 * HOUR)
    desk.pass_time(4 * HOUR)
    assert waiting(desk) == [b"envelope 1"]
    desk.pass_time(3 * HOUR)
    assert desk.stored() == 0
    assert desk.core.stats().expired == 2
    assert desk.core.stats().deliverable == 0
    assert desk.take_pushes(desk.collect(generation=2)) == []


def test_b4_expired_mail_is_not_collected_even_before_the_sweep() -> None:
    desk = Desk(MailboxSettings(sweep_seconds=10 * DAY_SECONDS))
    away(desk)
    desk.deposit(1, ttl_seconds=2 * HOUR)
    desk.deposit(2, ttl_seconds=9 * HOUR)
    desk.pass_time(5 * HOUR)
    assert desk.stored() == 2
    assert numbers(desk.take_pushes(desk.collect(generation=2))) == [2]


def test_b4_a_ttl_lowered_at_a_restart_counts_for_what_waits() -> None:
    desk = Desk()
    away(desk)
    desk.deposit(1)
    desk.pass_time(5 * HOUR)
    desk.settings = MailboxSettings(ttl_seconds=2 * HOUR)
    desk.restart()
    assert desk.stored() == 0


def test_b13_nothing_expires_before_its_time() -> None:
    """Not by rounding either: a restart in between, a TTL of whole hours, an odd minute."""
    desk = Desk(MailboxSettings(ttl_seconds=2 * HOUR), wall=1_750_000_000 - 50)
    away(desk)
    desk.deposit(1)
    desk.restart()
    desk.pass_time(2 * HOUR - 1)
    desk.feed(SweepRequested())
    assert desk.stored() == 1


def test_b9_sweeps_run_at_start_at_intervals_and_on_request() -> None:
    desk = Desk(MailboxSettings(sweep_seconds=1800))
    assert desk.core.stats().counters["sweeps"] == 1
    desk.pass_time(3 * 1800 + 5)
    assert desk.core.stats().counters["sweeps"] == 4
    desk.feed(SweepRequested())
    assert desk.core.stats().counters["sweeps"] == 5
    desk.pass_time(1790)
    assert desk.core.stats().counters["sweeps"] == 5


def test_a_large_sweep_goes_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zentalk.mailbox.sweeping.STEP", 10)
    desk = Desk()
    away(desk)
    for number in range(35):
        desk.deposit(number, ttl_seconds=HOUR)
    desk.pass_time(3 * HOUR)
    assert desk.stored() == 0
    assert desk.core.stats().expired == 35


# --- send ids ----------------------------------------------------------------------------------


def test_a_public_send_id_takes_deposits_on_its_days() -> None:
    desk = Desk(MailboxSettings(public_quota=10))
    public = entry("public", SendIdKind.PUBLIC, TODAY - 1, TODAY + 2)
    tomorrow = entry("later", SendIdKind.PUBLIC, TODAY + 2, TODAY + 5)
    desk.lose(desk.mailbox(public, tomorrow))
    for number in range(5):
        desk.deposit(number, "public")
        desk.deposit(number + 10, "later")
    assert waiting(desk) == [b"envelope %d" % number for number in range(5)]
    desk.pass_time(3 * DAY_SECONDS)
    from_now = desk.core.stats().counters["refused_unknown"]
    desk.deposit(20, "public")
    desk.deposit(21, "later")
    assert desk.core.stats().counters["refused_unknown"] == from_now + 1
    assert waiting(desk)[-1] == b"envelope 21"


def test_unknown_and_ack_send_ids_take_no_envelopes() -> None:
    desk = Desk()
    bob = desk.mailbox(entry("ack", SendIdKind.ACK))
    before = len(desk.operations)
    desk.deposit(1, "ack")
    desk.deposit(2, "nobody")
    desk.pass_time(10)
    assert desk.take_pushes(bob) == []
    assert desk.acks == []
    assert desk.operations[before:] == [FindOwner(send_id("nobody"))]


def test_ack_tokens_reach_their_owner_and_wait_in_a_ring() -> None:
    desk = Desk(MailboxSettings(max_tokens=3))
    bob = desk.mailbox(entry("ack", SendIdKind.ACK), entry("bob"))
    before = len(desk.operations)
    desk.feed(TokenArrived(send_id("ack"), b"online"))
    assert [token.token for token in desk.tokens] == [b"online"]
    desk.lose(bob)
    for number in range(5):
        desk.feed(TokenArrived(send_id("ack"), b"%d" % number))
    desk.feed(TokenArrived(send_id("bob"), b"not for an envelope's id"))
    desk.feed(TokenArrived(send_id("nobody"), b"for nobody"))
    assert desk.operations[before:] == [FindOwner(send_id("nobody"))]  # never on disk
    desk.tokens.clear()
    desk.collect(generation=2)
    assert [token.token for token in desk.tokens] == [b"2", b"3", b"4"]
    assert len(desk.core._registry.tokens) == 0


def test_tokens_of_all_mailboxes_are_bounded() -> None:
    desk = Desk(MailboxSettings(max_total_tokens=4))
    desk.lose(desk.mailbox(entry("ack", SendIdKind.ACK)))
    for number in range(10):
        desk.feed(TokenArrived(send_id("ack"), b"%d" % number))
    assert len(desk.core._registry.tokens) == 4


def test_past_public_send_ids_are_dropped() -> None:
    desk = Desk()
    desk.lose(desk.mailbox(entry("public", SendIdKind.PUBLIC, TODAY - 1, TODAY + 2)))
    desk.pass_time(5 * DAY_SECONDS)
    assert desk.core._registry.send_ids == {}
    assert boxes(desk.failing)[0].send_ids == ()


def test_a_mailbox_that_nobody_opens_is_removed() -> None:
    """After 55 days: its owner came back on a second day."""
    desk = Desk()
    away(desk)
    desk.pass_time(DAY_SECONDS)
    desk.lose(desk.collect(generation=2))
    desk.pass_time(40 * DAY_SECONDS)
    desk.deposit(1)
    desk.pass_time(15 * DAY_SECONDS - HOUR)
    assert desk.stored() == 1
    desk.pass_time(3 * HOUR)
    assert boxes(desk.failing) == ()
    assert desk.core._registry.send_ids == {}
    assert desk.core.stats().deliverable == 0


def test_a_mailbox_that_stays_open_is_kept() -> None:
    desk = Desk()
    bob = desk.mailbox()
    desk.pass_time(100 * DAY_SECONDS)
    desk.deposit(1)
    assert numbers(desk.take_pushes(bob)) == [1]
    desk.restart(wall=desk.wall)
    desk.pass_time(DAY_SECONDS)
    assert len(boxes(desk.failing)) == 1


# --- failing stores ----------------------------------------------------------------------------


def test_a_full_disk_acknowledges_nothing_and_heals() -> None:
    desk = Desk()
    away(desk)
    desk.deposit(1)
    desk.failing.error = StorageFullError("full")
    desk.failing.fails = lambda operation: isinstance(operation, PutEnvelope)
    desk.deposit(2)
    desk.deposit(1, ack=11)
    bob = desk.collect(generation=2)
    desk.ack_all(bob)
    desk.pass_time(10)
    assert desk.acked_numbers() == [1]
    assert desk.stored() == 0
    desk.failing.fails = lambda operation: False
    desk.lose(bob)
    desk.deposit(2)
    assert desk.stored() == 1


def test_a7_a_row_that_the_operator_deleted_harms_nothing() -> None:
    desk = Desk()
    away(desk)
    for number in range(3):
        desk.deposit(number)
    desk.failing.store.apply([DeleteEnvelopes(mailbox_id("bob"), (1,))])
    bob = desk.collect(generation=2)
    pushes = desk.take_pushes(bob)
    assert numbers(pushes) == [0, 2]
    desk.ack(bob, *(push.seq for push in pushes))
    desk.deposit(9)
    assert numbers(desk.take_pushes(bob)) == [9]


# --- restarts ----------------------------------------------------------------------------------


def test_counts_are_right_after_a_restart() -> None:
    desk = Desk(SMALL)
    away(desk, "a", "b")
    for number in range(5):
        desk.deposit(number, "a")
    desk.deposit(5, "b")
    desk.restart()
    assert desk.core.stats().deliverable == 6
    desk.deposit(6, "a")
    desk.deposit(7, "b")
    assert numbers(desk.take_pushes(desk.collect(generation=2))) == [0, 1, 2, 3, 4, 5, 7]


def test_d16_order_holds_over_a_restart() -> None:
    desk = Desk()
    away(desk)
    for number in range(3):
        desk.deposit(number)
    desk.restart()
    for number in range(3, 6):
        desk.deposit(number)
    assert numbers(desk.take_pushes(desk.collect(generation=2))) == list(range(6))


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match="written before"):
        MailboxSettings(write_after_seconds=4.5)
    with pytest.raises(ConfigError, match="at least 1 second"):
        MailboxSettings(ttl_seconds=0)
    with pytest.raises(ConfigError, match="lease"):
        MailboxSettings(lease_seconds=1)
    with pytest.raises(ConfigError, match="quota"):
        MailboxSettings(max_envelopes=0)


def test_coarse_stats_show_one_digit() -> None:
    desk = Desk()
    away(desk)
    for number in range(57):
        desk.deposit(number)
    stats = desk.core.stats()
    assert (stats.total, stats.deliverable, stats.unique_recipients) == (57, 57, 1)
    assert (stats.coarse().total, stats.coarse().counters) == (50, {})
