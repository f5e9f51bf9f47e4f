"""Introductions: two contacts are told of each other, and what we are told of others is kept."""

from __future__ import annotations

from typing import Final, NamedTuple

from zentalk.errors import ConflictError, LocalProtocolError, NotFoundError
from zentalk.ids import DAY_SECONDS, UserAddress
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import CommitEffects
from zentalk.store.history import contacts, events, introductions
from zentalk.store.history.introductions import IntroductionRow
from zentalk.store.history.models import ContactRow
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import Content
from zentalk.wire.introduction import INTRODUCTION, Introduction, introduction_body
from zentalk.wire.text import format_address

MAX_BY_ONE: Final = 64
"""Introductions by one contact that wait; the oldest gives way."""
KEPT_SECONDS: Final = 30 * DAY_SECONDS


class Introduced(NamedTuple):
    """One of two people who are introduced, and the name that the other is told."""

    address: UserAddress
    name: str

    def __repr__(self) -> str:
        return "<introduced>"


def introduce(
    tx: Transaction,
    composer: Composer,
    pair: tuple[Introduced, Introduced],
    secret: bytes,
    now: float,
) -> CommitEffects:
    """Tell two contacts of each other, with one fresh secret for both.

    Raises LocalProtocolError if both are one person, ConflictError or NotFoundError if one is no
    contact.
    """
    first, second = pair
    if first.address == second.address:
        raise LocalProtocolError("these are one person: name two contacts")
    rows = [_contact(tx, each.address) for each in pair]
    sent: list[CommitEffects] = []
    for reader, other in zip(rows, (second, first), strict=True):
        body = introduction_body(Introduction(other.address, other.name, secret))
        content = Content(kind=INTRODUCTION, message_id=composer.new_message_id(), raw_body=body)
        sent.append(composer.send(tx, reader, content, now))
    return CommitEffects.together(sent)


def learn(
    tx: Transaction, introducer: UserAddress, introduction: Introduction, now: float
) -> UserAddress | None:
    """Keep what a contact says of somebody; return whose request may be explained by it.

    It changes nothing for who is a contact already, and for who was blocked or refused.
    """
    address = introduction.address
    row = contacts.get(tx, address)
    if row is not None and (row.is_accepted or row.is_shut_out):
        if row.is_accepted and row.route is None:
            contacts.set_ticket(tx, address, introduction.secret)
        return None
    kept = IntroductionRow(introducer, introduction.secret)
    if not introductions.put(tx, address, kept, introduction.name, now):
        return None
    introductions.keep_newest(tx, introducer, MAX_BY_ONE)
    data = {
        "address": format_address(address),
        "name": introduction.name,
        "introduced_by": format_address(introducer),
    }
    events.append(tx, "contact.introduced", now, data)
    return address


def dismiss(tx: Transaction, address: UserAddress) -> None:
    """Forget the introductions of a person; raises NotFoundError if there is none."""
    if not introductions.remove(tx, address):
        raise NotFoundError("nobody has introduced this person: list your introductions")


def _contact(tx: Transaction, address: UserAddress) -> ContactRow:
    row = contacts.get(tx, address)
    if row is None:
        raise NotFoundError("one of them is not in your list: only contacts can be introduced")
    if not row.is_accepted:
        raise ConflictError("one of them is no contact yet: only contacts can be introduced")
    return row
