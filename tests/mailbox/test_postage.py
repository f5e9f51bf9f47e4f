"""K12: what a public send id asks for under flood, and whose mail gets in.

The work is real, with fewer bits than a relay asks for by default.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from tests.mailbox.support import HOUR, RELAY, TODAY, Desk, deposit, entry, send_id
from zentalk.errors import ConfigError
from zentalk.ids import DAY_SECONDS, NodeId
from zentalk.mailbox import postage, work
from zentalk.mailbox.events import Collector, DepositArrived, StateRequested, Ticket
from zentalk.mailbox.postage import Postage
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.storage import PutEnvelope, Room
from zentalk.mailbox.work import challenge, epoch_at, search, worth
from zentalk.mailbox.writing import Writing
from zentalk.wire.deposit import Deposit
from zentalk.wire.rpc_send_ids import SendIdEntry, SendIdKind

CHEAP = MailboxSettings(work_bits=8, full_work_bits=10, max_work_bits=12)
QUOTA = CHEAP.public_quota
FREE = QUOTA // 2


def public(name: str = "public", first: int = TODAY - 1, last: int = TODAY + 2) -> SendIdEntry:
    return entry(name, SendIdKind.PUBLIC, first, last)


def away(*entries: SendIdEntry, settings: MailboxSettings = CHEAP) -> Desk:
    """Bob's mailbox; he is offline."""
    desk = Desk(settings)
    desk.lose(desk.mailbox(*(entries or (public(),))))
    return desk


def asked(desk: Desk, name: str = "public") -> tuple[int, int]:
    """What `mail.state` answers: state and bits."""
    ticket = Ticket(desk.number())
    desk.feed(StateRequested(ticket, send_id(name)))
    answer = desk.result(ticket)
    assert isinstance(answer, tuple)
    return answer[0], answer[1]


def stamped(
    made: Deposit, bits: int, wall: float, relay: NodeId = RELAY, *, hours: int = 0
) -> Deposit:
    """Do the work for a deposit."""
    epoch = epoch_at(wall) + hours
    found = search(challenge(relay, made, epoch), epoch, bits, 0, 1 << (bits + 8))
    assert found is not None
    return replace(made, stamp=found)


def paid(desk: Desk, number: int, bits: int, to: str = "public", **more: object) -> Deposit:
    """Deposit an envelope with that much work done for it."""
    made = stamped(deposit(number, to, **more), bits, desk.wall)  # type: ignore[arg-type]
    desk.feed(DepositArrived(made))
    return made


def fill(desk: Desk, to: str = "public", numbers: int = 0) -> None:
    """Deposit, paying whatever is asked, until the quota is used up."""
    for number in range(numbers, numbers + QUOTA):
        paid(desk, number, asked(desk, to)[1], to)
    assert desk.stored() == QUOTA


def counter(desk: Desk, name: str) -> int:
    return desk.core.stats().counters.get(name, 0)


# --- the price ---------------------------------------------------------------------------------


def test_half_a_public_quota_is_free_and_then_the_price_rises() -> None:
    desk = away()
    for number in range(FREE):
        assert asked(desk) == (0, 0)
        desk.deposit(number, "public")
    prices = []
    for number in range(FREE, QUOTA):
        prices.append(asked(desk))
        paid(desk, number, prices[-1][1])
    assert prices[0] == (2, CHEAP.work_bits)
    assert prices == sorted(prices)
    assert prices[-1][1] == CHEAP.full_work_bits - 1
    assert desk.stored() == QUOTA
    assert asked(desk)[1] >= CHEAP.full_work_bits


def test_too_little_work_is_dropped_before_any_disk_is_touched_and_without_an_ack() -> None:
    desk = away()
    for number in range(FREE):
        desk.deposit(number, "public")
    desk.pass_time(10)
    before, acks = len(desk.operations), len(desk.acks)
    for number in range(1000, 3000):
        desk.deposit(number, "public")
    desk.pass_time(10)
    assert (len(desk.operations), len(desk.acks)) == (before, acks)
    assert counter(desk, "refused_work") == 2000


