"""K45: strangers who make mailboxes, and who still gets one beside them. On default settings.

Work is drawn instead of done where it would take minutes: `Worker` gives what a core finds in a
time, and the relay is told what it is worth. That real work counts is in test_work.py.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable

import pytest

from tests.mailbox.support import (
    HOUR,
    RELAY,
    Desk,
    boxes,
    entry,
    mailbox_id,
)
from zentalk.ids import DAY_SECONDS
from zentalk.lifetimes import MAX_TTL_SECONDS
from zentalk.mailbox import events, newcomers
from zentalk.mailbox.events import Collector, Ticket
from zentalk.mailbox.newcomers import Newcomers, TurnDecision
from zentalk.mailbox.part import Context
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.stored import TurnsTaken
from zentalk.wire.deposit import Stamp

CORE = 2_000_000.0
"""Hashes a second of one core with the loop of `zentalk.crypto.work` (`benchmarks work`)."""
SHARE = CORE / 4
"""What a node spends beyond 22 bits."""
TURN = MailboxSettings().turn_seconds
STEPS = 8
BURST = MailboxSettings().saved_turns
TOP = MailboxSettings().full_mailbox_bits


@pytest.fixture(autouse=True)
def drawn_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a stamp say what it is worth."""
    monkeypatch.setattr(newcomers, "mailbox_worth", lambda _r, _m, stamp, _d: stamp.nonce[-1])


def stamp(bits: int) -> Stamp:
    return Stamp(0, bytes([0, 0, 0, 0, 0, 0, 0, bits]))


def ask(desk: Desk, name: str, bits: int = 0) -> Ticket:
    ticket, collector = Ticket(desk.number()), Collector(desk.number())
    desk.feed(events.OpenRequested(ticket, collector, mailbox_id(name), 1, 8, stamp(bits)))
    return ticket


def price(desk: Desk) -> int:
    ticket = Ticket(desk.number())
    desk.feed(events.PriceRequested(ticket))
    answer = desk.result(ticket)
    assert isinstance(answer, tuple)
    return int(answer[0])


def make(desk: Desk, name: str) -> None:
    """Make a mailbox at the price of the moment, which must succeed, and leave it."""
    assert desk.result(ask(desk, name, price(desk))) == ()
    desk.lose(Collector(desk._numbers))


def burst_used_up(desk: Desk, name: str = "mallory") -> None:
    """Take every turn at its price."""
    for number in range(BURST):
        make(desk, f"{name} {number}")


class Worker:
    """What so many hashes a second find; `best` is of one mailbox and only grows."""

    def __init__(self, per_second: float, chance: random.Random) -> None:
        self._per_second = per_second
        self._chance = chance
        self.best = 0

    def work(self, seconds: float) -> int:
        """The best of all hashes of that time: P(none is worth b bits) = (1 - 2^-b)^hashes."""
        hashes = self._per_second * seconds
        drawn = -math.log(1 - self._chance.random())
        self.best = max(self.best, int(math.log2(hashes / drawn)) if hashes else 0)
        return self.best


class Siege:
    """A stranger bids for every turn with all he finds in it; a newcomer comes as a node does."""

    def __init__(self, seed: int, *, attacker: float = CORE) -> None:
        self.chance = random.Random(seed)
        self.attacker = attacker
        self.desk = Desk()
        self.desk.core._newcomers._taken = float(BURST)  # he has used the burst up
        self.mallorys = 0

    def newcomer_waits(self, name: str, most_turns: int, *, piles: bool = True) -> float | None:
        """Return the seconds until a newcomer has a mailbox; None if `most_turns` are too few."""
        desk, worker, began = self.desk, Worker(SHARE, self.chance), self.desk.now
        worker.best = TOP
        ticket = ask(desk, name, worker.best)
        for step in range(1, most_turns * STEPS + 1):
            if step % STEPS == 0:
                self.bid_at_the_last_moment()
            if desk.result(ticket) == "work" and worker.best >= price(desk):
                ticket = ask(desk, name, worker.best)
            desk.pass_time(TURN / STEPS)
            worker.work(TURN / STEPS)
            if desk.result(ticket) == ():
                return desk.now - began
            if step % STEPS == 0 and not piles:
                worker.best = TOP
        return None

    def bid_at_the_last_moment(self) -> None:
        """Show the best of a whole turn when nobody has time left to find more."""
        self.mallorys += 1
        ask(self.desk, f"siege {self.mallorys}", Worker(self.attacker, self.chance).work(TURN))


