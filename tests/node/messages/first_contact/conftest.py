"""Somebody who trusts contacts, and how one person gets an invite of another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.node.persons import NOW, Person
from zentalk.node.messages.first_contact import invites as jobs
from zentalk.store.history.models import StoredInvite

DAY = 86_400.0


@pytest.fixture
def trusting(tmp_path: Path) -> Iterator[Person]:
    """Somebody whose contacts may introduce people without asking."""
    with closing(Person(tmp_path, "trusting", accept_introduced=True)) as person:
        yield person


def invite(
    owner: Person, number: int = 1, *, name: str = "", uses: int = 1, accepts: bool = True
) -> bytes:
    """Let somebody make an invite that is open for a day; return its secret."""
    secret = bytes([number]) * 16
    row = StoredInvite(f"{number:016x}", name, accepts, uses, 0, NOW, NOW + DAY, None)
    owner.tx(lambda tx: jobs.create(tx, row, jobs.ticket_hash(secret), NOW))
    return secret


def meet(person: Person, owner: Person, ticket: bytes) -> None:
    """Add somebody by a link, and make a ratchet."""
    person.meet(owner)
    person.tx(lambda tx: person.contacts.add(tx, owner.address, "", NOW, ticket))
