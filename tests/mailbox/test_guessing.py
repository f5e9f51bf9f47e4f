"""K9: whoever guesses ids learns nothing, neither from answers nor from the work they cost."""

import random
import sys
from collections.abc import Callable

import pytest

from tests.mailbox.support import TODAY, Desk, deposit, entry, mailbox_id, send_id
from zentalk.ids import SendId
from zentalk.mailbox.commands import Apply, Command, Refuse
from zentalk.mailbox.events import (
    DepositArrived,
    Event,
    OpenRequested,
    PrekeyRequested,
    StateRequested,
    Ticket,
)
from zentalk.mailbox.look_ups import FindOwner, FoundOutcome
from zentalk.mailbox.part import CorePart
from zentalk.mailbox.postage import Postage
from zentalk.mailbox.prekeys import Prekeys
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.state import SendIdRecord
from zentalk.mailbox.waking import Then, Waking
from zentalk.wire.rpc_send_ids import SendIdKind, SendIdState, StateResponse

Question = Callable[[Ticket, SendId], Event]

GUESSES = 3_000


def desk() -> Desk:
    """A mailbox with an id of every kind that a stranger must not learn of; mail waits."""
    made = Desk()
    bob = made.mailbox(
        entry("contact"),
        entry("ack", SendIdKind.ACK),
        entry("past", SendIdKind.PUBLIC, 0, TODAY - 2),
        entry("future", SendIdKind.PUBLIC, TODAY + 5, TODAY + 8),
    )
    made.lose(bob)
    for number in range(3):
        made.deposit(number, "contact")
    return made


def state(ticket: Ticket, guess: SendId) -> Event:
    return StateRequested(ticket, guess)


def take(ticket: Ticket, guess: SendId) -> Event:
    return PrekeyRequested(ticket, guess, ticket.to_bytes(16, "big"))


def ask(made: Desk, question: Question, guess: SendId) -> tuple[str, int]:
    """Ask; return the answer, and how often the store was used."""
    ticket, before = Ticket(made.number()), len(made.operations)
    made.feed(question(ticket, guess))
    return repr(made.result(ticket)), len(made.operations) - before


@pytest.mark.parametrize("question", [state, take])
def test_k9_every_guess_gets_one_answer_and_costs_one_look_up(question: Question) -> None:
    """The store looks once, whether there is something or not, asleep or awake."""
    made, draw = desk(), random.Random(9)
    known = [send_id(name) for name in ("contact", "ack", "past", "future")]
    found = set()
    for number in range(GUESSES):
        guess = known[number % 4] if number % 3 == 0 else SendId(draw.randbytes(16))
        found.add(ask(made, question, guess))
    assert len(found) == 1
    [(_, operations)] = found
    assert operations == 1


def test_k9_control_a_reason_for_each_case_tells_them_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def talkative(self: CorePart, event: PrekeyRequested, now: float) -> None:
        record = self._registry.send_ids.get(event.send_id)
        reason = "unknown" if record is None else f"forbidden: {record.entry.kind.name}"
        self._effects.emit(Refuse(event.ticket, reason))

    monkeypatch.setattr(Prekeys, "requested", talkative)
    made = desk()
    found = {ask(made, take, send_id(name))[0] for name in ("nobody", "contact", "ack", "past")}
    assert len(found) == 4


def test_k9_deposits_to_ids_that_do_not_take_them_are_dropped_in_silence() -> None:
    made = desk()
    silence = [_visible(made.feed(_deposit(made, name))) for name in ("nobody", "past", "ack")]
    assert silence == [[], [], []]
    assert made.acks == []


def _visible(commands: list[Command]) -> list[Command]:
    """What is not only a look into the store."""
    looks = [item for item in commands if isinstance(item, Apply)]
    assert all(isinstance(item.operation, FindOwner) for item in looks)
    return [item for item in commands if item not in looks]


def _deposit(made: Desk, name: str) -> Event:
    return DepositArrived(deposit(made.number(), name))


