"""How many strangers may ask, how much of each is kept, and for how long (K51).

Strangers can fill what is kept for strangers; so each day of arrival has places of its own that
no other day takes, within a day the least work goes first, and nothing of them stays for good.
Work is what we checked ourselves, never what a relay says. Spec: docs/spec/end-to-end.md section 6.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from zentalk.errors import RemoteProtocolError
from zentalk.ids import DAY_SECONDS, UserAddress
from zentalk.mailbox.arrivals import MAX_WORK
from zentalk.store.history import contacts, events, forgetting, messages
from zentalk.store.history.models import ContactRow, ContactState
from zentalk.store.sqlite import Transaction
from zentalk.wire.text import format_address

MAX_REQUESTS: Final = 1_000
SURE_A_DAY: Final = 33
"""Requests of one day of arrival that give way to no other day; times the days it is below all."""
LEAST_WORK: Final = 16
"""Bits of proof of work; fewer count as none, as they do at relays."""
REQUEST_SECONDS: Final = 30 * DAY_SECONDS
"""After this long without an answer a request ends, and the memory of a refusal or removal."""
MAX_MESSAGES: Final = 200
"""Messages kept of somebody who was not accepted yet, among them those not shown yet."""
MAX_BYTES: Final = 256 * 1024
"""All that is kept of the contents of one such person."""
NOT_ANSWERED: Final = "not answered for 30 days"
NO_ROOM: Final = "other people's requests needed the room"


class CameBy(NamedTuple):
    """What brought a person here: the id of an invite, or the contact who introduced them."""

    invite: bytes | None = None
    introducer: UserAddress | None = None

    def __repr__(self) -> str:
        return "<came by>"


class NoRoomError(RemoteProtocolError):
    """What a stranger sent finds no room now, and may find some later."""


def admit(
    tx: Transaction,
    address: UserAddress,
    now: float,
    work: int = 0,
    came_by: CameBy | None = None,
) -> ContactRow:
    """Keep a stranger, who has shown some bits of work, as a request; raises NoRoomError."""
    counted = _counted(work)
    _make_room(tx, now, counted)
    row = contacts.put_request(tx, address, now, counted)
    if came_by is not None:
        contacts.set_came_by(tx, address, *came_by)
    events.append_row(tx, "contact.requested", now, contacts.view(tx, address))
    return row


def vouch(tx: Transaction, address: UserAddress, came_by: CameBy, now: float) -> None:
    """Say of a request what it came by, once that is known."""
    contacts.set_came_by(tx, address, *came_by)
    events.append_row(tx, "contact.requested", now, contacts.view(tx, address))


def show_work(tx: Transaction, row: ContactRow, work: int) -> None:
    """Take note of the work that came with something more of a request."""
    if row.state is ContactState.REQUEST and _counted(work):
        contacts.raise_work(tx, row.address, work)


def check_room(tx: Transaction, address: UserAddress, size: int) -> None:
    """Raise NoRoomError if a stranger has sent more than a request may hold."""
    count, size_bytes = messages.kept(tx, address)
    if count >= MAX_MESSAGES or size_bytes + size > MAX_BYTES:
        raise NoRoomError("a stranger has sent more than a request may hold")


def expire(tx: Transaction, now: float) -> None:
    """End requests that nobody answered, and forget who was refused or removed long ago."""
    for address in contacts.since_before(tx, ContactState.REQUEST, now - REQUEST_SECONDS):
        _drop(tx, address, NOT_ANSWERED, now)
    for state in (ContactState.REFUSED, ContactState.REMOVED):
        for address in contacts.since_before(tx, state, now - REQUEST_SECONDS):
            forgetting.person(tx, address)


def _counted(work: int) -> int:
    return work if work >= LEAST_WORK else 0


def _make_room(tx: Transaction, now: float, work: int) -> None:
    """Make a place for a request of today.

    While today is within its share, that is at the cost of a day that has more; then at the cost
    of a request of today with less work. So work takes nothing from another day.
    """
    days = contacts.requests_by_day(tx)
    if sum(days.values()) < MAX_REQUESTS:
        return
    today = int(now // DAY_SECONDS)
    if days.get(today, 0) >= SURE_A_DAY:
        day, most = today, work - 1
    else:
        day = max(days, key=lambda day: (days[day], day))
        most = -1 if days[day] <= SURE_A_DAY else MAX_WORK
    least = contacts.least_request_of(tx, day)
    if least is None or least[1] > most:
        raise NoRoomError("more strangers have written than requests are kept")
    _drop(tx, least[0], NO_ROOM, now)


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
