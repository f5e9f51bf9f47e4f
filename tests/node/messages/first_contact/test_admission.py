"""A ticket in a first message: who is let in by it, who is not, and what it uses up."""

from __future__ import annotations

import pytest

from tests.node.messages.first_contact.conftest import DAY, invite, meet
from tests.node.persons import NOW, Newcomer, Person
from zentalk.ids import UserAddress
from zentalk.node.messages import requests
from zentalk.node.messages.first_contact import admission
from zentalk.node.messages.first_contact import invites as jobs
from zentalk.store.history import contacts, events, invites, messages
from zentalk.store.history.models import StoredContact
from zentalk.wire.content import decode_content


def person(owner: Person, other: Person) -> StoredContact:
    return owner.tx(lambda tx: contacts.view(tx, other.address))


def uses(owner: Person, number: int = 1) -> int:
    found = owner.tx(lambda tx: invites.get(tx, number.to_bytes(8, "big")))
    assert found is not None
    return found.uses


def types(owner: Person) -> list[str]:
    return [event.type for event in owner.tx(lambda tx: events.page(tx, 0, -1))]


def test_who_shows_an_invite_is_a_contact_at_once_and_is_confirmed(
    alice: Person, bob: Person
) -> None:
    meet(alice, bob, invite(bob, name="Alice"))
    effects = bob.receive(alice.seal(bob, alice.write(bob, "it is me")[1][0]))
    found = person(bob, alice)
    assert (found.state, found.name, found.invite) == ("contact", "Alice", f"{1:016x}")
    assert len(effects.best_effort) == 1
    assert uses(bob) == 1
    assert types(bob) == ["invite.created", "invite.used", "contact.added", "message.received"]


def test_a_first_message_without_one_is_a_request(alice: Person, bob: Person) -> None:
    invite(bob)
    alice.meet(bob)
    effects = bob.receive(alice.seal(bob, alice.write(bob, "it is me")[1][0]))
    assert (person(bob, alice).state, effects.best_effort, uses(bob)) == ("request", (), 0)


def test_a_wrong_secret_is_a_request(alice: Person, bob: Person) -> None:
    invite(bob)
    meet(alice, bob, b"x" * 16)
    bob.receive(alice.seal(bob, alice.write(bob, "it is me")[1][0]))
    assert (person(bob, alice).state, person(bob, alice).invite, uses(bob)) == ("request", "", 0)


def test_control_without_the_comparison_any_secret_lets_in(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "equal", lambda _known, _shown: True)
    invite(bob)
    meet(alice, bob, b"x" * 16)
    bob.receive(alice.seal(bob, alice.write(bob, "it is me")[1][0]))
    assert person(bob, alice).state == "contact"


