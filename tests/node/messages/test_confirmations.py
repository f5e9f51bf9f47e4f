"""K50: whoever can repeat an envelope moves no ratchet, and wears none out."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.node.messages.test_receive import befriend, texts
from tests.node.persons import NOW, Deposit, Person
from zentalk.ids import DAY_SECONDS
from zentalk.node.messages import compose, confirmations, ordering
from zentalk.node.messages.commands import Draft
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.confirmations import (
    COLLECT_SECONDS,
    KEPT_SECONDS,
    REPEAT_SECONDS,
    REPEATS_SAVED,
)
from zentalk.node.messages.effects import BestEffortInner, CommitEffects, OutboundItem
from zentalk.node.messages.routes import Collected
from zentalk.node.sessions import running_ahead
from zentalk.node.sessions.sessions import Sender
from zentalk.store.history import confirmations as rows
from zentalk.store.history import contacts, forgetting, outbox, ratchets
from zentalk.store.history.confirmations import ENVELOPE_HASH_BYTES, MAX_ENVELOPES, Unconfirmed
from zentalk.store.sqlite import Transaction

MANY = 1_001
"""So many numbers that a reader misses are too many."""
STEP_SECONDS = 600.0


class Ciphertexts:
    """Counts what each person encrypts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.by: dict[int, int] = {}
        encrypt = Sender.encrypt

        def counted(sender: Sender, content: bytes) -> Any:
            key = id(sender._sessions)
            self.by[key] = self.by.get(key, 0) + 1
            return encrypt(sender, content)

        monkeypatch.setattr(Sender, "encrypt", counted)

    def of(self, person: Person) -> int:
        return self.by.get(id(person.sessions), 0)


@pytest.fixture
def ciphertexts(monkeypatch: pytest.MonkeyPatch) -> Ciphertexts:
    return Ciphertexts(monkeypatch)


@pytest.fixture(autouse=True)
def friends(alice: Person, bob: Person) -> None:
    """Both know each other, and the disk need not sync."""
    for person in (alice, bob):
        person.connection.execute("PRAGMA synchronous = OFF")
    befriend(alice, bob)


def sent(alice: Person, bob: Person, count: int) -> list[Deposit]:
    """Let Alice write; return what a mailbox relay of Bob's holds."""

    def write(tx: Transaction) -> list[bytes]:
        written = [
            alice.messages.write(bob.address, Draft(f"{n}"), None, NOW, tx)[1].send[0]
            for n in range(count)
        ]
        return [ready.item.envelope or b"" for ready in written]

    return [alice.seal(bob, inner) for inner in alice.tx(write)]


def read_singly(bob: Person, deposits: list[Deposit]) -> None:
    """Let Bob read, each for itself, so that each has a confirmation of its own."""
    bob.tx(lambda tx: [bob.inbox.process(tx, [Collected(*one)], NOW) for one in deposits])


def collect(person: Person, other: Person, now: float) -> list[BestEffortInner]:
    """Let a minute's round pass."""
    return person.tx(lambda tx: confirmations.collected(tx, person.composer, other.address, now))


def acknowledge(person: Person, effects: CommitEffects) -> None:
    """Let a mailbox relay take what is to be sent."""
    numbers = [one.confirmation for one in effects.best_effort if one.confirmation is not None]
    person.tx(lambda tx: rows.acknowledged(tx, numbers))


def is_read(writer: Person, reader: Person, text: str) -> bool:
    """Write something new, and tell whether it can be read."""
    _, inners = writer.write(reader, text)
    reader.receive(*(writer.seal(reader, inner) for inner in inners))
    return texts(reader, writer)[-1].text == text


def states(person: Person, other: Person) -> set[str]:
    return {m.state for m in texts(person, other) if m.direction == "out"}


# --- one envelope, pushed again and again ---------------------------------------------------------


def replayed(bob: Person, deposit: Deposit, times: int) -> list[BestEffortInner]:
    """Push an envelope singly, all within a second; return what Bob sends for it."""
    return [one for _ in range(times) for one in bob.receive(deposit).best_effort]


def test_k50_a_read_envelope_that_is_replayed_1001_times_encrypts_nothing(
    alice: Person, bob: Person, ciphertexts: Ciphertexts
) -> None:
    [deposit] = sent(alice, bob, 1)
    first = bob.receive(deposit)
    before = ciphertexts.of(bob)
    again = replayed(bob, deposit, MANY)
    assert ciphertexts.of(bob) == before
    assert [one.inner for one in again] == REPEATS_SAVED * [one.inner for one in first.best_effort]
    assert is_read(bob, alice, "still here")


