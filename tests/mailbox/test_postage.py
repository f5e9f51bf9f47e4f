"""K12: what a public send id asks for under flood, and whose mail gets in.

The work is real, with fewer bits than a relay asks for by default.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.mailbox.support import (
    RELAY,
    TODAY,
    Desk,
    asked,
    boxes,
    deposit,
    entry,
    paid,
    send_id,
    stamped,
)
from zentalk.errors import ConfigError
from zentalk.ids import DAY_SECONDS, NodeId
from zentalk.mailbox import work
from zentalk.mailbox.arrivals import PLACES_LARGE, ArrivalList
from zentalk.mailbox.events import Collector, DepositArrived, SendIdsRequested, Ticket
from zentalk.mailbox.postage import Postage
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.state import SendIdRecord
from zentalk.mailbox.storage import PutEnvelope
from zentalk.mailbox.work import challenge, epoch_at, worth
from zentalk.store.mailbox.sqlite import SqliteMailboxStore
from zentalk.wire.deposit import ENVELOPE_LARGE_BYTES, Deposit
from zentalk.wire.rpc_send_ids import SendIdEntry, SendIdKind

CHEAP = MailboxSettings(work_bits=8, last_work_bits=11)
"""Prices that a test can pay: 8 to 11 bits, as by default 16 to 19."""
QUOTA = CHEAP.public_quota
FREE = QUOTA // 2
LARGE = bytes(ENVELOPE_LARGE_BYTES)


def public(name: str = "public", first: int = TODAY - 1, last: int = TODAY + 2) -> SendIdEntry:
    return entry(name, SendIdKind.PUBLIC, first, last)


def away(*entries: SendIdEntry, settings: MailboxSettings = CHEAP) -> Desk:
    """Bob's mailbox; he is offline."""
    desk = Desk(settings)
    desk.lose(desk.mailbox(*(entries or (public(),))))
    return desk


def fill(desk: Desk, to: str = "public", numbers: int = 0) -> None:
    """Deposit, paying whatever is asked, until all places are taken."""
    before = desk.stored()
    for number in range(numbers, numbers + QUOTA):
        paid(desk, number, asked(desk, to)[1], to)
    assert desk.stored() == before + QUOTA


def counter(desk: Desk, name: str) -> int:
    return desk.core.stats().counters.get(name, 0)


# --- the price ---------------------------------------------------------------------------------


def test_half_of_the_places_are_free_and_then_the_price_rises() -> None:
    desk = away()
    for number in range(FREE):
        assert asked(desk)[:2] == (0, 0)
        desk.deposit(number, "public")
    prices = []
    for number in range(FREE, QUOTA):
        prices.append(asked(desk)[:2])
        paid(desk, number, prices[-1][1])
    assert prices == [(2, 8)] * 7 + [(2, 9)] * 6 + [(2, 10)] * 6 + [(2, 11)] * 6
    assert desk.stored() == QUOTA
    assert asked(desk)[1] == 11, "one bit more than the least would be less than the last place"


def test_by_default_the_last_places_cost_16_to_19_bits() -> None:
    settings = MailboxSettings()
    assert (settings.public_quota, settings.work_bits, settings.last_work_bits) == (50, 16, 19)


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
    monkeypatch.setattr(work, "challenge", counted)
    for one in made:
        desk.feed(DepositArrived(one))
    assert len(calls) == len(made)
    desk.deposit(500, "friend")
    assert len(calls) == len(made)


def test_an_owner_who_is_online_is_not_flooded_either() -> None:
    """Mail that is pushed at once never waits, and nothing of a day is forgotten on it."""
    desk = Desk(CHEAP)
    bob = desk.mailbox(public())
    for number in range(500):
        desk.deposit(number, "public")
        desk.ack_all(bob)
    desk.pass_time(DAY_SECONDS)
    desk.deposit(600, "public")
    assert counter(desk, "acknowledged") == FREE
    assert asked(desk)[:2] == (2, 8)


def test_contacts_are_asked_for_nothing_however_full_the_public_id_is() -> None:
    desk = away(public(), entry("friend"))
    fill(desk)
    assert asked(desk, "friend") == (0, 0, 0)
    desk.deposit(500, "friend")
    assert desk.stored() == QUOTA + 1


def test_settings_with_less_work_for_fuller_quotas_are_refused() -> None:
    with pytest.raises(ConfigError, match="proof of work"):
        MailboxSettings(work_bits=20, last_work_bits=18)
    with pytest.raises(ConfigError, match="proof of work"):
        MailboxSettings(work_bits=2)


# --- class L counts as sixteen -------------------------------------------------------------------


