"""A contact's node is replaced by another one of the same owner: the higher term wins."""

from __future__ import annotations

import pytest

from tests.node.persons import NOW, Newcomer, Person
from zentalk.errors import RemoteProtocolError
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.first_contact import verification as jobs
from zentalk.node.messages.groups.jobs import group_jobs
from zentalk.node.messages.linked import resuming
from zentalk.node.messages.people import ContactCommands
from zentalk.node.messages.receive import Inbox
from zentalk.node.sessions.sessions import Encrypted, Sender, Sessions
from zentalk.store.history import (
    contacts,
    events,
    pages,
    renewals,
    resumption,
    terms,
    verification,
)
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import ROUTE, Content, decode_content, encode_content
from zentalk.wire.gaps import GAPS, Gaps, encode_gaps

LATER = NOW + 600.0


@pytest.fixture
def second(newcomer: Newcomer, alice: Person, bob: Person) -> Person:
    """Another node of Bob, of a higher term, which knows that Alice is a contact."""
    alice.tx(lambda tx: alice.contacts.add(tx, bob.address, "Bob", NOW))
    bob.tx(lambda tx: bob.contacts.add(tx, alice.address, "Alice", NOW))
    greet(alice, bob, "hello")
    made = newcomer("bob's second node")
    made.identity, made.address = bob.identity, bob.address
    made.sessions = Sessions(bob.identity, made.entropy)
    made.composer = Composer(made.sessions, made.entropy, 3600.0)
    made.contacts = ContactCommands(made.composer)
    made.groups = group_jobs(bob.identity, made.composer, made.entropy)
    made.inbox = Inbox(made.sessions, made.composer, made.groups.inbox)
    made.tx(lambda tx: made.contacts.add(tx, alice.address, "Alice", NOW))
    made.tx(lambda tx: terms.put_own(tx, 1))
    return made


def greet(alice: Person, bob: Person, text: str, now: float = NOW) -> CommitEffects:
    """Bob makes a new ratchet and writes in it."""
    bundle = alice.bundle()
    bob.tx(lambda tx: bob.sessions.start(tx, alice.address, bundle, now))
    return say(alice, bob, text)


def say(alice: Person, bob: Person, text: str) -> CommitEffects:
    content = Content(
        kind="text",
        message_id=bob.composer.new_message_id(),
        sequence=bob.tx(lambda tx: contacts.next_sequence(tx, alice.address)),
        text=text,
    )
    row = bob.tx(lambda tx: contacts.get(tx, alice.address))
    assert row is not None
    sent = bob.tx(lambda tx: bob.composer.send(tx, row, content, NOW))
    [inner] = [entry.item.envelope for entry in sent.send if entry.item.envelope][-1:]
    return alice.receive(bob.seal(alice, inner))


def texts(person: Person, other: Person) -> list[str]:
    page = person.tx(lambda tx: pages.page(tx, other.address, None, 100))
    return [line.text for line in page if line.kind == "text"]


def sends_to(alice: Person, bob: Person) -> int:
    """Return the term of the ratchet that Alice writes to Bob with."""
    sender = alice.tx(lambda tx: alice.sessions.sender(tx, bob.address))
    assert sender is not None
    return sender._row.term


def test_a_new_node_takes_over_although_its_generation_is_lower(
    alice: Person, bob: Person, second: Person
) -> None:
    greet(alice, bob, "much later by its clock", NOW + 10_000)
    alice.tx(lambda tx: jobs.verify(tx, bob.address, NOW))
    effects = greet(alice, second, "from the second")
    assert texts(alice, bob)[-1] == "from the second"
    assert sends_to(alice, bob) == 1
    assert alice.tx(lambda tx: verification.term(tx, bob.address)) == 1
    assert not alice.tx(lambda tx: contacts.view(tx, bob.address)).verified
    assert bob.address in effects.rerouted
    types = [event.type for event in alice.tx(lambda tx: events.page(tx, 0, -1))]
    assert types.count("contact.key-changed") == 1


def test_a_new_ratchet_of_the_replaced_node_is_refused_and_is_no_evidence(
    alice: Person, bob: Person, second: Person
) -> None:
    greet(alice, second, "from the second")
    effects = greet(alice, bob, "from the one before", LATER)
    assert effects.undecryptable == 1
    assert texts(alice, bob) == ["hello", "from the second"]
    assert sends_to(alice, bob) == 1
    assert not alice.tx(lambda tx: renewals.get(tx, bob.address)).undecryptable