def encrypt_anew(tx: Transaction, composer: Composer, seen: Any, _hash: bytes, now: float) -> Any:
    """Answer a repetition as an earlier version did."""
    wanted = [Unconfirmed(seen.digest, seen.message_id)]
    [made] = confirmations.confirm(tx, composer, seen.contact, wanted, now)
    return made


def test_k50_control_a_repetition_that_encrypts_breaks_the_contacts_ratchet(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirmations, "repeated", encrypt_anew)
    monkeypatch.setattr(running_ahead, "MAX_UNREAD", 10**9)
    [deposit] = sent(alice, bob, 1)
    replayed(bob, deposit, MANY + 1)
    assert not is_read(bob, alice, "still here")


def test_k50_the_confirmation_of_a_known_envelope_that_arrived_does_not_go_again(
    alice: Person, bob: Person
) -> None:
    [deposit] = sent(alice, bob, 1)
    acknowledge(bob, bob.receive(deposit))
    for minute in range(1, 60):
        assert not bob.receive(deposit, now=NOW + minute * REPEAT_SECONDS).best_effort
    assert collect(bob, alice, NOW + 2 * COLLECT_SECONDS) == []


def test_k50_control_one_that_did_not_arrive_goes_again_every_minute(
    alice: Person, bob: Person
) -> None:
    [deposit] = sent(alice, bob, 1)
    bob.receive(deposit)
    times = [NOW + minute * REPEAT_SECONDS for minute in range(1, 60)]
    assert all(bob.receive(deposit, now=now).best_effort for now in times)


def test_k50_a_sender_that_missed_its_confirmation_gets_the_same_bytes_again(
    alice: Person, bob: Person
) -> None:
    """What it sends again is sealed anew: another envelope around the same inner."""
    _, [inner] = alice.write(bob, "once")
    first = bob.receive(alice.seal(bob, inner))
    acknowledge(bob, first)
    again = bob.receive(alice.seal(bob, inner))
    [[earlier], [later]] = first.best_effort, again.best_effort
    assert (earlier.inner, earlier.item_key) == (later.inner, later.item_key)
    assert later.elsewhere
    alice.receive(*bob.answers(again, alice))
    assert states(alice, bob) == {"delivered"}


def test_k50_of_many_envelopes_of_one_inner_the_last_ones_are_known(
    alice: Person, bob: Person
) -> None:
    _, [inner] = alice.write(bob, "once")
    deposits = [alice.seal(bob, inner) for _ in range(MAX_ENVELOPES + 4)]
    acknowledge(bob, bob.receive(deposits[0]))
    for number, deposit in enumerate(deposits[1:], start=1):
        assert bob.receive(deposit, now=NOW + number * REPEAT_SECONDS).best_effort
    later = NOW + DAY_SECONDS
    assert not bob.receive(*deposits[-MAX_ENVELOPES:], now=later).best_effort
    query = "SELECT max(length(envelopes)) FROM seen"
    assert bob.tx(lambda tx: tx.execute(query).fetchone()[0]) == MAX_ENVELOPES * ENVELOPE_HASH_BYTES


# --- many messages, for days ----------------------------------------------------------------------


class Replays:
    """One relay pushes read messages of Bob's every ten minutes, singly, all of them."""

    def __init__(
        self, alice: Person, bob: Person, ciphertexts: Ciphertexts, messages: int, seconds: float
    ) -> None:
        deposits = sent(alice, bob, messages)
        read_singly(bob, deposits)
        before = ciphertexts.of(bob)
        self.repeated: list[float] = []
        now = NOW
        while now < NOW + seconds:
            now += STEP_SECONDS
            self.repeated += bob.tx(partial(self._push, bob, deposits, now))
            collect(bob, alice, now)
            bob.tx(partial(rows.forget, kept_before=now - KEPT_SECONDS, known_before=NOW))
        self.encrypted = ciphertexts.of(bob) - before

    def _push(
        self, bob: Person, deposits: list[Deposit], now: float, tx: Transaction
    ) -> list[float]:
        effects = [bob.inbox.process(tx, [Collected(*one)], now) for one in deposits]
        return [now for one in effects for _ in one.best_effort]


def replays_for_days(alice: Person, bob: Person, ciphertexts: Ciphertexts) -> Replays:
    return Replays(alice, bob, ciphertexts, messages=24, seconds=5 * DAY_SECONDS)


