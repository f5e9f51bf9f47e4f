"""Messages of an export enter the history, as write jobs of a page each.

A message that is here already stays as it is here, so a file may be imported again, and an import
that was interrupted goes on. What is imported is shown, and nothing more: no key is made of it,
nobody is sent anything, and no person counts as verified by it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from zentalk.chat.kinds import RATCHET_RENEWED
from zentalk.chat.portable import PortableLine
from zentalk.chat.views import line_of
from zentalk.errors import ConflictError
from zentalk.ids import UserAddress
from zentalk.node.messages.conversation.marking import under_its_marks
from zentalk.node.messages.people import check_name
from zentalk.store.history import contacts, events, imported, marks, messages
from zentalk.store.history.models import ContactRow, ContactState, Direction, MessageState
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import decode_content
from zentalk.wire.text import format_address

NOT_SENT: Final = "it had not left the node when it was exported: send it again"
MAX_LINES: Final = 250
"""Messages of one page: others write meanwhile."""


@dataclass(frozen=True, slots=True)
class ImportPage:
    """Messages of one conversation in their order, of a person who is a contact, or was blocked.

    `after` is what the import of the page before returned; None for the first one.
    """

    contact: UserAddress = field(repr=False)
    name: str = field(repr=False)
    blocked: bool
    lines: tuple[PortableLine, ...] = field(repr=False)
    after: int | None = None


@dataclass(frozen=True, slots=True)
class ImportedPage:
    """What became of a page; `after` is what the next page of this conversation begins with."""

    contact_added: bool
    added: int
    known: int
    expired: int
    """Messages that have disappeared since they were exported."""
    after: int | None


def take_in(tx: Transaction, page: ImportPage, now: float) -> ImportedPage:
    """Add to a conversation what is not in it; make its person a contact if it is a stranger.

    Raises ConflictError if the person waits as a request here, was refused, or is blocked without
    having been a contact, and ConfigError for a name that is too long.
    """
    check_name(page.name)
    contact_added = _person(tx, page, now)
    added = known = expired = 0
    after = page.after
    for line in page.lines:
        here = imported.place_of(tx, page.contact, line)
        if here is not None:
            known += 1
            after = here if here < 0 and (after is None or here > after) else after
            continue
        expires_at = _expires_at(line, now)
        if expires_at is not None and expires_at <= now:
            expired += 1
            continue
        after = imported.place_after(tx, line.sent_at, after)
        _add(tx, page.contact, line, after, expires_at)
        added += 1
    if added:
        data = {"conversation": format_address(page.contact), "messages": added}
        events.append(tx, "conversation.imported", now, data)
    return ImportedPage(contact_added, added, known, expired, after)


def _person(tx: Transaction, page: ImportPage, now: float) -> bool:
    """Make sure that there is a person whose conversation may be imported; True if it is new."""
    row = contacts.get(tx, page.contact)
    if row is not None and row.state not in (ContactState.REMOVED, ContactState.MEMBER):
        _check_known(tx, row)
        return False
    if row is None:
        contacts.insert(tx, page.contact, page.name, ContactState.CONTACT, now)
    else:
        contacts.update(tx, page.contact, page.name, ContactState.CONTACT, now)
    events.append_row(tx, "contact.added", now, contacts.view(tx, page.contact))
    if page.blocked:
        contacts.update(tx, page.contact, page.name, ContactState.BLOCKED, now)
        events.append_row(tx, "contact.blocked", now, contacts.view(tx, page.contact))
    return True


def _check_known(tx: Transaction, row: ContactRow) -> None:
    if row.state is ContactState.GROUP:
        raise ConflictError("this is a group: only its members say what is in it")
    if row.state is ContactState.REQUEST:
        raise ConflictError(
            "this person waits as a request: accept or refuse it, then import again"
        )
    if row.state is ContactState.REFUSED:
        raise ConflictError("you have refused this person: nothing of them is kept")
    if row.state is ContactState.BLOCKED and not contacts.was_contact(tx, row.address):
        raise ConflictError("you have blocked this person, who was no contact")


def _expires_at(line: PortableLine, now: float) -> float | None:
    """Return when a line disappears; whoever exports one that has a timer has read it."""
    if line.expires_at is None and line.timer_seconds:
        return now + line.timer_seconds
    return line.expires_at


def _add(
    tx: Transaction, contact: UserAddress, line: PortableLine, place: int, expires_at: float | None
) -> None:
    state, reason = MessageState(line.state), line.reason
    if state is MessageState.QUEUED:
        state, reason = MessageState.FAILED, NOT_SENT
    body = None if line.content is None else decode_content(line.content).body
    stored = messages.insert(
        tx,
        message_id=line.message_id,
        contact=contact,
        author=line.author,
        direction=Direction(line.direction),
        kind=line.kind,
        text=line_of(body) or line.text,
        content=line.content,
        state=state,
        reason=reason,
        sender_sequence=0,
        sent_at=line.sent_at,
        now=imported.time_of(place),
        confirmed=True,
        missing=line.missing,
        timer_seconds=line.timer_seconds,
        expires_at=expires_at,
        seq=place,
    )
    assert stored is not None
    if line.starred:
        messages.set_starred(tx, place, on=True)
    if line.kind == RATCHET_RENEWED:
        return
    for signed in line.marks:
        marks.put(tx, contact, signed)
    under_its_marks(tx, contact, stored)
