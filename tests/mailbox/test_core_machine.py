"""The mailbox core against a simple model, whatever happens in whatever order.

B13, K11, D16 and quotas as invariants: what was acknowledged is with its owner or in the
store, nothing is pushed after its ack, numbers only rise, counts are what the store holds.
"""

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.mailbox.support import (
    Desk,
    boxes,
    entry,
    mailbox_id,
    send_id,
    stored,
)
from zentalk.mailbox.acks import AckSchedule
from zentalk.mailbox.commands import Push
from zentalk.mailbox.events import Collector
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.state import CollectorSession, Held, Mail
from zentalk.mailbox.storage import (
    DeleteEnvelopes,
    Operation,
    PutEnvelope,
    ReadEnvelopes,
    ReadOutcome,
)
from zentalk.mailbox.writing import Writing
from zentalk.store.mailbox.memory import MemoryMailboxStore

QUOTA, CAPACITY = 4, 6


class MailboxMachine(RuleBasedStateMachine):
    """Of one mailbox; where `max_awake` is 0 it sleeps whenever nobody collects it."""

    max_awake = 512

    @initialize()
    def begin(self) -> None:
        self.store = MemoryMailboxStore()
        self.desk = Desk(
            MailboxSettings(
                contact_quota=QUOTA,
                max_envelopes=CAPACITY,
                max_held_bytes=150,
                max_awake=self.max_awake,
            ),
            self.store,
            by_hand=True,
        )
        self.desk.failing.fails = self._is_failing
        self.generation = 0
        self.owner: Collector | None = None
        self.unsaved: list[Push] = []
        self.saved: set[int] = set()
        self.owner_acked: set[int] = set()
        self.excused: set[int] = set()
        self.deposits: dict[int, int] = {}
        self.taken = 0
        self.last_seq = -1
        self.last_of: dict[int, int] = {}
        self.connect(window=3)
        assert self.owner is not None
        self.desk.register(self.owner, entry("a"), entry("b"))

    # --- rules ---------------------------------------------------------------------------

    @rule(sender=st.integers(0, 1))
    def deposit(self, sender: int) -> None:
        """A new message; even numbers are from `a`, odd ones from `b`."""
        self.number += 2
        self._deposit(self.number + sender)

    number = 0

    @precondition(lambda self: self.deposits)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """A retry of any message so far, which may be pushed (again) at any later place."""
        number = data.draw(st.sampled_from(sorted(self.deposits)))
        self.excused.add(number)
        self._deposit(number)

    def _deposit(self, number: int) -> None:
        self.deposits[number] = self.deposits.get(number, 0) + 1
        self.taken += 1
        self.desk.deposit(number, "ab"[number % 2])

    @rule(count=st.integers(1, 4))
    def commit(self, count: int) -> None:
        self.desk.commit(count)

    @rule(fails=st.sampled_from(["nothing", "nothing", "everything", "deletes", "reads"]))
    def break_or_mend(self, fails: str) -> None:
        self.fails = fails

    fails = "nothing"

    def _is_failing(self, operation: Operation) -> bool:
        kinds = {"deletes": DeleteEnvelopes, "reads": ReadEnvelopes}
        is_failing = self.fails == "everything" or isinstance(operation, kinds.get(self.fails, ()))
        if is_failing and isinstance(operation, DeleteEnvelopes):
            # An envelope whose delete fails is pushed again although it was acked, also long after
            # the ack: the delete is asked for when the write of the same envelope is done.
            self.excused |= self.owner_acked
        return is_failing

    @rule(window=st.integers(1, 4))
    def connect(self, window: int) -> None:
        self.generation += 1
        owner, ticket = self.desk.open("bob", self.generation, window)
        if self.fails == "everything":
            return
        self.desk.commit()
        assert self.desk.result(ticket) == ()
        self._new_session(owner)

    def _new_session(self, owner: Collector | None) -> None:
        self.owner, self.unsaved, self.last_seq, self.last_of = owner, [], -1, {}
        self.see_pushes()

    @rule()
    def disconnect(self) -> None:
        if self.owner is not None:
            self.desk.lose(self.owner)
            self._new_session(None)

    @precondition(lambda self: self.unsaved)
    @rule(data=st.data(), acks=st.booleans())
    def save(self, data: st.DataObject, acks: bool) -> None:
        """The owner saves some pushes, in any order, and acks them or forgets to."""
        chosen = data.draw(st.lists(st.sampled_from(self.unsaved), unique_by=id, min_size=1))
        self.saved |= {_number(push) for push in chosen}
        if not acks or self.owner is None:
            return
        self.unsaved = [push for push in self.unsaved if push not in chosen]
        self.owner_acked |= {_number(push) for push in chosen}
        self.desk.ack(self.owner, *(push.seq for push in chosen))

    @rule(seconds=st.sampled_from([0.5, 2.5, 7.0]))
    def wait(self, seconds: float) -> None:
        self.desk.pass_time(seconds)

    @rule()
    def outlast_the_lease(self) -> None:
        self.see_pushes()
        self.last_seq, self.last_of = -1, {}
        # An ack that comes after its lease counts only once the push was repeated.
        self.excused |= {_number(push) for push in self.unsaved}
        self.desk.pass_time(80)

    @rule()
    def crash(self) -> None:
        """Memory and the queue are lost; what the store committed is not."""
        self.excused |= self.owner_acked  # deletes in the queue are lost with it
        self.desk.acks = [item for item in self.desk.acks if not self._check_acked(item[1])]
        self.desk.restart()
        self.taken = 0
        self._new_session(None)
        if self.fails != "everything":
            self.desk.commit()

    # --- invariants ----------------------------------------------------------------------

    @invariant()
    def see_pushes(self) -> None:
        """Numbers rise in a session, FIFO per sender; nothing comes after its ack."""
        pushes, self.desk.pushes = self.desk.pushes, []
        for push in pushes:
            if push.collector != self.owner:
                continue
            number = _number(push)
            assert push.seq > self.last_seq
            self.last_seq = push.seq
            assert number not in self.owner_acked or number in self.excused
            if self.deposits[number] == 1:
                assert number > self.last_of.get(number % 2, -1)
                self.last_of[number % 2] = number
            self.unsaved.append(push)

    @invariant()
    def acknowledged_mail_is_safe(self) -> None:
        for _, number in self.desk.acks:
            self._check_acked(number)

    def _check_acked(self, number: int) -> bool:
        assert number in self.owner_acked or number in self._stored_numbers()
        return False

    def _stored_numbers(self) -> set[int]:
        read = ReadEnvelopes(mailbox_id("bob"), -1, 1000, 10**9, 0)
        (outcome,) = self.store.apply([read])
        assert isinstance(outcome, ReadOutcome)
        return {int(item.sealed.split()[1]) for item in outcome.envelopes}

    @invariant()
    def quotas_hold(self) -> None:
        (box,) = boxes(self.store)
        assert sum(item.count for item in box.waiting) <= CAPACITY
        assert all(item.count <= QUOTA for item in box.waiting)

    @invariant()
    def the_books_are_right(self) -> None:
        core, registry = self.desk.core, self.desk.core._registry
        box = registry.mailboxes.get(mailbox_id("bob"))
        live = [] if box is None else list(box.live.values())
        assert core._writing.held_bytes >= 0
        if not self.desk.queue:
            totals = self.store.load().totals
            assert (registry.mailbox_count, registry.send_id_count, registry.stored) == totals[:3]
            assert registry.recipients == totals.recipients
            assert (core._effects.operations_under_way, core._waking._waiting_count) == (0, 0)
            in_memory = [mail for mail in live if mail.held.value == "memory"]
            assert core._writing.held_bytes == sum(len(mail.sealed) for mail in in_memory)
        if not self.desk.queue and box is not None:
            assert box.stored == stored(self.store)
            assert (box.writing, box.writing_bytes) == (0, 0)
            assert registry.send_ids[send_id("a")].writing == 0
            assert self.max_awake or box.session or live, "it could sleep"
        session = None if box is None else box.session
        flying = list(session.in_flight.values()) if session is not None else []
        assert core._delivery._windows.in_flight_bytes == sum(mail.size_bytes for mail in flying)
        if isinstance(session, CollectorSession):
            assert len(flying) <= session.window
            assert session.in_flight_bytes == core._delivery._windows.in_flight_bytes
        assert len(live) <= len(flying) + len(self.desk.queue)
        assert self._counted() + self._undecided(live) == self.taken

    def _counted(self) -> int:
        """How many deposits of this life of the core were counted, each as one thing."""
        counters = self.desk.core.stats().counters
        kinds = {name: n for name, n in counters.items() if name.startswith("refused_")}
        return sum(kinds.values()) + counters.get("deposited", 0) + counters.get("repeats", 0)

    def _undecided(self, live: list[Mail]) -> int:
        """How many are in memory only, or in the queue of the store."""
        writes = [op for op in self.desk.queue if isinstance(op.operation, PutEnvelope)]
        asked = sum(map(len, self.desk.core._waking._waiting.values())) - self._openings()
        return len(writes) + asked + sum(mail.held is Held.MEMORY for mail in live)

    def _openings(self) -> int:
        """How many requests of owners wait until their mailbox is looked up."""
        return len(self.desk.core._waking._waiting.get(mailbox_id("bob"), ()))

    def teardown(self) -> None:
        """In the end everything acknowledged reaches its owner, and the store is empty."""
        if not hasattr(self, "desk"):
            return
        self.fails = "nothing"
        self.desk.commit()
        self.connect(window=3)
        while True:
            self.desk.commit()
            self.see_pushes()
            if not self.unsaved or self.owner is None:
                break
            pushes, self.unsaved = self.unsaved, []
            self.saved |= {_number(push) for push in pushes}
            self.desk.ack(self.owner, *(push.seq for push in pushes))
        assert stored(self.store) == 0
        assert set(self.desk.acked_numbers()) <= self.saved