def test_work_is_checked_with_one_challenge_and_none_for_contacts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = away(public(), entry("friend"))
    calls = []
    original = challenge

    def counted(relay: NodeId, made: Deposit, epoch: int) -> bytes:
        calls.append(epoch)
        return original(relay, made, epoch)

    made = [stamped(deposit(number, "public"), 8, desk.wall) for number in range(10)]
    monkeypatch.setattr(postage, "challenge", counted)
    for one in made:
        desk.feed(DepositArrived(one))
    assert len(calls) == len(made)
    desk.deposit(500, "friend")
    assert len(calls) == len(made)


def test_an_owner_who_is_online_is_not_flooded_either() -> None:
    """Mail that is pushed at once never waits: what counts is how fast it comes."""
    desk = Desk(CHEAP)
    bob = desk.mailbox(public())
    for number in range(500):
        desk.deposit(number, "public")
        desk.ack_all(bob)
    assert counter(desk, "acknowledged") == FREE
    desk.pass_time(CHEAP.public_refill_seconds * 3)
    assert asked(desk) == (0, 0)


def test_contacts_are_asked_for_nothing_however_full_the_public_id_is() -> None:
    desk = away(public(), entry("friend"))
    fill(desk)
    assert asked(desk, "friend") == (0, 0)
    desk.deposit(500, "friend")
    assert desk.stored() == QUOTA + 1


def test_settings_with_less_work_for_fuller_quotas_are_refused() -> None:
    with pytest.raises(ConfigError, match="proof of work"):
        MailboxSettings(work_bits=20, full_work_bits=18)
    with pytest.raises(ConfigError, match="proof of work"):
        MailboxSettings(work_bits=2)


# --- the lowest goes ---------------------------------------------------------------------------


def test_a_full_public_id_displaces_the_lowest_work_for_more() -> None:
    desk = away()
    fill(desk)
    state, bits = asked(desk)
    assert state == 2
    paid(desk, 900, bits, ack=900)
    desk.pass_time(10)
    assert desk.stored() == QUOTA
    assert 900 in desk.acked_numbers()
    bob = desk.collect(generation=2)
    bodies = {push.sealed for push in desk.take_pushes(bob)}
    assert b"envelope 900" in bodies
    assert b"envelope %d" % (FREE - 1) not in bodies  # of those without work, the newest
    assert b"envelope 0" in bodies


def test_what_has_no_more_work_than_the_lowest_does_not_get_in() -> None:
    desk = away()
    fill(desk)
    for number in range(900, 900 + FREE):  # now nothing without work is left
        paid(desk, number, asked(desk)[1])
    made = stamped(deposit(990, "public"), CHEAP.full_work_bits, desk.wall)
    lowest = asked(desk)[1] - 1
    bits = worth(challenge(RELAY, made, epoch_at(desk.wall)), made.stamp.nonce)
    desk.feed(DepositArrived(made))
    desk.pass_time(10)
    assert desk.stored() == QUOTA
    assert (990 in desk.acked_numbers()) == (bits > lowest)
    again = paid(desk, 991, asked(desk)[1])
    desk.pass_time(10)
    assert 991 in desk.acked_numbers(), again


def test_all_public_ids_together_have_a_quota_that_leaves_contacts_theirs() -> None:
    """An owner who is away for a month: the ids of each day are flooded in their turn."""
    settings = replace(CHEAP, max_public=80, max_envelopes=120)
    desk = away(*(public(f"day {n}", TODAY + n) for n in range(4)), entry("friend"),
                settings=settings)  # fmt: skip
    number = count()
    for day in range(4):
        for _ in range(QUOTA):
            paid(desk, next(number), asked(desk, f"day {day}")[1], f"day {day}")
        desk.pass_time(DAY_SECONDS)
    assert desk.stored() == 80
    for _ in range(40):
        desk.deposit(next(number), "friend")
    assert desk.stored() == 120


