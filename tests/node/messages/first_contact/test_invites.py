"""Making and revoking invites, and what stays of them."""

from __future__ import annotations

import pytest

from tests.node.messages.first_contact.conftest import DAY, invite
from tests.node.persons import NOW, Person
from zentalk.errors import ConflictError, NotFoundError
from zentalk.ids import UserAddress
from zentalk.node.messages.first_contact import invites as jobs
from zentalk.store.history import events, invites
from zentalk.store.history.models import InviteState

FIRST = (1).to_bytes(8, "big")
SOMEBODY = UserAddress(bytes(32))


def state(owner: Person, now: float = NOW) -> InviteState:
    found = owner.tx(lambda tx: jobs.find(tx, FIRST))
    return found.state(now)


def test_only_the_hash_of_a_secret_is_in_the_database(bob: Person) -> None:
    secret = invite(bob)
    [row] = bob.connection.execute("SELECT * FROM invites").fetchall()
    assert secret not in row
    assert jobs.ticket_hash(secret) in row


def test_there_are_so_many_open_ones_and_no_more(
    bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_OPEN", 2)
    invite(bob, 1)
    invite(bob, 2)
    with pytest.raises(ConflictError, match="revoke one"):
        invite(bob, 3)
    bob.tx(lambda tx: jobs.revoke(tx, FIRST, NOW))
    invite(bob, 4)


def test_what_becomes_of_one(bob: Person) -> None:
    secret = invite(bob)
    assert (state(bob), state(bob, NOW + DAY)) == ("open", "expired")
    assert bob.tx(lambda tx: jobs.redeem(tx, SOMEBODY, secret, NOW)) is not None
    assert state(bob) == "used"
    assert bob.tx(lambda tx: jobs.redeem(tx, SOMEBODY, secret, NOW)) is None
    for _ in range(2):
        bob.tx(lambda tx: jobs.revoke(tx, FIRST, NOW))
    assert state(bob) == "revoked"
    with pytest.raises(NotFoundError):
        bob.tx(lambda tx: jobs.revoke(tx, b"nobody", NOW))
    logged = bob.tx(lambda tx: events.page(tx, 0, -1))
    assert [event.type for event in logged] == ["invite.created", "invite.used", "invite.revoked"]
    assert all(secret.hex() not in str(event.data) for event in logged)


def test_one_that_has_ended_is_listed_for_a_while(bob: Person) -> None:
    invite(bob)
    bob.tx(lambda tx: invites.forget(tx, NOW))
    assert len(bob.tx(invites.every)) == 1
    bob.tx(lambda tx: invites.forget(tx, NOW + DAY + 1))
    assert bob.tx(invites.every) == []