def test_a_large_envelope_takes_sixteen_places_and_costs_four_bits_more() -> None:
    desk = away()
    assert asked(desk) == (0, 0, 0)
    desk.deposit(1, "public", body=LARGE)
    assert asked(desk) == (0, 0, 8 + 4)
    for number in range(2, 2 + FREE - PLACES_LARGE):
        assert asked(desk)[0] == 0
        desk.deposit(number, "public")
    assert asked(desk)[:2] == (2, 8)
    paid(desk, 100, asked(desk)[2], body=LARGE)
    assert asked(desk)[:2] == (2, 10), "41 places are taken"
    desk.deposit(101, "public", body=LARGE)
    assert desk.stored() == 1 + 9 + 1


def test_a_large_one_displaces_as_much_as_it_needs_at_the_price_of_each() -> None:
    desk = away()
    fill(desk)
    large = asked(desk)[2]
    assert large == 11 + 4, "sixteen places without work are enough"
    paid(desk, 900, large, body=LARGE, ack=900)
    desk.pass_time(10)
    assert 900 in desk.acked_numbers()
    assert desk.stored() == QUOTA - PLACES_LARGE + 1
    assert counter(desk, "evicted") == PLACES_LARGE


# --- the lowest goes ---------------------------------------------------------------------------


def test_a_full_public_id_displaces_the_lowest_work_for_more() -> None:
    desk = away()
    fill(desk)
    state, bits, _ = asked(desk)
    assert state == 2
    paid(desk, 900, bits, ack=900)
    desk.pass_time(10)
    assert desk.stored() == QUOTA
    assert 900 in desk.acked_numbers()
    bob = desk.collect(generation=2)
    bodies = set()
    while pushes := desk.take_pushes(bob):
        bodies |= {push.sealed for push in pushes}
        desk.ack(bob, *(push.seq for push in pushes))
    assert b"envelope 900" in bodies
    assert b"envelope %d" % (FREE - 1) not in bodies  # of those without work, the newest
    assert b"envelope 0" in bodies


def test_once_nothing_is_free_the_price_is_one_bit_more_than_the_least() -> None:
    desk = away()
    fill(desk)
    for number in range(900, 900 + FREE + 8):
        paid(desk, number, max(12, asked(desk)[1]))
    works = sorted(arrival.work for arrival in listed(desk).giving_way(QUOTA))
    assert len(works) == QUOTA
    assert asked(desk)[1] == max(11, works[0] + 1)
    made = stamped(deposit(990, "public"), 8, desk.wall)
    while worth(challenge(RELAY, made, epoch_at(desk.wall)), made.stamp.nonce) > works[0]:
        made = stamped(deposit(991, "public"), 8, desk.wall)
    desk.feed(DepositArrived(made))
    desk.pass_time(10)
    assert not {990, 991} & set(desk.acked_numbers())
    paid(desk, 992, asked(desk)[1])
    desk.pass_time(10)
    assert 992 in desk.acked_numbers()


def listed(desk: Desk, name: str = "public") -> ArrivalList:
    if send_id(name) not in desk.core._registry.send_ids:
        asked(desk, name)  # wakes its mailbox
    return desk.core._registry.send_ids[send_id(name)].arrivals


def test_what_was_displaced_within_five_seconds_is_not_acknowledged() -> None:
    """Whether it waits or is collected: its sender tries again, with more work."""
    for collects in (False, True):
        desk = Desk(CHEAP)
        bob = desk.mailbox(public())
        if not collects:
            desk.lose(bob)
        for number in range(QUOTA):
            paid(desk, number, asked(desk)[1], ack=number)
        paid(desk, 900, asked(desk)[1], ack=900)
        if collects:
            desk.ack_all(bob)
        desk.pass_time(10)
        assert sorted(desk.acked_numbers()) == [*range(FREE - 1), *range(FREE, QUOTA), 900]


def test_a_month_of_floods_never_fills_the_room_and_leaves_contacts_theirs() -> None:
    """The owner is away, and every place of every day's public id is taken and paid for."""
    desk = Desk(CHEAP)
    desk.lose(desk.mailbox(entry("friend")))
    desk.pass_time(DAY_SECONDS)
    bob = desk.collect(generation=2)  # a mailbox that was opened on one day ends sooner
    desk.register(bob, *(public(f"day {n}", TODAY + n, TODAY + n + 3) for n in range(30)))
    desk.lose(bob)
    number = count()
    for day in range(30):
        desk.deposit(next(number), f"day {day}", body=LARGE)
        while listed(desk, f"day {day}").places < QUOTA:
            state, bits, _ = asked(desk, f"day {day}")
            assert state in (0, 2)
            paid(desk, next(number), bits, f"day {day}")
        desk.pass_time(DAY_SECONDS)
    for _ in range(CHEAP.contact_quota):
        desk.deposit(next(number), "friend")
    box = boxes(desk.failing)[0]
    assert sum(item.count for item in box.waiting if not item.apart) == CHEAP.contact_quota
    assert sum(item.size_bytes for item in box.waiting if item.apart) <= CHEAP.public_bytes