def test_counts_survive_a_restart() -> None:
    desk = away()
    fill(desk)
    desk.restart()
    state, bits = asked(desk)
    assert (state, bits) == (2, CHEAP.full_work_bits)
    bob = desk.collect(generation=2)
    desk.ack_all(bob)
    assert desk.stored() == 0
    assert desk.core._registry.mailboxes[next(iter(desk.core._registry.mailboxes))].public == 0


# --- work is worth something once, here and now ------------------------------------------------


def test_work_for_another_relay_id_hour_or_envelope_counts_as_none() -> None:
    desk = away(public(), public("other"))
    for number in range(FREE):
        desk.deposit(number, "public")
    made = stamped(deposit(100, "public"), 8, desk.wall)
    foreign = [
        stamped(deposit(101, "public"), 8, desk.wall, NodeId(bytes(32))),
        stamped(deposit(102, "public"), 8, desk.wall, hours=-2),
        stamped(deposit(103, "public"), 8, desk.wall, hours=2),
        replace(made, envelope=b"another envelope"),
        replace(made, deposit_id=deposit(104).deposit_id),
        replace(stamped(deposit(105, "other"), 8, desk.wall), send_id=send_id("public")),
    ]
    for one in foreign:
        desk.feed(DepositArrived(one))
    assert desk.stored() == FREE
    desk.feed(DepositArrived(made))
    assert desk.stored() == FREE + 1


@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_the_hours_beside_this_one_count_as_well(hours: int) -> None:
    desk = away()
    for number in range(FREE):
        desk.deposit(number, "public")
    desk.feed(DepositArrived(stamped(deposit(100, "public"), 8, desk.wall, hours=hours)))
    assert desk.stored() == FREE + 1


def reused(desk: Desk) -> int:
    """One worked deposit is shown again after each collection; how often does it get in?"""
    generation = count(2)
    for number in range(FREE):
        desk.deposit(number, "public")
    made = paid(desk, 100, 8)
    for _ in range(5):
        bob = desk.collect(generation=next(generation))
        desk.ack_all(bob)
        desk.lose(bob)
        desk.feed(DepositArrived(made))
    return counter(desk, "written") - FREE


def test_k12_one_work_value_gets_in_once() -> None:
    desk = away()
    assert reused(desk) == 1
    assert counter(desk, "refused_spent") == 5


def test_k12_control_without_a_memory_of_work_it_gets_in_every_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Postage, "_spend", lambda *_: True)
    assert reused(away()) > 3


def test_the_memory_of_work_is_bounded_and_over_after_its_hours() -> None:
    desk = away(settings=replace(CHEAP, max_spent_work=5))
    for number in range(12):
        paid(desk, number, 8)
    spent = desk.core._postage._spent
    assert len(spent) == 5
    desk.pass_time(3 * HOUR)
    paid(desk, 100, 8)
    assert len(spent) == 1


def test_a_repeat_with_new_work_replaces_what_is_stored() -> None:
    desk = away()
    fill(desk)
    paid(desk, 3, asked(desk)[1], body=b"sealed again", ack=333)
    desk.pass_time(10)
    assert desk.stored() == QUOTA
    assert 333 in desk.acked_numbers()


# --- the flood ---------------------------------------------------------------------------------

HONEST = 20
RATE = 100


