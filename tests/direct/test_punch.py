"""The bounds of a session, against a contact that does not keep to the rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zentalk.direct.freshness import Transactions
from zentalk.direct.path_check import KEEPALIVE_SECONDS
from zentalk.direct.places import own_subnet
from zentalk.direct.punch import ANSWERS_A_SECOND, Punch
from zentalk.direct.reasons import WhyNot
from zentalk.direct.seals import ProbeSeals
from zentalk.direct.search import MAX_PROBES, MAX_REFLEXIVE, SEARCH_SECONDS, TRIGGER_SECONDS
from zentalk.direct.survey import Sending
from zentalk.net.runtime import seeded_entropy
from zentalk.wire.direct import (
    MAX_CANDIDATES,
    CandidateKind,
    DirectCandidate,
    DirectOffer,
    Nat,
    ProbeKind,
)
from zentalk.wire.ip_address import Place

SERVER_SIDE = DirectOffer(b"i" * 16, b"1" * 32, b"s" * 32, Nat.STEADY, ())
CLIENT_SIDE = DirectOffer(b"i" * 16, b"2" * 32, b"c" * 32, Nat.STEADY, ())
SUBNETS = (own_subnet("192.168.7.20"),)
HOME, AWAY = ("11.77.1.1", 4000), ("11.77.2.2", 4000)
OWN = ("11.77.3.3", 4000)


def named(offer: DirectOffer, *places: Place) -> DirectOffer:
    made = tuple(DirectCandidate(CandidateKind.ECHOED, place) for place in places)
    return replace(offer, candidates=made)


class Contact:
    """The other side of a `Punch`, by hand."""

    def __init__(self, *, is_client: bool, places: tuple[Place, ...] = (HOME,)) -> None:
        own, theirs = (CLIENT_SIDE, SERVER_SIDE) if is_client else (SERVER_SIDE, CLIENT_SIDE)
        self._seals = ProbeSeals(own, theirs)
        self._transactions = Transactions(seeded_entropy(b"contact"))
        self.node = Punch(
            named(theirs, OWN), named(own, *places), SUBNETS, seeded_entropy(b"node"), 0.0
        )

    def probe(self, kind: ProbeKind = ProbeKind.ASK) -> bytes:
        return self._seals.make(kind, self._transactions.draw())

    def ask(
        self, now: float, source: Place = HOME, kind: ProbeKind = ProbeKind.ASK
    ) -> list[Sending]:
        return self.node.receive(self.probe(kind), source, now)

    def kinds(self, sent: list[Sending]) -> list[tuple[ProbeKind, Place]]:
        found = [(self._seals.read(data), place) for data, place in sent]
        return [(probe.kind, place) for probe, place in found if probe is not None]

    def answer(self, sent: list[Sending], now: float, source: Place | None = None) -> list[Sending]:
        """Answer all that was asked, from where it went or from `source`."""
        more: list[Sending] = []
        for data, place in sent:
            probe = self._seals.read(data)
            if probe is not None and probe.kind is not ProbeKind.ANSWER:
                made = self._seals.make(ProbeKind.ANSWER, probe.transaction)
                more += self.node.receive(made, source or place, now)
        return more


def search_to_the_end(contact: Contact) -> list[Sending]:
    sent: list[Sending] = []
    for _ in range(100):
        following = contact.node.next_at
        if following is None:
            return sent
        sent += contact.node.wake(following)
    raise AssertionError("this has no end")


def test_a_search_has_a_bound_and_an_end() -> None:
    many = tuple((f"11.77.1.{n}", 4000) for n in range(1, MAX_CANDIDATES + 1))
    contact = Contact(is_client=True, places=many)
    sent = search_to_the_end(contact)
    assert {place for _, place in sent} == set(many)
    assert len(sent) < 12 * MAX_CANDIDATES < MAX_PROBES
    assert contact.node.why_not is WhyNot.NO_ANSWER
    assert contact.ask(SEARCH_SECONDS + 1) == []


def test_what_a_contact_must_not_name_is_never_probed() -> None:
    contact = Contact(is_client=True, places=(("10.0.0.1", 4000), ("11.77.1.1", 53)))
    assert search_to_the_end(contact) == []
    assert contact.node.why_not is WhyNot.NO_CANDIDATES


def test_what_comes_from_such_a_place_is_not_answered() -> None:
    contact = Contact(is_client=True)
    for source in (("10.0.0.1", 4000), ("11.77.1.1", 53), ("127.0.0.1", 4000)):
        assert contact.ask(0.0, source) == []
    assert [place for _, place in contact.ask(0.0, ("192.168.7.21", 4000))]


def test_a_contact_that_sprays_from_many_places_makes_few_probes() -> None:
    """Each forged source costs it a datagram, and is sent two of the same size at most."""
    contact = Contact(is_client=True)
    contact.node.wake(0.0)
    asked = answered = 0
    for number in range(5_000):
        source = (f"11.66.{number // 250}.{number % 250 + 1}", 6666)
        kinds = [kind for kind, _ in contact.kinds(contact.ask(number / 1_000, source))]
        answered += kinds.count(ProbeKind.ANSWER)
        asked += len(kinds) - kinds.count(ProbeKind.ANSWER)
    assert answered <= 5 * ANSWERS_A_SECOND
    assert asked <= MAX_PROBES
    later = contact.kinds(contact.node.wake(9.0))
    assert len({place for _, place in later}) <= 1 + MAX_REFLEXIVE


def test_nor_does_one_that_sprays_over_a_path() -> None:
    """It answers all checks of the path, and makes more of them by asking."""
    contact = Contact(is_client=False)
    contact.answer(contact.answer(contact.node.wake(0.0), 0.1), 0.2)
    asked = 0
    for number in range(10_000):
        now = 1.0 + number * KEEPALIVE_SECONDS / 10_000
        source = (f"11.66.{number // 250}.{number % 250 + 1}", 6666)
        sent = contact.ask(now, source)
        asked += sum(kind is not ProbeKind.ANSWER for kind, _ in contact.kinds(sent))
        contact.answer([one for one in sent if one[1] == HOME], now)
    assert contact.node.path == HOME
    assert MAX_PROBES / 2 < asked <= MAX_PROBES + KEEPALIVE_SECONDS / 2


def test_of_the_places_that_probes_came_from_few_are_kept() -> None:
    contact = Contact(is_client=True)
    contact.node.wake(0.0)
    sources = [(f"11.66.1.{number}", 6666) for number in range(1, 21)]
    for source in sources:
        contact.ask(0.1, source)
    round_of_all = [place for _, place in contact.node.wake(0.3)]
    assert round_of_all == [HOME, *sources[-MAX_REFLEXIVE:]]


def test_one_place_is_not_asked_back_each_time() -> None:
    contact = Contact(is_client=True)
    contact.node.wake(0.0)
    start = TRIGGER_SECONDS
    kinds = [
        kind
        for n in range(10)
        for kind, _ in contact.kinds(contact.ask(start + n * TRIGGER_SECONDS / 10, AWAY))
    ]
    assert kinds.count(ProbeKind.ASK) == 1
    assert kinds.count(ProbeKind.ANSWER) == 10


def test_a_server_agrees_only_to_what_it_has_proved() -> None:
    contact = Contact(is_client=True)
    asked = contact.node.wake(0.0)
    assert not contact.node.is_client
    sent = contact.kinds(contact.ask(0.2, AWAY, ProbeKind.USE))
    assert sent == [(ProbeKind.ASK, AWAY)], "no answer, and a question of its own"
    assert contact.node.path is None
    contact.answer(asked, 0.3)
    assert contact.node.path is None, "the client chooses"
    assert contact.kinds(contact.ask(0.4, HOME, ProbeKind.USE)) == [(ProbeKind.ANSWER, HOME)]
    assert contact.node.path == HOME


def test_a_client_uses_what_answered_and_needs_an_answer_to_that() -> None:
    contact = Contact(is_client=False)
    use = contact.answer(contact.node.wake(0.0), 0.1)
    assert contact.kinds(use) == [(ProbeKind.USE, HOME)]
    assert contact.node.path is None
    contact.answer(use, 0.2, source=AWAY)
    assert contact.node.path is None, "an answer from elsewhere is none"
    contact.answer(use, 0.2)
    assert contact.node.path == HOME
    assert contact.kinds(contact.ask(0.3, AWAY, ProbeKind.USE))[0] == (ProbeKind.ANSWER, AWAY)
    assert contact.node.path == HOME, "a server does not choose"


def test_an_answer_to_an_earlier_question_is_no_agreement() -> None:
    contact = Contact(is_client=False)
    first, second = contact.node.wake(0.0), contact.node.wake(0.25)
    use = contact.answer(first, 0.3)
    contact.answer(second, 0.4)
    assert contact.node.path is None
    contact.answer(use, 0.5)
    assert contact.node.path == HOME


def test_an_answer_counts_once_and_keeps_no_dead_path_alive() -> None:
    contact = Contact(is_client=False)
    use = contact.answer(contact.node.wake(0.0), 0.1)
    contact.answer(use, 0.2)
    now = 0.2
    for _ in range(100):
        if contact.node.path is None:
            break
        now += 1.0
        contact.node.wake(now)
        contact.answer(use, now)
    assert contact.node.path is None
    assert now < KEEPALIVE_SECONDS + 10


def test_a_contact_that_asks_much_does_not_hurry_a_path_to_its_end() -> None:
    contact = Contact(is_client=False)
    contact.answer(contact.answer(contact.node.wake(0.0), 0.1), 0.2)
    for number in range(20):
        contact.ask(5.0 + number / 100)
    assert contact.node.path == HOME
    assert contact.node.why_not is None


def test_a_client_goes_on_with_another_place_where_the_first_falls_silent() -> None:
    contact = Contact(is_client=False, places=(HOME, AWAY))
    contact.answer(contact.node.wake(0.0), 0.1)
    sent: list[Sending] = []
    for _ in range(100):
        following = contact.node.next_at
        if following is None or following > 3.0:
            break
        sent = contact.node.wake(following)
        kinds = contact.kinds(sent)
        if (ProbeKind.USE, AWAY) in kinds:
            break
    contact.answer([one for one in sent if one[1] == AWAY], 3.0)
    assert contact.node.path == AWAY


def test_a_client_that_is_asked_looks_at_its_path_soon() -> None:
    """The path may have died for the other side alone, which then searches."""
    contact = Contact(is_client=False)
    contact.answer(contact.answer(contact.node.wake(0.0), 0.1), 0.2)
    assert contact.node.path == HOME
    sent = contact.kinds(contact.ask(1.0, HOME))
    assert sent == [(ProbeKind.ANSWER, HOME)], "it was looked at just now"
    sent = contact.kinds(contact.ask(5.0, AWAY))
    assert (ProbeKind.USE, HOME) in sent
    assert contact.node.next_at is not None
    assert contact.node.next_at < 5.0 + KEEPALIVE_SECONDS


@pytest.mark.parametrize(
    ("nats", "asks", "why"),
    [
        ((Nat.STEADY, Nat.SYMMETRIC), False, WhyNot.SYMMETRIC_THERE),
        ((Nat.SYMMETRIC, Nat.UNKNOWN), False, WhyNot.SYMMETRIC_HERE),
        ((Nat.SYMMETRIC, Nat.UNKNOWN), True, WhyNot.ONE_WAY),
        ((Nat.STEADY, Nat.UNKNOWN), True, WhyNot.ONE_WAY),
        ((Nat.STEADY, Nat.STEADY), False, WhyNot.NO_ANSWER),
    ],
)
def test_it_says_why_there_is_no_path(nats: tuple[Nat, Nat], asks: bool, why: WhyNot) -> None:
    contact = Contact(is_client=True)
    own, theirs = (
        replace(offer, nat=nat) for offer, nat in zip((SERVER_SIDE, CLIENT_SIDE), nats, strict=True)
    )
    contact.node = Punch(
        named(own, OWN), named(theirs, HOME), SUBNETS, seeded_entropy(b"node"), 0.0
    )
    if asks:
        contact.ask(0.1)
    search_to_the_end(contact)
    assert contact.node.why_not is why
    assert (contact.node.path, contact.node.next_at) == (None, None)