def test_an_owner_with_more_public_ids_than_a_node_needs_is_refused() -> None:
    desk = Desk(CHEAP)
    bob = desk.mailbox(*(public(f"id {n}") for n in range(CHEAP.public_ids)))
    assert CHEAP.public_ids == 35
    ticket = Ticket(desk.number())
    desk.feed(SendIdsRequested(ticket, bob, (public("one more"),), ()))
    assert desk.result(ticket) == "full"
    ticket = Ticket(desk.number())
    desk.feed(SendIdsRequested(ticket, bob, (public("id 3"), entry("a contact")), ()))
    assert desk.result(ticket) == ()


def test_public_mail_does_not_take_the_room_of_the_mailbox() -> None:
    settings = replace(CHEAP, max_envelopes=30, contact_quota=30)
    desk = away(public(), entry("friend"), settings=settings)
    fill(desk)
    for number in range(500, 540):
        desk.deposit(number, "friend")
    assert desk.stored() == QUOTA + 30
    desk.pass_time(10)
    paid(desk, 900, asked(desk)[1], ack=900)
    desk.pass_time(10)
    assert 900 in desk.acked_numbers(), "nor the other way round"


# --- lists last ----------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["memory", "sqlite"])
def test_lists_survive_a_restart_with_what_was_collected(tmp_path: Path, profile: str) -> None:
    store = SqliteMailboxStore(tmp_path / "queue.db") if profile == "sqlite" else None
    desk = Desk(CHEAP, store)
    bob = desk.mailbox(public())
    for number in range(FREE + 3):
        paid(desk, number, asked(desk)[1], ack=number)
        desk.ack_all(bob)
    paid(desk, 3, 0, ack=333)
    before = [(arrival.deposit_id, arrival.work) for arrival in listed(desk).giving_way(QUOTA)]
    assert len(before) == FREE + 3
    desk.restart()
    assert [(item.deposit_id, item.work) for item in listed(desk).giving_way(QUOTA)] == before
    assert asked(desk)[:2] == (2, 8)
    paid(desk, 7, 0, ack=777)
    desk.pass_time(10)
    assert desk.acked_numbers() == [777], "a repeat of what was collected before the restart"
    assert desk.stored() == 0


def test_a_list_ends_with_its_send_id() -> None:
    desk = away(public("today"), public("later", TODAY + 2, TODAY + 5))
    fill(desk, "today")
    desk.pass_time(3 * DAY_SECONDS)
    assert asked(desk, "today") == (0, 0, 0), "its last day is over: like one that is missing"
    assert asked(desk, "later") == (0, 0, 0)
    desk.pass_time(2 * DAY_SECONDS)
    assert dict(boxes(desk.failing)[0].arrivals) == {}


def test_counts_survive_a_restart() -> None:
    desk = away()
    fill(desk)
    desk.restart()
    assert asked(desk)[:2] == (2, CHEAP.last_work_bits)
    bob = desk.collect(generation=2)
    desk.ack_all(bob)
    assert desk.stored() == 0
    box = next(iter(desk.core._registry.mailboxes.values()))
    assert (box.public, box.public_bytes, box.public_writing_bytes) == (0, 0, 0)


def test_what_could_not_be_stored_is_neither_listed_nor_acknowledged() -> None:
    desk = away()
    fill(desk)
    before = sorted(arrival.deposit_id for arrival in listed(desk).giving_way(QUOTA))
    desk.failing.fails = lambda operation: isinstance(operation, PutEnvelope)
    paid(desk, 900, asked(desk)[1], ack=900)
    desk.failing.fails = lambda operation: False
    desk.pass_time(10)
    assert 900 not in desk.acked_numbers()
    assert sorted(arrival.deposit_id for arrival in listed(desk).giving_way(QUOTA)) == before
    desk.restart()
    assert sorted(arrival.deposit_id for arrival in listed(desk).giving_way(QUOTA)) == before


@pytest.mark.slow
def test_a_repeat_of_what_was_displaced_while_it_is_written_has_to_wait() -> None:
    desk = away()
    fill(desk)
    desk.by_hand = True
    first = paid(desk, 900, 11)
    numbers = count(901)
    while first.deposit_id in listed(desk):
        price = desk.core._postage.asked(desk.core._registry.send_ids[send_id("public")])
        paid(desk, next(numbers), max(12, price))
    before = counter(desk, "refused_busy")
    desk.feed(DepositArrived(first))
    assert counter(desk, "refused_busy") == before + 1
    desk.commit()
    assert not listed(desk).is_undecided(first.deposit_id)


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
    assert counter(desk, "repeats") == 5