def _number(push: Push) -> int:
    return int(push.sealed.split()[1])


class SleepyMachine(MailboxMachine):
    max_awake = 0


def _run(
    examples: int, machine: type[MailboxMachine] = MailboxMachine, *, shrink: bool = True
) -> None:
    phases = tuple(phase for phase in Phase if shrink or phase is Phase.generate)
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=examples, stateful_step_count=40, phases=phases),
    )


def test_b13_nothing_acknowledged_is_ever_lost() -> None:
    _run(150)


def test_b13_nothing_acknowledged_is_lost_by_a_mailbox_that_sleeps_whenever_it_can() -> None:
    _run(150, SleepyMachine)


def test_b13_a_delete_that_fails_after_the_ack_of_a_write_under_way_is_no_loss() -> None:
    """What is pushed again then was acked before, and the model knows that."""
    machine = MailboxMachine()
    machine.begin()
    machine.deposit(0)
    machine.see_pushes()
    machine.wait(2.5)  # its write is in the queue
    [push] = machine.unsaved
    assert machine.owner is not None
    machine.saved.add(_number(push))
    machine.owner_acked.add(_number(push))
    machine.desk.ack(machine.owner, push.seq)
    machine.break_or_mend("deletes")
    machine.commit(4)
    machine.break_or_mend("nothing")
    machine.connect(3)
    machine.commit(4)
    machine.see_pushes()
    assert [_number(again) for again in machine.unsaved][-1] == _number(push)
    machine.teardown()


def test_b13_control_acks_that_do_not_wait_for_safety_are_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = AckSchedule.due

    def careless(self: AckSchedule, now: float) -> list[object]:
        for *_, mail in self._heap:
            assert isinstance(mail, Mail)
            mail.safe = True
        return original(self, now)  # type: ignore[return-value]

    monkeypatch.setattr(AckSchedule, "due", careless)
    with pytest.raises(AssertionError):
        _run(300, shrink=False)


def test_quotas_control_a_core_that_forgets_writes_under_way_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = Writing.write

    def careless(self: Writing, mail: object, now: float) -> None:
        original(self, mail, now)  # type: ignore[arg-type]
        mail.mailbox.writing = 0  # type: ignore[attr-defined]
        mail.send.writing = 0  # type: ignore[attr-defined]

    monkeypatch.setattr(Writing, "write", careless)
    with pytest.raises(AssertionError):
        _run(300, shrink=False)