def replays_of_more_than_one_confirmation_holds(
    alice: Person, bob: Person, ciphertexts: Ciphertexts
) -> Replays:
    return Replays(alice, bob, ciphertexts, messages=140, seconds=3 * COLLECT_SECONDS)


@pytest.mark.slow
def test_k50_a_relay_that_replays_for_days_gets_next_to_no_ciphertext(
    alice: Person, bob: Person, ciphertexts: Ciphertexts
) -> None:
    replays = replays_for_days(alice, bob, ciphertexts)
    assert 0 < replays.encrypted <= 8
    rate = REPEATS_SAVED + 5 * DAY_SECONDS / REPEAT_SECONDS
    assert 0 < len(replays.repeated) <= rate, "of 24 every ten minutes"
    assert is_read(bob, alice, "still here")


@pytest.mark.slow
def test_k50_control_without_the_rate_of_repetitions_every_copy_is_answered(
    alice: Person, bob: Person, ciphertexts: Ciphertexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirmations, "REPEAT_SECONDS", 0.0)
    replays = replays_for_days(alice, bob, ciphertexts)
    assert len(replays.repeated) > 2 * 5 * DAY_SECONDS / REPEAT_SECONDS


@pytest.mark.slow
def test_k50_control_without_kept_bytes_every_two_hours_one_is_encrypted(
    alice: Person, bob: Person, ciphertexts: Ciphertexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirmations, "KEPT_SECONDS", 0.0)
    assert replays_for_days(alice, bob, ciphertexts).encrypted > 50


def test_k50_however_many_are_replayed_one_confirmation_is_made_in_two_hours(
    alice: Person, bob: Person, ciphertexts: Ciphertexts
) -> None:
    replays = replays_of_more_than_one_confirmation_holds(alice, bob, ciphertexts)
    assert 0 < replays.encrypted <= 3 + 1


def test_k50_control_without_that_rate_one_is_made_with_every_round(
    alice: Person, bob: Person, ciphertexts: Ciphertexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirmations, "COLLECT_SECONDS", 0.0)
    replays = replays_of_more_than_one_confirmation_holds(alice, bob, ciphertexts)
    assert replays.encrypted > 30


def test_k50_what_was_repeated_too_often_is_confirmed_together(alice: Person, bob: Person) -> None:
    """Ten more were lost than go again at once: one new one speaks for these."""
    inners = [alice.write(bob, f"{n}")[1][0] for n in range(REPEATS_SAVED + 10)]
    for inner in inners:
        bob.receive(alice.seal(bob, inner))
    again = bob.receive(*(alice.seal(bob, inner) for inner in inners))
    alice.receive(*bob.answers(again, alice))
    assert len(again.best_effort) == REPEATS_SAVED
    made = collect(bob, alice, NOW + 60)
    assert len(made) == 1
    alice.receive(*(bob.seal(alice, one.inner) for one in made))
    assert states(alice, bob) == {"delivered"}
    assert collect(bob, alice, NOW + 120) == []


# --- a life that ended too soon ------------------------------------------------------------------


def all_taken(person: Person) -> None:
    """Let mailbox relays have every confirmation that was made."""
    person.connection.execute("UPDATE confirmations SET acknowledged = 1")


def begin_again(person: Person) -> None:
    """Do what a node does at its start; what was to be sent is forgotten."""
    person.tx(rows.owe_unacknowledged)


def test_r8_what_was_shown_and_confirmed_by_a_node_that_died_goes_out_in_its_next_life(
    alice: Person, bob: Person
) -> None:
    """The last message is shown because the gap before it stays; its sender has long its ack."""
    all_taken(bob)
    _, deposit = sent(alice, bob, 2)
    bob.receive(deposit)
    later = NOW + ordering.HOLD_SECONDS
    lost = bob.tx(lambda tx: bob.inbox.release_overdue(tx, later))
    assert collect(bob, alice, later + 60) == []
    begin_again(bob)
    again = collect(bob, alice, later + 60)
    assert [one.inner for one in again] == [one.inner for one in lost.best_effort]
    alice.receive(*(bob.seal(alice, one.inner) for one in again))
    assert [m.state for m in texts(alice, bob)] == ["delivered", "queued", "delivered"]
    assert collect(bob, alice, later + 120) == []


def test_r8_control_without_a_look_at_the_disk_nobody_is_told(alice: Person, bob: Person) -> None:
    bob.receive(*sent(alice, bob, 1))
    assert collect(bob, alice, NOW + 60) == []


