"""K49: nothing that a mailbox answers to others tells whether its owner is there.

Two relays get the same of strangers, in any order and at any time. At one the owner is online:
collects, comes and goes, fills up what was taken. At the other nobody has been since the begin, and
the mailbox sleeps whenever it can.
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
    RELAY,
    TODAY,
    Desk,
    deposit,
    entry,
    pool_prekeys,
    send_id,
    stamped,
)
from zentalk.ids import DAY_SECONDS
from zentalk.mailbox.arrivals import Arrival
from zentalk.mailbox.delivery import Delivery
from zentalk.mailbox.deposits import Deposits
from zentalk.mailbox.events import (
    Collector,
    DepositArrived,
    Event,
    PrekeyRequested,
    PrekeysPutRequested,
    StateRequested,
    Ticket,
)
from zentalk.mailbox.pool import FULL_POOL
from zentalk.mailbox.postage import Postage
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.state import CollectorSession, Mail, SendIdRecord
from zentalk.mailbox.work import epoch_at, prekey_challenge, search
from zentalk.mailbox.writing import Writing
from zentalk.wire.deposit import ENVELOPE_LARGE_BYTES, NO_STAMP
from zentalk.wire.rpc_send_ids import SendIdKind, SendIdState, StateResponse

ENTRIES = (
    entry("public", SendIdKind.PUBLIC, TODAY - 1, TODAY + 2),
    entry("next", SendIdKind.PUBLIC, TODAY, TODAY + 3),
    entry("past", SendIdKind.PUBLIC, TODAY - 9, TODAY - 6),
    entry("contact"),
    entry("ack", SendIdKind.ACK),
)
NAMES = st.sampled_from(["public", "public", "public", "next", "past", "contact", "ack", "nobody"])
BITS = st.sampled_from([0, 0, 8, 10, 13])
LIMITS = MailboxSettings(
    public_quota=6, work_bits=8, last_work_bits=9, prekey_bits=8, contact_quota=100
)


class Outsiders(RuleBasedStateMachine):
    """The same questions to both; `limits` and `pool` are what controls change."""

    limits = LIMITS
    pool = FULL_POOL

    @initialize()
    def begin(self) -> None:
        self.online = Desk(self.limits, evenly=True)
        self.offline = Desk(replace(self.limits, max_awake=0), evenly=True)
        self.generations = count(3)
        self.keys = count(self.pool)
        for desk in (self.online, self.offline):
            owner = desk.mailbox(*ENTRIES)
            offer(desk, owner, range(self.pool))
            desk.lose(owner)
            desk.pass_time(DAY_SECONDS)  # a mailbox that was opened on one day ends sooner
            desk.lose(desk.collect(generation=2))
        self.owner = self.online.collect(generation=next(self.generations))

    # --- what strangers do -------------------------------------------------------------------

    @rule(name=NAMES, number=st.integers(0, 30), bits=BITS, large=st.booleans())
    def write(self, name: str, number: int, bits: int, large: bool) -> None:
        """A new deposit or a repeat, with some work or none, of either class."""
        body = bytes(ENVELOPE_LARGE_BYTES) if large and number % 5 == 0 else None
        for desk in (self.online, self.offline):
            made = deposit(number, name, body=body)
            if bits:
                made = stamped(made, bits, desk.wall)
            desk.feed(DepositArrived(made))

    @rule(name=NAMES)
    def ask(self, name: str) -> None:
        self._compare(lambda ticket, _: StateRequested(ticket, send_id(name)))

    @rule(name=NAMES, query=st.integers(0, 9), bits=st.sampled_from([0, 8, 10, 11]))
    def take(self, name: str, query: int, bits: int) -> None:
        self._compare(lambda ticket, wall: taking(ticket, name, query, bits, wall))

    def _compare(self, question: Callable[[Ticket, float], Event]) -> None:
        answers = []
        for desk in (self.online, self.offline):
            ticket = Ticket(desk.number())
            desk.feed(question(ticket, desk.wall))
            desk.pass_time(self.limits.answer_seconds)
            answers.append((desk.result(ticket), desk.answered_at.get(ticket)))
        assert answers[0] is not None
        assert answers[0] == answers[1]

    # --- what time and the operator do ---------------------------------------------------------

    @rule(seconds=st.sampled_from([0.5, 3, 7, 100, 3600, DAY_SECONDS]))
    def wait(self, seconds: float) -> None:
        for desk in (self.online, self.offline):
            desk.pass_time(seconds)

    @rule()
    def restart(self) -> None:
        for desk in (self.online, self.offline):
            desk.restart()
        self.owner = self.online.collect(generation=next(self.generations))

    # --- what the owner does, where there is one -----------------------------------------------

    @rule()
    def collect(self) -> None:
        self.online.ack_all(self.owner)

    @rule(away=st.sampled_from([0, 4]))
    def come_back(self, away: float) -> None:
        """A new connection, on which everything is registered again and the pool is filled."""
        self.online.lose(self.owner)
        self.wait(away)
        self.owner = self.online.collect(generation=next(self.generations))
        self.online.register(self.owner, *ENTRIES)
        box = next(iter(self.online.core._registry.mailboxes.values()))
        offer(self.online, self.owner, [next(self.keys) for _ in range(self.pool - box.prekeys)])

    # --- what shows ----------------------------------------------------------------------------

    @invariant()
    def the_same_acks_come_at_the_same_times(self) -> None:
        if hasattr(self, "owner"):
            assert self.online.acks == self.offline.acks

    @invariant()
    def what_waits_is_listed(self) -> None:
        """So that `accepting` is never a lie."""
        for desk in (self.online, self.offline) if hasattr(self, "owner") else ():
            for record in desk.core._registry.send_ids.values():
                if record.public:
                    assert record.stored <= len(record.arrivals) <= self.limits.public_quota


def offer(desk: Desk, owner: Collector, numbers: Any) -> None:
    keys = pool_prekeys(*(b"key %d" % number for number in numbers))
    ticket = Ticket(desk.number())
    desk.feed(PrekeysPutRequested(ticket, owner, keys))
    assert isinstance(desk.result(ticket), tuple)


def taking(ticket: Ticket, name: str, query: int, bits: int, wall: float) -> PrekeyRequested:
    query_id, stamp, epoch = query.to_bytes(16, "big"), NO_STAMP, epoch_at(wall)
    if bits:
        task = prekey_challenge(RELAY, send_id(name), query_id, epoch)
        stamp = search(task, epoch, bits, 0, 1 << 20) or NO_STAMP
    return PrekeyRequested(ticket, send_id(name), query_id, stamp)


def test_k49_every_answer_to_others_is_the_same_whether_the_owner_is_there_or_not() -> None:
    run_state_machine_as_test(Outsiders, settings=settings(max_examples=25, stateful_step_count=40))


# --- controls: a sequence of the machine's steps that shows what is wrong ----------------------


def strangers_fill_the_public_id(machine: Outsiders) -> None:
    """Half of the places, which are free; the owner collects what it can."""
    for number in range(3):
        machine.write("public", number, 0, large=False)
        machine.collect()
    machine.ask("public")


def strangers_write_and_the_relay_restarts(machine: Outsiders) -> None:
    strangers_fill_the_public_id(machine)
    machine.restart()
    machine.ask("public")


def strangers_take_prekeys_for_days(machine: Outsiders) -> None:
    for query in range(6):
        machine.take("public", query, 0)
        machine.wait(DAY_SECONDS / 3)
        machine.come_back(0)


def a_contact_writes(machine: Outsiders) -> None:
    for number in range(4):
        machine.write("contact", number, 0, large=False)
        machine.collect()
    machine.ask("contact")


def much_waits(machine: Outsiders) -> None:
    a_contact_writes(machine)
    machine.ask("public")
    machine.write("public", 9, 0, large=False)
    machine.wait(7)


def play(steps: Callable[[Outsiders], None], machine: type[Outsiders] = Outsiders) -> None:
    made = machine()
    made.begin()
    steps(made)
    made.the_same_acks_come_at_the_same_times()
    made.what_waits_is_listed()


@pytest.mark.parametrize(
    "steps",
    [
        strangers_fill_the_public_id,
        strangers_write_and_the_relay_restarts,
        strangers_take_prekeys_for_days,
        a_contact_writes,
        much_waits,
    ],
)
def test_k49_the_sequences_of_the_controls_show_nothing(steps: Callable[[Outsiders], None]) -> None:
    play(steps)


def test_k49_control_a_list_that_forgets_what_is_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    saved = Delivery._saved

    def forgetting(self: Delivery, session: CollectorSession, mail: Mail) -> None:
        saved(self, session, mail)
        if mail.send is not None:
            mail.send.arrivals._remove([Arrival(mail.letter.deposit_id, 0)])

    monkeypatch.setattr(Delivery, "_saved", forgetting)
    with pytest.raises(AssertionError):
        play(strangers_fill_the_public_id)


def test_k49_control_a_list_that_is_not_kept_for_mail_pushed_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As long as the owner is online nothing would be written, and a restart would forget it."""
    write = Deposits._write

    def pushing(self: Deposits, mail: Mail, now: float) -> None:
        if not self._delivery.push_first(mail, now):
            write(self, mail, now)
        elif mail.send is not None:
            mail.send.arrivals.settle(mail.letter.deposit_id)

    monkeypatch.setattr(Deposits, "_write", pushing)
    with pytest.raises(AssertionError):
        play(strangers_write_and_the_relay_restarts)


def test_k49_control_a_pool_that_refills_have_to_keep_up() -> None:
    class Scarce(Outsiders):
        pool = 3

    with pytest.raises(AssertionError):
        play(strangers_take_prekeys_for_days, Scarce)


def test_k49_control_a_state_that_says_when_a_contacts_id_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = Postage.state

    def telling(self: Postage, send: SendIdRecord | None, now: float) -> StateResponse:
        if send is not None and not send.public and send.stored >= 3:
            return StateResponse(SendIdState.FULL, 0, 0)
        return state(self, send, now)

    monkeypatch.setattr(Postage, "state", telling)
    with pytest.raises(AssertionError):
        play(a_contact_writes)


def test_k49_control_public_mail_in_the_room_of_the_mailbox(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        Writing, "has_public_room", lambda _, mailbox, size: mailbox.stored + mailbox.writing < 4
    )
    with pytest.raises(AssertionError):
        play(much_waits)
