"""K45: a relay whose mailboxes sleep whenever they can does what one does where none ever sleeps.

Both get the same of owners and strangers, in any order and at any time. Whatever leaves the two
cores must be the same, at the same time, and in the end so must what they have stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.mailbox.support import (
    TODAY,
    Desk,
    boxes,
    deposit,
    entry,
    key_id,
    pool_prekeys,
    send_id,
    stamped,
)
from tests.mailbox.test_outsiders import taking
from zentalk.ids import DAY_SECONDS
from zentalk.mailbox import events
from zentalk.mailbox.commands import Apply, Command
from zentalk.mailbox.events import Collector, Event, Ticket
from zentalk.mailbox.registry import Registry
from zentalk.mailbox.resting import Resting
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.state import MailboxState
from zentalk.mailbox.stored import StoredMailbox, StoredSendId
from zentalk.wire.rpc_send_ids import SendIdKind

OWNERS = ("bob", "carol", "dan")
NAMES = [f"{owner}'s {kind}" for owner in OWNERS for kind in ("friend", "public", "ack", "other")]
LIMITS = MailboxSettings(
    max_awake=0,
    sweep_seconds=DAY_SECONDS,
    max_envelopes=6,
    contact_quota=3,
    public_quota=4,
    work_bits=8,
    last_work_bits=8,
    prekey_bits=8,
    max_tokens=2,
    max_total_tokens=4,
    max_total_send_ids=8,
    sure_send_ids=3,
    sure_new_send_ids=2,
    unused_days=2,
)
WAKEFUL = replace(LIMITS)
"""The same, as another object: where a core has it, no mailbox falls asleep."""


class Tracing(Desk):
    """Keeps what left the core, with the time."""

    def __init__(self, limits: MailboxSettings) -> None:
        self.left: list[tuple[float, Command]] = []
        super().__init__(limits, evenly=True)

    def _execute(self, command: Command) -> None:
        if not isinstance(command, Apply):
            self.left.append((self.now, command))
        super()._execute(command)


class Twins(RuleBasedStateMachine):
    """`sleepy` has mailboxes that sleep whenever they can; those of `wakeful` never do."""

    @initialize()
    def begin(self) -> None:
        self.sleepy, self.wakeful = self.desks = Tracing(LIMITS), Tracing(WAKEFUL)
        self.tickets = count(1)
        self.generations = count(1)
        self.keys = count()
        self.online: dict[str, Collector] = {}
        self.slept = 0
        for owner in OWNERS:
            self.open(owner)
            kinds = (SendIdKind.CONTACT, SendIdKind.PUBLIC, SendIdKind.ACK)
            names = NAMES[4 * OWNERS.index(owner) :]
            self.register(owner, [self._entry(*pair) for pair in zip(names, kinds, strict=False)])
            self.fill(owner, 6)
            self.leave(owner)

    def _feed(self, event: Event) -> None:
        for desk in self.desks:
            desk.feed(event)

    def _ticket(self) -> Ticket:
        return Ticket(next(self.tickets))

    def _entry(self, name: str, kind: SendIdKind, last_day: int = TODAY + 2) -> Any:
        return entry(name, kind, 0, last_day)

    # --- what owners do ----------------------------------------------------------------------

    @rule(owner=st.sampled_from(OWNERS))
    def open(self, owner: str) -> None:
        generation = next(self.generations)
        collector = Collector(generation)
        self.online[owner] = collector
        for desk in self.desks:
            desk._numbers = 10**6 + generation  # numbers of our own
            box = desk_id(owner)
            ticket = Ticket(10**6 + generation)
            desk.feed(events.OpenRequested(ticket, collector, box, generation, 3))

    @rule(owner=st.sampled_from(OWNERS))
    def leave(self, owner: str) -> None:
        collector = self.online.pop(owner, None)
        if collector is not None:
            self._feed(events.CollectorLost(collector))

    @rule(
        owner=st.sampled_from(OWNERS),
        names=st.lists(st.sampled_from(NAMES), max_size=3, unique=True),
        kind=st.sampled_from(SendIdKind),
        days=st.integers(-2, 6),
        gone=st.lists(st.sampled_from(NAMES), max_size=2),
    )
    def change(
        self, owner: str, names: list[str], kind: SendIdKind, days: int, gone: list[str]
    ) -> None:
        self.register(owner, [self._entry(name, kind, TODAY + days) for name in names], gone)

    def register(self, owner: str, entries: list[Any], gone: Any = ()) -> None:
        if owner in self.online:
            removed = tuple(map(send_id, gone))
            collector = self.online[owner]
            self._feed(events.SendIdsRequested(self._ticket(), collector, tuple(entries), removed))

    @rule(owner=st.sampled_from(OWNERS), size=st.integers(0, 3), drops=st.booleans())
    def fill(self, owner: str, size: int, drops: bool = False) -> None:
        if owner in self.online:
            keys = pool_prekeys(*(b"key %d" % next(self.keys) for _ in range(size)))
            gone = (key_id(b"key 3"),) if drops else ()
            collector = self.online[owner]
            self._feed(events.PrekeysPutRequested(self._ticket(), collector, keys, gone))
            self._feed(events.PrekeysCountRequested(self._ticket(), collector, with_ids=True))

    @rule(owner=st.sampled_from(OWNERS), takes=st.integers(1, 4), defers=st.booleans())
    def collect(self, owner: str, takes: int, defers: bool) -> None:
        if owner in self.online:
            collector = self.online[owner]
            for desk in self.desks:
                seqs = [push.seq for push in desk.take_pushes(collector)][:takes]
                kind = events.DeferReceived if defers else events.AckReceived
                desk.feed(kind(collector, tuple(seqs)))

    # --- what others do ----------------------------------------------------------------------

    @rule(
        name=st.sampled_from(NAMES),
        number=st.integers(0, 12),
        bits=st.sampled_from([0, 0, 0, 8, 9]),
        hours=st.sampled_from([1, 40, 700]),
    )
    def write(self, name: str, number: int, bits: int, hours: int) -> None:
        made = deposit(number, name, ttl_seconds=hours * 3600)
        made = stamped(made, bits, self.sleepy.wall) if bits else made
        self._feed(events.DepositArrived(made))

    @rule(name=st.sampled_from(NAMES), number=st.integers(0, 99))
    def acknowledge(self, name: str, number: int) -> None:
        self._feed(events.TokenArrived(send_id(name), b"%d" % number))

    @rule(name=st.sampled_from(NAMES))
    def ask(self, name: str) -> None:
        self._feed(events.StateRequested(self._ticket(), send_id(name)))

    @rule(name=st.sampled_from(NAMES), query=st.integers(0, 4), bits=st.sampled_from([0, 9]))
    def take(self, name: str, query: int, bits: int) -> None:
        self._feed(taking(self._ticket(), name, query, bits, self.sleepy.wall))

    # --- what time and the operator do -------------------------------------------------------

    @rule(seconds=st.sampled_from([0.05, 3, 7, 100, 3600, DAY_SECONDS, 3 * DAY_SECONDS]))
    def wait(self, seconds: float) -> None:
        for desk in self.desks:
            desk.pass_time(seconds)

    @rule(days=st.sampled_from([8, 56]))
    def wait_long(self, days: int) -> None:
        self.wait(days * DAY_SECONDS)

    @rule()
    def sweep(self) -> None:
        self._feed(events.SweepRequested())

    @rule()
    def restart(self) -> None:
        self.online.clear()
        for desk in self.desks:
            desk.restart()

    # --- what shows --------------------------------------------------------------------------

    @invariant()
    def the_same_has_left_both_at_the_same_times(self) -> None:
        if not hasattr(self, "desks"):
            return
        ours, theirs = ([*desk.left] for desk in self.desks)
        for desk in self.desks:
            desk.left.clear()
        assert ours == theirs
        assert self.sleepy.core.stats() == self.wakeful.core.stats()

    @invariant()
    def the_same_is_stored(self) -> None:
        if hasattr(self, "desks"):
            ours, theirs = (stored_in(desk) for desk in self.desks)
            assert ours == theirs

    @invariant()
    def only_the_one_sleeps(self) -> None:
        if not hasattr(self, "desks"):
            return
        totals = self.sleepy.failing.load().totals
        for desk in self.desks:
            registry = desk.core._registry
            counts = registry.mailbox_count, registry.send_id_count
            assert (*counts, registry.stored, registry.recipients) == totals
        awake = self.sleepy.core._registry.mailboxes
        self.slept += totals.mailboxes > len(awake)


def desk_id(owner: str) -> Any:
    return send_id(owner) * 2


def _name(item: StoredSendId) -> bytes:
    return item.entry.send_id


def stored_in(desk: Desk) -> list[StoredMailbox]:
    return [
        replace(box, send_ids=tuple(sorted(box.send_ids, key=_name))) for box in boxes(desk.failing)
    ]


@pytest.fixture(autouse=True)
def _wakeful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no mailbox of `WAKEFUL` go; what falls asleep elsewhere is saved there as well."""
    sleep = Resting._sleep

    def stay(self: Resting, mailbox: MailboxState) -> None:
        if self._settings is not WAKEFUL:
            sleep(self, mailbox)

    monkeypatch.setattr(Resting, "_sleep", stay)