def test_control_without_the_term_the_replaced_node_takes_over_again(
    alice: Person, bob: Person, second: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    greet(alice, second, "from the second")
    alice.tx(lambda tx: tx.execute("UPDATE ratchets SET term = 0"))
    monkeypatch.setattr(verification, "term", lambda _tx, _address: 0)
    greet(alice, bob, "from the one before", LATER)
    assert texts(alice, bob)[-1] == "from the one before"
    assert sends_to(alice, bob) == 0


def test_what_was_on_its_way_from_the_replaced_node_is_shown(
    alice: Person, bob: Person, second: Person
) -> None:
    greet(alice, second, "from the second")
    say(alice, bob, "written before, in the old ratchet")
    assert texts(alice, bob)[-1] == "written before, in the old ratchet"
    assert sends_to(alice, bob) == 1


def test_the_term_is_shown_until_the_contact_has_answered(
    alice: Person, second: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[int] = []
    encrypt = Sender.encrypt

    def watched(sender: Sender, content: bytes) -> Encrypted:
        shown.append(decode_content(content).term)
        return encrypt(sender, content)

    monkeypatch.setattr(Sender, "encrypt", watched)
    confirmation = greet(alice, second, "from the second")
    say(alice, second, "and again")
    assert shown == [1, 0, 1, 0], "each is confirmed"
    second.receive(*alice.answers(confirmation, second))
    say(alice, second, "and again")
    assert shown[4:] == [0, 0]


# --- what is missing -----------------------------------------------------------------------------


def asked(alice: Person, second: Person, last: int, following: int, term: int = 1) -> int:
    """Let Alice answer a question; return how many answers she has for Bob."""
    content = Content(
        kind=ROUTE,
        message_id=second.composer.new_message_id(),
        raw_body=[last, following],
        term=term,
    )

    def job(tx: Transaction) -> int:
        row = contacts.get(tx, second.address)
        assert row is not None
        resuming.answer(tx, alice.composer, row, content, NOW)
        items = tx.execute("SELECT content FROM outbox").fetchall()
        return sum(b"gaps" in item[0] for item in items)

    return alice.tx(job)


def test_a_contact_answers_once_for_each_term_and_only_who_was_promoted(
    alice: Person, second: Person
) -> None:
    assert asked(alice, second, 0, 1, term=0) == 0
    assert asked(alice, second, 0, 1) == 1
    assert asked(alice, second, 0, 1) == 1
    assert asked(alice, second, 0, 1, term=2) == 2


def test_a_contact_that_misses_nothing_says_nothing(alice: Person, second: Person) -> None:
    assert asked(alice, second, 5, 9) == 0


def learn(second: Person, alice: Person, gaps: Gaps) -> list[tuple[str, int]]:
    """Let Bob's second node hear what is missing; return the lines that say so."""

    def job(tx: Transaction) -> None:
        row = contacts.get(tx, alice.address)
        assert row is not None
        content = Content(
            kind=GAPS, message_id=second.composer.new_message_id(), raw_body=encode_gaps(gaps)
        )
        resuming.learn(tx, row, content, NOW)

    second.tx(job)
    page = second.tx(lambda tx: pages.page(tx, alice.address, None, 100))
    return [(line.direction, line.missing) for line in page if line.missing]


def ask(second: Person, alice: Person) -> None:
    second.tx(lambda tx: resumption.put_all(tx, [alice.address]))
    assert second.tx(resumption.take_next) == alice.address


def test_what_nobody_asked_for_is_not_shown(alice: Person, second: Person) -> None:
    assert learn(second, alice, Gaps(3, (1, 2, 3), 0, 0)) == []


def test_what_is_missing_is_shown_once_and_not_what_was_counted_before(
    alice: Person, second: Person
) -> None:
    ask(second, alice)
    second.tx(lambda tx: tx.execute("UPDATE contacts SET last_sequence = 2"))
    assert learn(second, alice, Gaps(3, (2, 3, 5), 4, 7)) == [("in", 2), ("out", 4)]
    assert learn(second, alice, Gaps(3, (2, 3, 5), 4, 7)) == [("in", 2), ("out", 4)]
    assert second.tx(lambda tx: contacts.following_sequence(tx, alice.address)) == 8


def test_control_without_the_question_a_contact_could_fill_the_history(
    alice: Person, second: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumption, "was_asked", lambda _tx, _address: True)
    for number in range(1, 6):
        learn(second, alice, Gaps(1, (10 * number,), 0, 0))
    assert len(learn(second, alice, Gaps(1, (60,), 0, 0))) == 6


@pytest.mark.parametrize(
    "body", [None, [], [1, [1, 2], 0, 0], [1, [1], 0], [1, [-1], 0, 0], [99, list(range(61)), 0, 0]]
)
def test_an_answer_that_is_none_is_refused(alice: Person, second: Person, body: object) -> None:
    ask(second, alice)
    content = Content(kind=GAPS, message_id=second.composer.new_message_id(), raw_body=body)  # type: ignore[arg-type]
    row = second.tx(lambda tx: contacts.get(tx, alice.address))
    assert row is not None
    with pytest.raises(RemoteProtocolError):
        second.tx(lambda tx: resuming.learn(tx, row, content, NOW))
    assert encode_content(content)


def test_contacts_have_their_turn_by_their_last_activity(
    alice: Person, bob: Person, carol: Person, newcomer: Newcomer
) -> None:
    dave = newcomer("dave")
    for other in (carol, alice, dave):
        bob.tx(lambda tx, other=other: bob.contacts.add(tx, other.address, "", NOW))  # type: ignore[misc]  # binds the loop variable
        if other is not dave:
            other.meet(bob)
            _, inners = other.write(bob, "hello")
            bob.receive(other.seal(bob, inners[0]))
    assert bob.tx(resumption.by_activity) == [alice.address, carol.address, dave.address]
    bob.tx(lambda tx: resumption.put_all(tx, resumption.by_activity(tx)))
    turns = [bob.tx(resumption.take_next) for _ in range(4)]
    assert turns == [alice.address, carol.address, dave.address, None]
    assert bob.tx(resumption.left) == 0