def test_k9_opening_a_mailbox_that_nobody_has_makes_one_and_shows_nothing_of_others() -> None:
    """With a valid proof any key may open its own, empty mailbox: there is nothing to list."""
    made = desk()
    mallory = made.collect("mallory")
    ticket = Ticket(made.number())
    made.feed(OpenRequested(ticket, mallory, mailbox_id("bob"), 99, 8))
    assert made.result(ticket) == "opened"
    assert made.take_pushes(mallory) == []


def calls_for(made: Desk, name: str) -> int:
    """Count the functions that are called, in Python and in C, to answer what was looked up."""
    counted = 0
    postage, record = made.core._postage, made.core._registry.send_ids.get(send_id(name))

    def count(_frame: object, kind: str, _argument: object) -> None:
        nonlocal counted
        counted += kind in ("call", "c_call")

    sys.setprofile(count)
    try:
        postage.state(record, made.now)
    finally:
        sys.setprofile(None)
    return counted


def test_k9_a_state_takes_the_same_calls_whether_an_id_is_missing_forbidden_or_there() -> None:
    made = desk()
    found = {calls_for(made, name) for name in ("nobody", "contact", "ack", "past")}
    assert len(found) == 1


def test_k9_control_an_early_answer_takes_fewer_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Postage.state

    def quick(self: Postage, send: SendIdRecord | None, now: float) -> StateResponse:
        if send is None:
            return StateResponse(SendIdState.ACCEPTING, 0, 0)
        return whole(self, send, now)

    monkeypatch.setattr(Postage, "state", quick)
    made = desk()
    assert calls_for(made, "nobody") < calls_for(made, "contact")


# --- the time of an answer ---------------------------------------------------------------------


class SlowDesk(Desk):
    """The store takes its time, and more of it for a mailbox that it finds."""

    def ask(self, question: Question, name: str) -> float:
        """Ask; return after how many seconds the answer left."""
        asked_at, ticket = self.now, Ticket(self.number())
        self.feed(question(ticket, send_id(name)))
        while self.queue:
            [outcome] = self.failing.apply([self.queue[0].operation])
            found = isinstance(outcome, FoundOutcome) and outcome.stored is not None
            self.pass_time(0.012 if found else 0.01)
            self.commit(1)
        while self.result(ticket) is None:
            self.pass_time(0.001)
        return round(self.now - asked_at, 6)


@pytest.mark.parametrize("question", [state, take])
@pytest.mark.parametrize("settings", [MailboxSettings(), MailboxSettings(max_awake=0)])
def test_k49_an_answer_leaves_at_the_same_time_whatever_there_is(
    question: Question, settings: MailboxSettings
) -> None:
    found = answer_times(question, SlowDesk(settings, evenly=True))
    assert set(found.values()) == {settings.answer_seconds}


@pytest.mark.parametrize("question", [state, take])
def test_k49_control_answers_that_leave_when_they_are_there_tell_who_exists(
    question: Question,
) -> None:
    found = answer_times(question, SlowDesk(MailboxSettings(answer_seconds=0), evenly=True))
    assert found["nobody"] < found["contact"]


def test_k49_control_what_is_awake_is_answered_without_a_look_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = SlowDesk(MailboxSettings(answer_seconds=0), evenly=True)

    def short(self: Waking, name: SendId, then: Then) -> None:
        self.owner(name, then, made.now)

    monkeypatch.setattr(Waking, "look_up", short)
    found = answer_times(state, made)
    assert found["contact"] == 0 < found["nobody"]


def answer_times(question: Question, made: SlowDesk) -> dict[str, float]:
    bob = made.mailbox(
        entry("contact"),
        entry("ack", SendIdKind.ACK),
        entry("past", SendIdKind.PUBLIC, 0, TODAY - 2),
    )
    made.lose(bob)
    made.by_hand = True
    names = ("nobody", "contact", "ack", "past", "nobody else")
    return {name: made.ask(question, name) for name in names}