def test_k12_control_without_the_memory_of_arrivals_it_gets_in_every_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ArrivalList, "__contains__", lambda *_: False)
    assert reused(away()) > 3


def test_a_repeat_is_acknowledged_changes_nothing_and_costs_nothing() -> None:
    desk = away()
    fill(desk)
    before = len(desk.operations)
    paid(desk, 3, 0, body=b"sealed again", ack=333)
    desk.pass_time(10)
    assert (desk.stored(), len(desk.operations)) == (QUOTA, before)
    assert 333 in desk.acked_numbers()


# --- the flood ---------------------------------------------------------------------------------

HONEST = 20
RATE = 100


class Flood:
    """Honest strangers and a contact, and a flooder who sends a hundred times as much.

    The owner is away for a day, or looks in from time to time.
    """

    def __init__(self, flooder_pays: int = 0, *, collects: bool = True) -> None:
        self.desk = away(public(), entry("friend"), entry("flooder"))
        self.flooder_pays = flooder_pays
        self.collects = collects
        self.hashes = {"flooder": 0, "stranger": 0}
        self.numbers = count(10_000)
        self.generations = count(2)
        self.arrived: set[bytes] = set()
        self.accepted = 0
        self.most_stored = 0

    def run(self) -> float:
        """Return the part of the honest mail that arrived."""
        for number in range(HONEST):
            self._storm()
            self._honest(number)
            self._storm()
            self.most_stored = max(self.most_stored, self.desk.stored())
            self.desk.pass_time(DAY_SECONDS / HONEST / 2)
            if self.collects and number % 10 == 9:
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
        """A contact writes, and a stranger who does what it is told when no ack comes."""
        self.desk.deposit(number, "friend", body=b"honest friend %d" % number)
        for attempt in range(2):
            body = b"honest stranger %d" % number
            ack = next(self.numbers)
            made = deposit(number + 100, "public", body=body, ack=ack)
            bits = asked(self.desk)[1] if attempt else 0
            if bits:
                made = self._work("stranger", made, bits + work.MARGIN_BITS)
            self.desk.feed(DepositArrived(made))
            self.desk.pass_time(10)
            if ack in self.desk.acked_numbers():
                self.accepted += 1
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


@pytest.mark.parametrize("collects", [False, True])
def test_k12_beside_a_flooder_who_never_works_every_stranger_is_accepted_as_told(
    collects: bool,
) -> None:
    """Also where the owner is away all day: what a stranger is told is never a lie."""
    flood = Flood(collects=collects)
    assert flood.run() == 1
    assert flood.accepted == HONEST
    assert flood.most_stored <= QUOTA + CHEAP.contact_quota + HONEST
    # A day's flood is free for nobody: each stranger worked once, for what was asked.
    assert flood.hashes["stranger"] <= HONEST << (CHEAP.last_work_bits + work.MARGIN_BITS)


@pytest.mark.slow
def test_k12_a_flooder_who_pays_is_outbid_at_a_fraction_of_his_cost() -> None:
    flood = Flood(flooder_pays=CHEAP.work_bits + 1)
    assert flood.run() == 1
    each = flood.hashes["stranger"] / HONEST
    assert flood.hashes["flooder"] > 6 * each


def test_k12_control_over_a_leaking_bucket_strangers_are_told_lies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same prices over a bucket that leaks one a minute, and a quota of what waits."""
    assert Leaking(monkeypatch).run() < 0.9


class Leaking(Flood):
    """What comes counts for a minute; what waits has its quota; the owner is away."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(collects=False)
        self.level, self.at = 0.0, 0.0
        admit = Postage.admit

        def leaky(postage: Postage, send: SendIdRecord, made: Deposit, now: float) -> Any:
            self.level = max(0.0, self.level - (now - self.at) / 60)
            self.at = now
            if self.level >= FREE or send.stored >= QUOTA:
                return None
            self.level += 1
            return admit(postage, send, made, now)

        monkeypatch.setattr(Postage, "admit", leaky)
        monkeypatch.setattr(Postage, "asked", lambda *_: 0)


def test_k12_control_without_displacing_the_lowest_a_payer_fills_the_id_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    admit = Postage.admit

    def refusing(postage: Postage, send: SendIdRecord, made: Deposit, now: float) -> Any:
        return None if send.arrivals.places >= QUOTA else admit(postage, send, made, now)

    monkeypatch.setattr(Postage, "admit", refusing)
    assert Flood(flooder_pays=CHEAP.work_bits + 1).run() <= 0.7