def test_what_a_relay_has_taken_does_not_go_out_in_the_next_life(
    alice: Person, bob: Person
) -> None:
    bob.receive(*sent(alice, bob, 1))
    all_taken(bob)
    begin_again(bob)
    assert bob.tx(rows.owing) == []


def test_a_life_that_ends_again_and_again_encrypts_one_confirmation_in_two_hours(
    alice: Person, bob: Person, ciphertexts: Ciphertexts
) -> None:
    read_singly(bob, sent(alice, bob, 5))
    before = ciphertexts.of(bob)
    for minute in range(1, 60):
        begin_again(bob)
        collect(bob, alice, NOW + minute * 60)
    assert ciphertexts.of(bob) - before == 1


def test_k50_bytes_of_two_days_ago_do_not_go_again(alice: Person, bob: Person) -> None:
    _, [inner] = alice.write(bob, "once")
    bob.receive(alice.seal(bob, inner))
    assert bob.receive(alice.seal(bob, inner), now=NOW + KEPT_SECONDS - 1).best_effort
    later = NOW + KEPT_SECONDS + REPEAT_SECONDS
    assert not bob.receive(alice.seal(bob, inner), now=later).best_effort
    [made] = collect(bob, alice, later)
    alice.receive(bob.seal(alice, made.inner))
    assert states(alice, bob) == {"delivered"}


def test_k50_bytes_of_a_ratchet_that_does_not_send_any_more_do_not_go_again(
    alice: Person, bob: Person
) -> None:
    [deposit] = sent(alice, bob, 1)
    bob.receive(deposit)
    alice.meet(bob)

    def open_newest(tx: Transaction) -> list[OutboundItem]:
        row = contacts.get(tx, bob.address)
        assert row is not None
        newest = ratchets.of_contact(tx, bob.address)[0].ratchet_id
        return alice.composer.open_ratchet(tx, row, newest, NOW)

    [opening] = alice.tx(open_newest)
    assert opening.item.envelope is not None
    assert bob.receive(alice.seal(bob, opening.item.envelope)).best_effort
    assert not bob.receive(deposit, now=NOW + 3_600).best_effort
    assert len(collect(bob, alice, NOW + 3_600)) == 1


# --- how far a ratchet may run ahead of its reader ------------------------------------------------