def median_wait(cores: int, newcomers: int, *, piles: bool = True) -> float:
    """The median in seconds, where a stranger spends so many cores on this relay."""
    sieges = [Siege(seed, attacker=cores * CORE) for seed in range(newcomers)]
    found = [siege.newcomer_waits("alice", 200, piles=piles) for siege in sieges]
    return statistics.median(math.inf if seconds is None else seconds for seconds in found)


def test_k45_5000_empty_mailboxes_of_one_stranger_keep_nobody_out() -> None:
    """He gets the burst, half of it for nothing; then he pays for each, and others still get in."""
    desk = Desk()
    bob = desk.mailbox()
    desk.lose(bob)
    free = 0
    while price(desk) == 0:
        assert desk.result(ask(desk, f"mallory {free}")) == ()
        free += 1
    assert free == BURST // 2 - 1, "and bob"
    refused = [ask(desk, f"more {number}") for number in range(5_000)]
    assert {desk.result(ticket) for ticket in refused} == {"work"}
    assert price(desk) == 16
    assert desk.result(ask(desk, "alice", 16)) == (), "at the stated price, at once"
    assert desk.collect(generation=2), "what exists is opened whatever the price is"


def test_k45_without_a_gpu_against_it_a_newcomer_is_in_within_ten_minutes() -> None:
    """The stranger spends a whole core on this relay alone, on every turn; the median of 60."""
    assert median_wait(1, newcomers=60) <= 600.0


def test_k45_control_without_piling_up_more_cores_keep_a_newcomer_out_for_longer() -> None:
    """Work that is bound to a turn instead of a day: what was done for one is lost for the next."""
    piled = median_wait(16, newcomers=20)
    assert piled <= 3600.0
    assert median_wait(16, newcomers=20, piles=False) > 2 * piled


def test_k45_against_a_thousand_cores_the_price_is_what_he_pays() -> None:
    """A graphics card makes a newcomer wait while it works on nothing else; not a minute longer."""
    siege = Siege(2, attacker=1000 * CORE)
    assert siege.newcomer_waits("alice", most_turns=15) is None
    siege.desk.pass_time(2 * TURN)
    assert price(siege.desk) == TOP
    assert siege.desk.result(ask(siege.desk, "alice", TOP)) == ()


def test_k45_whoever_waits_for_a_turn_gives_way_to_more_work_only() -> None:
    desk = Desk()
    burst_used_up(desk)
    first = ask(desk, "first", TOP)
    assert desk.result(first) is None
    assert desk.result(ask(desk, "same", TOP)) == "work"
    assert price(desk) == TOP + 1
    second = ask(desk, "second", TOP + 1)
    assert desk.result(first) == "work"
    desk.pass_time(TURN)
    assert desk.result(second) == ()
    third = ask(desk, "third", TOP)
    desk.pass_time(TURN / 2)
    assert desk.result(third) is None
    desk.pass_time(TURN / 2)
    assert desk.result(third) == ()


def test_k45_a_connection_that_ends_waits_no_longer_and_one_that_waits_asks_only_once() -> None:
    desk = Desk()
    burst_used_up(desk)
    collector, ticket = Collector(desk.number()), Ticket(desk.number())
    opened = events.OpenRequested(ticket, collector, mailbox_id("a"), 1, 8, stamp(30))
    desk.feed(opened)
    again = Ticket(desk.number())
    desk.feed(events.OpenRequested(again, collector, mailbox_id("b"), 1, 8, stamp(31)))
    assert desk.result(again) == "opened"
    desk.lose(collector)
    other = ask(desk, "other", TOP)
    desk.pass_time(TURN)
    assert desk.result(other) == ()
    assert desk.result(ticket) is None


def test_k45_the_price_rises_from_16_to_22_and_falls_with_time() -> None:
    desk = Desk()
    seen: list[int] = []
    for number in range(BURST):
        seen.append(price(desk))
        assert desk.result(ask(desk, f"mallory {number}", seen[-1])) == ()
    assert seen == sorted(seen)
    assert set(seen) == {0, *range(16, TOP + 1)}
    assert seen.count(0) == BURST // 2
    desk.pass_time(TURN * BURST / 4)
    assert price(desk) == 19
    desk.pass_time(TURN * BURST / 4 + 1)
    assert price(desk) == 0


