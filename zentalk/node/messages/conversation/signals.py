"""Signals are encrypted for contacts only, and never stored."""

from __future__ import annotations

from zentalk.ids import UserAddress
from zentalk.node.messages.compose import Composer
from zentalk.store.history import contacts
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import OfferSignal, Presence, Typing, kind_of
from zentalk.wire.content import Content


def make(
    tx: Transaction,
    composer: Composer,
    person: UserAddress,
    body: Typing | Presence | OfferSignal,
    number: int = 0,
) -> bytes | None:
    """Return a signal's inner; None for who is no contact, or may have missed too much.

    A `number`, in place of the time of writing, tells which of two signals is the newer one.
    """
    row = contacts.get(tx, person)
    if row is None or not row.is_accepted:
        return None
    content = Content(
        kind=kind_of(body), message_id=composer.new_message_id(), sent_at_ms=number, body=body
    )
    made = composer.encrypt_unstored(tx, person, content)
    return None if made is None else made.inner