def test_every_open_invite_is_compared_whether_or_not_one_was_found(
    bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[bytes] = []

    def equal(known: bytes, shown: bytes) -> bool:
        compared.append(known)
        return known == shown

    monkeypatch.setattr(jobs, "equal", equal)
    first, _, last = (invite(bob, number, uses=9) for number in (1, 2, 3))
    for secret in (first, last, b"x" * 16):
        compared.clear()
        bob.tx(lambda tx: jobs.redeem(tx, bob.address, secret, NOW))  # noqa: B023 - used at once
        assert len(compared) == 3


def test_one_that_is_used_up_leaves_a_request(newcomer: Newcomer, bob: Person) -> None:
    secret = invite(bob, uses=2)
    found = []
    for name in ("a", "b", "c"):
        guest = newcomer(name)
        meet(guest, bob, secret)
        bob.receive(guest.seal(bob, guest.write(bob, "it is me")[1][0]))
        found.append(person(bob, guest).state)
    assert (found, uses(bob)) == (["contact", "contact", "request"], 2)


def test_control_without_counting_it_is_never_used_up(
    newcomer: Newcomer, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invites, "count_use", lambda _tx, _id: None)
    secret = invite(bob)
    for name in ("a", "b"):
        guest = newcomer(name)
        meet(guest, bob, secret)
        bob.receive(guest.seal(bob, guest.write(bob, "it is me")[1][0]))
        assert person(bob, guest).state == "contact"


def test_one_that_has_expired_or_was_revoked_leaves_a_request(
    alice: Person, carol: Person, bob: Person
) -> None:
    meet(alice, bob, invite(bob, 1))
    bob.receive(alice.seal(bob, alice.write(bob, "it is me")[1][0]), now=NOW + DAY)
    meet(carol, bob, invite(bob, 2))
    bob.tx(lambda tx: jobs.revoke(tx, (2).to_bytes(8, "big"), NOW))
    bob.receive(carol.seal(bob, carol.write(bob, "it is me")[1][0]))
    assert [person(bob, one).state for one in (alice, carol)] == ["request", "request"]
    assert (uses(bob, 1), uses(bob, 2)) == (0, 0)


def test_one_that_asks_the_owner_leaves_a_request_that_says_so_and_counts_once(
    alice: Person, bob: Person
) -> None:
    meet(alice, bob, invite(bob, uses=5, name="fair", accepts=False))
    for text in ("it is me", "hello?", "are you there?"):
        effects = bob.receive(alice.seal(bob, alice.write(bob, text)[1][0]))
        assert effects.best_effort == ()
    found = person(bob, alice)
    assert (found.state, found.invite, found.name) == ("request", f"{1:016x}", "")
    assert (uses(bob), types(bob).count("contact.requested")) == (1, 1)


def test_a_request_that_shows_one_later_is_accepted_with_all_that_it_wrote(
    alice: Person, bob: Person
) -> None:
    alice.meet(bob)
    bob.receive(alice.seal(bob, alice.write(bob, "it is me")[1][0]))
    alice.tx(lambda tx: alice.contacts.add(tx, bob.address, "", NOW, invite(bob)))
    effects = bob.receive(alice.seal(bob, alice.write(bob, "by your link")[1][0]))
    assert person(bob, alice).state == "contact"
    assert len(effects.best_effort) == 2  # what had waited, and this one
    assert bob.tx(lambda tx: messages.unconfirmed(tx, alice.address)) == []


def test_nobody_who_was_blocked_or_refused_gets_in_by_one(
    alice: Person, carol: Person, bob: Person
) -> None:
    for one in (alice, carol):
        meet(one, bob, invite(bob, uses=9) if one is alice else bytes([1]) * 16)
    bob.tx(lambda tx: bob.contacts.block(tx, alice.address, NOW))
    bob.tx(lambda tx: requests.admit(tx, carol.address, NOW))
    bob.tx(lambda tx: bob.contacts.refuse(tx, carol.address, NOW))
    for one in (alice, carol):
        dropped = bob.receive(one.seal(bob, one.write(bob, "it is me")[1][0]))
        assert dropped.undecryptable == 1
    assert [person(bob, one).state for one in (alice, carol)] == ["blocked", "refused"]
    assert uses(bob) == 0


def test_k51_only_a_right_secret_needs_no_place_among_strangers(
    newcomer: Newcomer, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MAX_REQUESTS", 0)
    monkeypatch.setattr(requests, "SURE_A_DAY", 0)
    right, wrong, asking = newcomer("right"), newcomer("wrong"), newcomer("asking")
    meet(right, bob, invite(bob))
    meet(wrong, bob, b"x" * 16)
    meet(asking, bob, invite(bob, 2, accepts=False))
    letters = [one.seal(bob, one.write(bob, "me")[1][0]) for one in (right, wrong, asking)]
    effects = bob.receive(*letters)
    assert effects.deferred == frozenset({1, 2})
    assert bob.tx(contacts.addresses) == [right.address]
    assert (uses(bob), uses(bob, 2)) == (1, 0)  # what found no room has used nothing up


def test_the_secret_goes_along_until_something_has_come_back(alice: Person, bob: Person) -> None:
    secret = invite(bob)
    meet(alice, bob, secret)
    inners = []
    for text in ("one", "x" * 40_000):
        _, made = alice.write(bob, text)
        inners += made
    rows = alice.connection.execute("SELECT content FROM outbox").fetchall()
    assert all(decode_content(row[0]).ticket == b"" for row in rows)  # kept once, in one place
    effects = bob.receive(*[alice.seal(bob, inner) for inner in reversed(inners)])
    assert (person(bob, alice).state, uses(bob)) == ("contact", 1)  # whichever came first
    alice.receive(*bob.answers(effects, alice))
    row = alice.tx(lambda tx: contacts.get(tx, bob.address))
    assert row is not None
    assert row.ticket == b""


def test_a_person_who_was_removed_cannot_use_one_again(alice: Person, bob: Person) -> None:
    meet(alice, bob, invite(bob))
    bob.receive(alice.seal(bob, alice.write(bob, "it is me")[1][0]))
    bob.tx(lambda tx: bob.contacts.remove(tx, alice.address, NOW))
    bob.receive(alice.seal(bob, alice.write(bob, "again")[1][0]))
    assert (person(bob, alice).state, person(bob, alice).invite) == ("request", "")


def test_a_request_keeps_the_hash_only_of_what_it_has_shown(alice: Person, bob: Person) -> None:
    gate = admission.FirstMessages(bob.composer, bob.groups.inbox.let_in)
    bob.tx(lambda tx: gate.sender(tx, UserAddress(bytes(32)), b"x" * 16, 0, NOW))
    shown = bob.tx(lambda tx: contacts.unknown_ticket(tx, UserAddress(bytes(32))))
    assert shown == jobs.ticket_hash(b"x" * 16)