def test_k45_a_restart_gives_no_burst_and_takes_none() -> None:
    desk = Desk()
    burst_used_up(desk)
    desk.restart()
    assert price(desk) == TOP
    desk.pass_time(12 * HOUR)
    desk.restart()
    assert price(desk) == 0
    desk.pass_time(12 * HOUR)
    burst_used_up(desk, "again")


@pytest.mark.parametrize("ttl_seconds", [HOUR, 30 * DAY_SECONDS, MAX_TTL_SECONDS])
def test_k45_rate_times_age_is_within_the_room(ttl_seconds: int) -> None:
    """Whoever wins every turn for ever never fills a relay, so nobody is refused for want of room.

    An hour for rounding up, one for the sweep.
    """
    settings = MailboxSettings(ttl_seconds=ttl_seconds)
    kept_seconds = settings.idle_seconds(came_back=True) + 2 * HOUR
    most = settings.saved_turns + kept_seconds / settings.turn_seconds
    assert most <= settings.max_mailboxes


def test_k45_what_nobody_comes_back_to_goes_after_a_week_and_what_is_used_stays() -> None:
    """A small relay at the pace of a full one: it never fills, and who is settled loses nothing."""
    settings = MailboxSettings(turn_seconds=3 * HOUR, saved_turns=10, max_mailboxes=80)
    desk = Desk(settings)
    bob = desk.collect("bob")
    desk.register(bob, entry("bob"))
    desk.lose(bob)
    desk.pass_time(DAY_SECONDS)
    desk.lose(desk.collect("bob", generation=2))
    desk.deposit(1)
    most = 0
    for day in range(54):
        for number in range(8):
            make(desk, f"mallory {day} {number}")
            desk.pass_time(3 * HOUR)
        most = max(most, len(boxes(desk.failing)))
    assert 8 * 7 <= most <= 10 + 8 * 7
    assert mailbox_id("bob") in {box.record.mailbox for box in boxes(desk.failing)}


def first_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """The relay as it was: whoever asks first gets a mailbox, until there is no room."""

    def ask_first(self: Newcomers, event: events.OpenRequested, _now: float) -> TurnDecision:
        if self._registry.mailbox_count >= self._settings.max_mailboxes:
            return self._refuse(event, "full")
        return TurnDecision.TURN

    monkeypatch.setattr(Newcomers, "ask", ask_first)


def test_k45_control_without_turns_one_stranger_keeps_everybody_out_for_two_months(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first_to_ask(monkeypatch)
    monkeypatch.setattr(MailboxSettings, "idle_seconds", lambda _self, came_back: 60 * DAY_SECONDS)
    desk = Desk(MailboxSettings(max_mailboxes=5_000, sweep_seconds=DAY_SECONDS))
    for number in range(5_000):
        assert desk.result(ask(desk, f"mallory {number}")) == ()
        desk.lose(Collector(desk._numbers))
    assert desk.result(ask(desk, "alice", 40)) == "full"
    desk.pass_time(59 * DAY_SECONDS)
    assert desk.result(ask(desk, "alice", 40)) == "full"


def test_k45_control_if_work_did_not_count_the_first_to_ask_would_have_every_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The mutant that keeps whoever waits: who asks in the moment of a turn always has the next."""

    def first_come(self: Newcomers, event: events.OpenRequested, now: float) -> TurnDecision:
        if self._best is not None:
            return self._refuse(event, "work")
        return whole(self, event, now)

    whole: Callable[[Newcomers, events.OpenRequested, float], TurnDecision] = Newcomers.ask
    monkeypatch.setattr(Newcomers, "ask", first_come)
    desk = Desk()
    burst_used_up(desk)
    for turn in range(10):
        mallory = ask(desk, f"first {turn}", TOP)
        assert desk.result(ask(desk, f"alice {turn}", 40)) == "work"
        desk.pass_time(TURN)
        assert desk.result(mallory) == ()


def test_turns_of_a_time_with_more_saved_ones_shut_nobody_out() -> None:
    """An operator may have lowered `saved_turns`, and a file may be damaged."""
    part = Desk().core._newcomers
    context = Context(part._settings, part._registry, part._effects, part._clock)
    newcomers = Newcomers(context, RELAY, TurnsTaken(10_000, part._clock.hour(0.0)), 0.0)
    assert newcomers._turn_at() <= part._settings.turn_seconds
