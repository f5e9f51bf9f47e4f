"""The delivery core against a simple model, whatever happens in whatever order.

Every item ends confirmed or given up, or waits for a time or for the database; no mailbox gets
a second copy before its schedule allows it; no contact has more under way than its window.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.node.delivery.test_core import BOB, CAROL, LIFE, A, B, Bench, item
from zentalk.ids import DAY_SECONDS, NodeId, UserAddress
from zentalk.node.delivery import events as e
from zentalk.node.delivery import in_flight
from zentalk.node.delivery.core import DeliveryCore
from zentalk.node.delivery.retry_schedule import FIRST_RETRY_SECONDS

WINDOW = 3
SOONEST_SECONDS = FIRST_RETRY_SECONDS
"""Sooner than this nothing is sent a second time without a reason."""
OUTCOMES = ("sent", "sent", "sent", "failed", "work", "full")


class DeliveryMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.bench = Bench()
        self.core = self.bench.core
        self.now = 0.0
        self.number = 0
        self.tokens: list[tuple[bytes, int, int, NodeId]] = []
        self.living: dict[int, UserAddress] = {}
        self.expires: dict[int, float] = {}
        self.ciphertexts: dict[int, int] = {}
        self.not_before: dict[tuple[int, NodeId], float] = {}
        """When which item may go to which mailbox again, of those that it was sent to."""
        self.under_way: dict[int, UserAddress] = {}
        self.opening: set[int] = set()
        self.asked_for: list[e.ReadItem | e.GiveUp] = []
        self.reading: set[int] = set()
        self.made = 0
        self.outcomes: list[str] = []

    # --- rules ---------------------------------------------------------------------------

    @rule(contact=st.sampled_from([BOB, CAROL]), ttl=st.sampled_from([5.0, 700.0, LIFE]))
    def add(self, contact: UserAddress, ttl: float) -> None:
        self.number += 1
        self.living[self.number] = contact
        self._add(self.number, ttl)

    @rule(contact=st.sampled_from([BOB, CAROL]))
    def open_a_ratchet(self, contact: UserAddress) -> None:
        self.number += 1
        self.living[self.number] = contact
        self.opening.add(self.number)
        self._add(self.number, LIFE, opens=True)

    @precondition(lambda self: self.living)
    @rule(data=st.data())
    def encrypt_anew(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.living)))
        self._any_time(number)
        self._add(number, self.expires[number] - self.now)

    def _add(self, number: int, ttl: float, *, opens: bool = False) -> None:
        self.made += 1
        self.ciphertexts[number] = self.made
        self.expires[number] = self.now + ttl
        self.tell(e.Added(replace(item(number, self.living[number]), opens=opens), ttl))

    @rule(outcomes=st.lists(st.sampled_from(OUTCOMES), max_size=6))
    def pass_time(self, outcomes: list[str]) -> None:
        """Go to the next deadline; the outcomes are those of the copies that leave there."""
        due = self.core.next_deadline()
        if due < math.inf:
            self.now = max(self.now, due)
            self.outcomes = outcomes
            self.tell(e.ItemDue())

    @rule(seconds=st.sampled_from([0.1, 1.0, 10.0, 600.0]))
    def wait(self, seconds: float) -> None:
        """The machine sleeps: deadlines are late."""
        self.now += seconds

    @precondition(lambda self: self.asked_for)
    @rule(answers=st.sampled_from(["well", "well", "fails"]))
    def database_answers(self, answers: str) -> None:
        command = self.asked_for.pop(0)
        if isinstance(command, e.GiveUp):
            number = command.item.item
            self.reading.discard(number)
            if answers == "fails":
                self.tell(e.StorageFailed(number, command.ciphertext))
            else:
                self._done(number)
                self.tell(e.GivenUp(number))
            return
        number = command.number
        self.reading.discard(number)
        if answers == "fails":
            self.tell(e.StorageFailed(number, command.ciphertext))
        else:
            found = item(number, self.living[number]) if number in self.living else None
            self.tell(e.ItemRead(number, command.ciphertext, found))

    @precondition(lambda self: self.living)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.living)))
        self._done(number)
        self.tell(e.Confirmed((number,)))

    @precondition(lambda self: self.tokens)
    @rule(data=st.data())
    def ack(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.tokens))
        self.tokens.remove(one)
        token, number, ciphertext, relay = one
        if self.ciphertexts.get(number) == ciphertext and (number, relay) in self.not_before:
            self.not_before[number, relay] = self.now + DAY_SECONDS
        self.tell(e.TokenReturned(token))

    @rule(contact=st.sampled_from([BOB, CAROL]))
    def reroute(self, contact: UserAddress) -> None:
        for number, owner in self.living.items():
            if owner == contact:
                self._any_time(number)
        self.tell(e.Rerouted(contact))

    @rule(relay=st.sampled_from([A, B]))
    def restart(self, relay: NodeId) -> None:
        for (number, place), at in self.not_before.items():
            # Not what is held: that is saved.
            if place == relay and at < self.now + DAY_SECONDS / 2:
                self.not_before[number, place] = self.now
        self.tell(e.Restarted(frozenset({relay})))

    @precondition(lambda self: self.living)
    @rule(relay=st.sampled_from([A, B]), data=st.data())
    def work_is_done(self, relay: NodeId, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.living)))
        at = self.not_before.get((number, relay))
        if at is not None and at < self.now + DAY_SECONDS / 2:  # none since it was planned anew
            self.not_before[number, relay] = self.now
        self.tell(e.WorkDone(number, relay))

    # --- the shell -------------------------------------------------------------------------

    def tell(self, event: e.Event) -> None:
        for command in self.core.handle(event, self.now):
            if isinstance(command, e.DepositCopy):
                self.tell(self.deposit(command))
            elif isinstance(command, e.ReadItem):
                self.asked_for.append(command)
                self.reading.add(command.number)
            elif isinstance(command, e.GiveUp):
                assert self.now >= self.expires[command.item.item] - 1e-6
                self.asked_for.append(command)
                self.reading.add(command.item.item)

    def deposit(self, command: e.DepositCopy) -> e.Event:
        number, relay = command.item.item, command.target.relay
        assert number in self.living, "an item that is done was sent"
        assert command.item.envelope is not None
        assert self.now >= self.not_before.get((number, relay), 0.0) - 1e-6, "it went too soon"
        outcome = self.outcomes.pop(0) if self.outcomes else "sent"
        if outcome == "failed":
            return e.DepositFailed(number, relay)
        if outcome != "sent":
            return e.PutOff(number, relay, self.now + 3.0, is_full=outcome == "full")
        self.under_way[number] = self.living[number]
        self.not_before[number, relay] = self.now + SOONEST_SECONDS
        token = len(self.tokens).to_bytes(4, "big") + number.to_bytes(28, "big")
        token = token if all(token != one[0] for one in self.tokens) else None  # type: ignore[assignment]
        if token is not None:
            self.tokens.append((token, number, self.ciphertexts[number], relay))
        return e.Deposited(number, relay, (relay,), token)

    def _any_time(self, number: int) -> None:
        for relay in (A, B):
            self.not_before.pop((number, relay), None)

    def _done(self, number: int) -> None:
        self.living.pop(number, None)
        self.under_way.pop(number, None)

    # --- what always holds -----------------------------------------------------------------

    @invariant()
    def every_item_waits_for_something(self) -> None:
        if not hasattr(self, "core"):
            return
        for number in self.living:
            assert number in self.core._items
            assert number in self.core._deadlines or number in self.reading
        assert len(self.core) == len(self.living)
        assert math.isfinite(self.core.next_deadline()) or not self.living.keys() - self.reading

    @invariant()
    def no_contact_has_too_much_under_way(self) -> None:
        for contact in (BOB, CAROL):
            going = [
                number
                for number, owner in getattr(self, "under_way", {}).items()
                if owner == contact and number not in self.opening
            ]
            assert len(going) <= WINDOW
            if hasattr(self, "core"):
                assert len(self.core._window._beside.get(contact, ())) <= in_flight.BESIDE


def run_machine(*, shrinks: bool = False) -> None:
    run_state_machine_as_test(
        DeliveryMachine,
        settings=settings(
            max_examples=60 if shrinks else 300,
            derandomize=not shrinks,  # a control must find its fault in every run
            stateful_step_count=40,
            deadline=None,
            phases=tuple(Phase) if shrinks else (Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture(autouse=True)
def small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "IN_FLIGHT", WINDOW)


def test_whatever_happens_nothing_is_lost_sent_too_soon_or_too_much() -> None:
    run_machine(shrinks=True)


def test_control_without_a_window_too_much_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "IN_FLIGHT", 100)
    with pytest.raises(AssertionError):
        run_machine()


def test_control_with_retries_that_do_not_wait_it_goes_too_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("zentalk.node.delivery.retry_schedule.FIRST_RETRY_SECONDS", 0.2)
    monkeypatch.setattr("zentalk.node.delivery.retry_schedule.ROUND_TRIPS", 0)
    with pytest.raises(AssertionError, match="too soon"):
        run_machine()


def test_control_without_planning_the_next_time_an_item_waits_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(DeliveryCore, "_answered", lambda _core, _entry, _schedule, _now: [])
    with pytest.raises(AssertionError):
        run_machine()