@pytest.fixture
def of_any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages are encrypted without end, as an earlier version did (`test_compose.py`)."""
    monkeypatch.setattr(compose, "_room", lambda tx, contact, sender: MANY)


def lose_every_confirmation(alice: Person, bob: Person) -> None:
    """Alice writes, and nothing that Bob sends for it arrives."""
    read_singly(bob, sent(alice, bob, MANY + 1))


@pytest.mark.slow
@pytest.mark.usefixtures("of_any_number")
def test_k50_confirmations_that_are_all_lost_leave_the_ratchet_readable(
    alice: Person, bob: Person, ciphertexts: Ciphertexts
) -> None:
    before = ciphertexts.of(bob)
    lose_every_confirmation(alice, bob)
    assert ciphertexts.of(bob) - before == running_ahead.MAX_UNREAD
    assert collect(bob, alice, NOW + DAY_SECONDS) == []
    assert is_read(bob, alice, "still here")


@pytest.mark.slow
@pytest.mark.usefixtures("of_any_number")
def test_k50_control_without_that_limit_the_next_message_cannot_be_read(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_ahead, "MAX_UNREAD", 10**9)
    lose_every_confirmation(alice, bob)
    assert not is_read(bob, alice, "still here")


@pytest.mark.slow
@pytest.mark.usefixtures("of_any_number")
def test_k50_what_the_limit_kept_back_is_confirmed_once_the_contact_has_read(
    alice: Person, bob: Person
) -> None:
    lose_every_confirmation(alice, bob)
    assert is_read(bob, alice, "still here")
    [answer] = sent(alice, bob, 1)
    outcome = bob.receive(answer)
    alice.receive(*bob.answers(outcome, alice))
    for number in range(1, 10):
        made = collect(bob, alice, NOW + number * COLLECT_SECONDS)
        alice.receive(*(bob.seal(alice, one.inner) for one in made))
    assert bob.tx(rows.owing) == []
    lost = len(alice.tx(outbox.under_way))
    assert lost == running_ahead.MAX_UNREAD, "those are confirmed when Alice sends them again"


def repeated_mail(alice: Person, bob: Person) -> int:
    """Bob is away; the oldest mail is encrypted once more. Return how much of it Bob reads."""
    alice.tx(lambda tx: rows.owe_nothing(tx, bob.address))
    oldest = sent(alice, bob, MANY + 1)[:96]
    items = alice.tx(outbox.under_way)[: len(oldest)]
    fresh = alice.tx(lambda tx: alice.composer.repeat(tx, bob.address, items))
    envelopes = [ready.item.envelope for ready in fresh]
    waiting = [alice.seal(bob, inner) for inner in envelopes if inner] or oldest
    return len(waiting) - bob.receive(*waiting).undecryptable


@pytest.mark.usefixtures("of_any_number")
def test_k50_mail_is_encrypted_once_more_only_as_far_as_its_reader_gets_over(
    alice: Person, bob: Person
) -> None:
    assert repeated_mail(alice, bob) == 96


@pytest.mark.usefixtures("of_any_number")
def test_k50_control_without_that_limit_none_of_the_new_copies_can_be_read(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_ahead, "MAX_UNREAD", 10**9)
    assert repeated_mail(alice, bob) == 0


def overtaking(alice: Person, bob: Person) -> int:
    """Alice has written much; Bob, who has read one message of it, writes. Is he confirmed?

    Return how many envelopes he cannot read.
    """
    first, *_ = sent(alice, bob, MANY + 1)
    bob.receive(first)
    _, [inner] = bob.write(alice, "I have read the first one")
    outcome = alice.receive(bob.seal(alice, inner))
    return bob.receive(*alice.answers(outcome, bob)).undecryptable


@pytest.mark.usefixtures("of_any_number")
def test_k50_nothing_overtakes_more_stored_messages_than_their_reader_gets_over(
    alice: Person, bob: Person
) -> None:
    assert overtaking(alice, bob) == 0
    assert alice.tx(rows.owing) == [bob.address]


@pytest.mark.usefixtures("of_any_number")
def test_k50_control_without_a_look_at_the_outbox_it_does(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "count", lambda tx, contact, limit: 0)
    assert overtaking(alice, bob) == 1


# --- what is kept ---------------------------------------------------------------------------------


def test_k50_no_more_confirmations_are_kept_than_may_be(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MAX_KEPT", 10)
    read_singly(bob, sent(alice, bob, 30))
    query = "SELECT count(*), count(ciphertext) FROM confirmations"
    assert bob.tx(lambda tx: tx.execute(query).fetchone()) == (31, 10)


def test_k50_with_the_keys_of_a_person_its_kept_confirmations_go(
    alice: Person, bob: Person
) -> None:
    _, [inner] = alice.write(bob, "once")
    for _ in range(2):
        bob.receive(alice.seal(bob, inner))
    bob.tx(lambda tx: forgetting.keys(tx, alice.address))
    for table in ("confirmations", "confirmation_times"):
        assert bob.connection.execute(f"SELECT * FROM {table}").fetchall() == []


def test_k50_nothing_collected_is_told_to_somebody_who_is_no_contact_any_more(
    alice: Person, bob: Person
) -> None:
    deposits = sent(alice, bob, REPEATS_SAVED + 1)
    for _ in range(2):
        read_singly(bob, deposits)
    assert bob.tx(rows.owing) == [alice.address]
    bob.tx(lambda tx: bob.contacts.block(tx, alice.address, NOW))
    assert collect(bob, alice, NOW + DAY_SECONDS) == []
    assert bob.tx(rows.owing) == []


# --- figures and clocks ---------------------------------------------------------------------------


def test_k50_sixteen_go_again_at_once_and_then_one_a_minute(alice: Person, bob: Person) -> None:
    [deposit] = sent(alice, bob, 1)
    bob.receive(deposit)
    assert len(replayed(bob, deposit, 100)) == 16
    assert collect(bob, alice, NOW) == [], "a round goes by the same rate"
    assert len(collect(bob, alice, NOW + 60)) == 1


def test_k50_a_clock_that_was_set_back_counts_as_a_quiet_time() -> None:
    assert confirmations._is_spent(NOW + 16 * REPEAT_SECONDS, NOW)
    assert not confirmations._is_spent(NOW + DAY_SECONDS, NOW)
    assert confirmations._is_within(COLLECT_SECONDS, NOW - 1, NOW)
    assert not confirmations._is_within(COLLECT_SECONDS, NOW + 1, NOW)
