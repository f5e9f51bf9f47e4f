"""How many strangers may ask, how much of each is kept, and for how long (K51).

Strangers can fill what is kept for strangers; so each day of arrival has places of its own that
no other day takes, and nothing of them stays for good. Spec: docs/spec/end-to-end.md section 6.
"""

from __future__ import annotations

from typing import Final

from zentalk.errors import RemoteProtocolError
from zentalk.ids import DAY_SECONDS, UserAddress
from zentalk.store.history import contacts, events, forgetting, messages
from zentalk.store.history.models import ContactRow, ContactState
from zentalk.store.sqlite import Transaction
from zentalk.wire.text import format_address

MAX_REQUESTS: Final = 1_000
SURE_A_DAY: Final = 33
"""Requests of one day of arrival that give way to no other day; times the days it is below all."""
REQUEST_SECONDS: Final = 30 * DAY_SECONDS
"""After this long without an answer a request ends, and the memory of a refusal or removal."""
MAX_MESSAGES: Final = 200
"""Messages kept of somebody who was not accepted yet, among them those not shown yet."""
MAX_BYTES: Final = 256 * 1024
"""All that is kept of the contents of one such person."""
NOT_ANSWERED: Final = "not answered for 30 days"
NO_ROOM: Final = "other people's requests needed the room"


def admit(tx: Transaction, address: UserAddress, now: float) -> ContactRow:
    """Keep a stranger as a request; raises RemoteProtocolError if there is no room for it."""
    _make_room(tx, now)
    row = contacts.put_request(tx, address, now)
    events.append_row(tx, "contact.requested", now, contacts.view(tx, address))
    return row


def check_room(tx: Transaction, address: UserAddress, size: int) -> None:
    """Raise RemoteProtocolError if a stranger has sent more than a request may hold."""
    count, size_bytes = messages.kept(tx, address)
    if count >= MAX_MESSAGES or size_bytes + size > MAX_BYTES:
        raise RemoteProtocolError("a stranger has sent more than a request may hold")


def expire(tx: Transaction, now: float) -> None:
    """End requests that nobody answered, and forget who was refused or removed long ago."""
    for address in contacts.since_before(tx, ContactState.REQUEST, now - REQUEST_SECONDS):
        _drop(tx, address, NOT_ANSWERED, now)
    for state in (ContactState.REFUSED, ContactState.REMOVED):
        for address in contacts.since_before(tx, state, now - REQUEST_SECONDS):
            forgetting.person(tx, address)


def _make_room(tx: Transaction, now: float) -> None:
    """Make a place for a request of today, at the cost of a day that has more than its share."""
    days = contacts.requests_by_day(tx)
    if sum(days.values()) < MAX_REQUESTS:
        return
    fullest = max(days, key=lambda day: (days[day], day), default=0)
    today = int(now // DAY_SECONDS)
    if days.get(today, 0) >= SURE_A_DAY or days.get(fullest, 0) <= SURE_A_DAY:
        raise RemoteProtocolError("more strangers have written than requests are kept")
    _drop(tx, contacts.newest_request_of(tx, fullest), NO_ROOM, now)


def _drop(tx: Transaction, address: UserAddress, reason: str, now: float) -> None:
    delete_conversation(tx, address, now)
    forgetting.person(tx, address)
    log_removed(tx, address, reason, now)


def delete_conversation(tx: Transaction, address: UserAddress, now: float) -> None:
    """Delete all messages with a person, and say so if there was one."""
    if forgetting.conversation(tx, address):
        data = {"conversation": format_address(address)}
        events.append(tx, "conversation.deleted", now, data)


def log_removed(tx: Transaction, address: UserAddress, reason: str, now: float) -> None:
    """Say that a person is not in the list any more, and why if its owner did not do it."""
    data = {"address": format_address(address)}
    if reason:
        data["reason"] = reason
    events.append(tx, "contact.removed", now, data)