class Flood:
    """Honest strangers and a contact, and a flooder who sends a hundred times as much."""

    def __init__(self, flooder_pays: int = 0) -> None:
        self.desk = away(public(), entry("friend"), entry("flooder"))
        self.flooder_pays = flooder_pays
        self.hashes = {"flooder": 0, "stranger": 0}
        self.numbers = count(10_000)
        self.generations = count(2)
        self.arrived: set[bytes] = set()
        self.most_stored = 0

    def run(self) -> float:
        """Return the part of the honest mail that arrived."""
        for number in range(HONEST):
            self._storm()
            self._honest(number)
            self._storm()
            self.most_stored = max(self.most_stored, self.desk.stored())
            self.desk.pass_time(600)
            if number % 10 == 9:
                self._collect()
        self._collect()
        return sum(body.startswith(b"honest") for body in self.arrived) / (2 * HONEST)

    def _storm(self) -> None:
        for _ in range(RATE // 2):
            self.desk.deposit(next(self.numbers), "flooder")
            made = deposit(next(self.numbers), "public")
            if self.flooder_pays:
                made = self._work("flooder", made, self.flooder_pays)
            self.desk.feed(DepositArrived(made))

    def _honest(self, number: int) -> None:
        """A contact writes, and a stranger who asks for the state when no ack comes."""
        self.desk.deposit(number, "friend", body=b"honest friend %d" % number)
        for attempt in range(5):
            body = b"honest stranger %d" % number
            ack = next(self.numbers)
            made = deposit(number + 100, "public", body=body, ack=ack)
            if attempt:
                made = self._work("stranger", made, asked(self.desk)[1] + work.MARGIN_BITS)
            self.desk.feed(DepositArrived(made))
            self.desk.pass_time(10)
            if ack in self.desk.acked_numbers():
                return

    def _work(self, who: str, made: Deposit, bits: int) -> Deposit:
        """Do some work; what is counted is what that many bits cost on average."""
        self.hashes[who] += 1 << bits
        return stamped(made, bits, self.desk.wall) if bits else made

    def _collect(self) -> None:
        bob: Collector = self.desk.collect(generation=next(self.generations))
        while pushes := self.desk.take_pushes(bob):
            self.arrived |= {push.sealed for push in pushes}
            self.desk.ack(bob, *(push.seq for push in pushes))
        self.desk.lose(bob)


def test_k12_with_a_hundred_times_as_much_flood_honest_mail_arrives() -> None:
    flood = Flood()
    assert flood.run() >= 0.99
    assert flood.most_stored <= FREE + HONEST + 100 + HONEST
    # An hour's flood is free for nobody: each stranger worked once, for the least that is asked.
    assert flood.hashes["stranger"] <= HONEST * (8 << CHEAP.full_work_bits)


def test_k12_a_flooder_who_pays_is_outbid_at_a_fraction_of_his_cost() -> None:
    flood = Flood(flooder_pays=CHEAP.work_bits + 1)
    assert flood.run() >= 0.99
    each = flood.hashes["stranger"] / HONEST
    assert flood.hashes["flooder"] > 10 * each


def test_k12_control_without_proof_of_work_strangers_are_shut_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def as_before(writing: Writing, mailbox: object, send: object, size: int) -> Room:
        room = original(writing, mailbox, send, size)  # type: ignore[arg-type]
        return Room.REPLACE_ONLY if room is Room.EVICT_LESS_WORK else room

    original = Writing.room
    monkeypatch.setattr(Writing, "room", as_before)
    monkeypatch.setattr(Postage, "asked", lambda *_: 0)
    assert Flood().run() <= 0.6  # the contact's half, and next to nothing of the strangers'


def test_k12_control_without_displacing_the_lowest_a_payer_fills_the_id_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = Writing.room

    def refusing(writing: Writing, mailbox: object, send: object, size: int) -> Room:
        room = original(writing, mailbox, send, size)  # type: ignore[arg-type]
        return Room.REPLACE_ONLY if room is Room.EVICT_LESS_WORK else room

    monkeypatch.setattr(Writing, "room", refusing)
    assert Flood(flooder_pays=CHEAP.work_bits + 1).run() <= 0.7


def test_evictions_are_told_to_the_store_as_a_room() -> None:
    desk = away()
    fill(desk)
    paid(desk, 900, asked(desk)[1])
    puts = [operation for operation in desk.operations if isinstance(operation, PutEnvelope)]
    assert puts[-1].room is Room.EVICT_LESS_WORK
    assert {put.room for put in puts[:-1]} == {Room.FREE}