@pytest.mark.slow
def test_k45_mailboxes_that_sleep_answer_as_those_that_never_do() -> None:
    run_state_machine_as_test(Twins, settings=settings(max_examples=20, stateful_step_count=30))


def test_the_machine_lets_mailboxes_sleep() -> None:
    twins = Twins()
    twins.begin()
    twins.write(NAMES[0], 1, 0, 700)
    twins.only_the_one_sleeps()
    assert twins.slept == 1
    assert len(twins.wakeful.core._registry.mailboxes) == 3
    assert twins.sleepy.core._registry.mailboxes == {}
    twins.the_same_is_stored()


# --- controls: what a mailbox could lose in its sleep, and steps that show it --------------------

FRIEND, OPEN_TO_ALL = NAMES[0], NAMES[1]


def strangers_take_prekeys(twins: Twins) -> None:
    for query in range(3):
        twins.take(OPEN_TO_ALL, query, 0)
        twins.wait(3)


def a_friend_writes(twins: Twins) -> None:
    for number in range(4):
        twins.write(FRIEND, number, 0, 700)
    twins.open("bob")


def strangers_write(twins: Twins) -> None:
    for number in range(4):
        twins.write(OPEN_TO_ALL, number, 8 * (number > 1), 700)
    twins.wait(7)
    twins.ask("nobody")  # whatever happens, they sleep afterwards
    twins.ask(OPEN_TO_ALL)
    twins.wait(7)


def all_is_collected_and_more_comes(twins: Twins) -> None:
    for number in range(2):
        twins.write(FRIEND, number, 0, 700)
        twins.open("bob")
        twins.collect("bob", 4, defers=False)
        twins.leave("bob")


def the_owner_comes_back(twins: Twins) -> None:
    twins.open("bob")
    twins.leave("bob")
    twins.open("bob")


def somebody_writes_days_later(twins: Twins) -> None:
    twins.wait(DAY_SECONDS)
    twins.write(FRIEND, 1, 0, 700)
    twins.wait(3)


def one_is_displaced_before_its_ack_has_left(twins: Twins) -> None:
    for number in range(5):
        twins.write(OPEN_TO_ALL, number, 9 if number == 4 else 8 * (number > 1), 700)
        twins.ask("nobody")
    twins.wait(7)


ALL = [
    strangers_take_prekeys,
    a_friend_writes,
    strangers_write,
    all_is_collected_and_more_comes,
    the_owner_comes_back,
    somebody_writes_days_later,
    one_is_displaced_before_its_ack_has_left,
]


def play(steps: Callable[[Twins], None]) -> None:
    twins = Twins()
    twins.begin()
    steps(twins)
    twins.the_same_has_left_both_at_the_same_times()
    twins.the_same_is_stored()
    twins.only_the_one_sleeps()


@pytest.mark.parametrize("steps", ALL)
def test_k45_the_steps_of_the_controls_show_nothing(steps: Callable[[Twins], None]) -> None:
    play(steps)


@pytest.mark.parametrize(
    ("steps", "loses"),
    [
        (strangers_take_prekeys, {"takes": 0}),
        (a_friend_writes, {"waiting": ()}),
        (strangers_write, {"arrivals": ()}),
    ],
)
def test_k45_control_what_is_forgotten_in_sleep_shows(
    monkeypatch: pytest.MonkeyPatch, steps: Callable[[Twins], None], loses: dict[str, Any]
) -> None:
    wake = Registry.wake
    monkeypatch.setattr(Registry, "wake", lambda self, box: wake(self, replace(box, **loses)))
    with pytest.raises(AssertionError):
        play(steps)


@pytest.mark.parametrize(
    ("steps", "loses"),
    [
        (all_is_collected_and_more_comes, {"reserved_seq": 0}),
        (the_owner_comes_back, {"generation": 10**6}),
    ],
)
def test_k45_control_another_record_after_sleep_shows(
    monkeypatch: pytest.MonkeyPatch, steps: Callable[[Twins], None], loses: dict[str, Any]
) -> None:
    wake = Registry.wake

    def wake_another(self: Registry, box: StoredMailbox) -> MailboxState:
        return wake(self, replace(box, record=replace(box.record, **loses)))

    monkeypatch.setattr(Registry, "wake", wake_another)
    with pytest.raises(AssertionError):
        play(steps)


def test_k45_control_days_that_are_not_saved_show(monkeypatch: pytest.MonkeyPatch) -> None:
    save = Resting.save

    def careless(self: Resting, mailbox: MailboxState, then: Any) -> None:
        if self._settings is not WAKEFUL:
            for record in mailbox.send_ids.values():
                record.used_day = record.saved_day
        save(self, mailbox, then)

    monkeypatch.setattr(Resting, "save", careless)
    with pytest.raises(AssertionError):
        play(somebody_writes_days_later)


def test_k45_control_a_mailbox_that_sleeps_before_its_acks_have_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    busy = Resting._is_busy
    monkeypatch.setattr(Resting, "_is_busy", lambda self, box, now: busy(self, box, now + 10))
    with pytest.raises(AssertionError):
        play(one_is_displaced_before_its_ack_has_left)
