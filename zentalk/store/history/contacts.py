"""Rows of people: contacts, requests and others, their routes and the conversation list."""

from __future__ import annotations

from typing import Any, Final

from zentalk.chat.names import Named
from zentalk.ids import DAY_SECONDS, UserAddress
from zentalk.store.history.models import ContactRow, ContactState, StoredContact, StoredConversation
from zentalk.store.history.settings import ROUTE_VERSION, TERM
from zentalk.store.sqlite import Transaction
from zentalk.wire.text import format_address

_LISTED = (
    "c.address, c.name, coalesce(l.text, ''), coalesce(l.sent_at, 0.0), c.unread,"
    " coalesce(s.muted_until, 0.0), coalesce(s.timer_seconds, 0), coalesce(s.draft, ''),"
    f" c.state = '{ContactState.GROUP}', CASE c.state WHEN '{ContactState.GROUP}' THEN"
    " (SELECT json_extract(view, '$.role') FROM groups WHERE id = c.address) END"
)
_COLUMNS = (
    "address, name, state, route, route_version, own_route_known,"
    f" (SELECT value FROM settings WHERE key = '{ROUTE_VERSION}'),"
    " (SELECT timer_seconds FROM chats WHERE contact = contacts.address), ticket,"
    " EXISTS (SELECT 1 FROM links WHERE links.address = contacts.address),"
    f" (SELECT value FROM settings WHERE key = '{TERM}')"
)
_SHOWN = "address, name, state, added_at, invite, introduced_by, verified_at, verified_term >= term"
NEW_NODE: Final = (
    "this person's conversation is now on another node: compare the safety number, or take note"
    " of it"
)
OTHER_NODE: Final = (
    "this person's conversation is now on another node, so the verified mark is withdrawn:"
    " compare the safety number again"
)


def get(tx: Transaction, address: UserAddress) -> ContactRow | None:
    """Return one contact or request."""
    row = tx.execute(f"SELECT {_COLUMNS} FROM contacts WHERE address = ?", (address,)).fetchone()
    return None if row is None else _row(row)


def view(tx: Transaction, address: UserAddress) -> StoredContact:
    """Return one existing contact as users see it."""
    row = tx.execute(f"SELECT {_SHOWN} FROM contacts WHERE address = ?", (address,)).fetchone()
    return _view(row)


def listing(tx: Transaction) -> list[StoredContact]:
    """Return all people but those who were removed or are in groups only, oldest first.

    Linked nodes are no people.
    """
    rows = tx.execute(
        f"SELECT {_SHOWN} FROM contacts WHERE state NOT IN (?, ?, ?) AND NOT EXISTS"
        " (SELECT 1 FROM links WHERE links.address = contacts.address) ORDER BY added_at, address",
        (ContactState.REMOVED, ContactState.MEMBER, ContactState.GROUP),
    )
    return [_view(row) for row in rows]


def named(tx: Transaction) -> list[Named]:
    """Return names of people as in `listing`, then those of groups, oldest first."""
    rows = tx.execute(
        "SELECT address, name FROM contacts WHERE state NOT IN (?, ?) AND NOT EXISTS"
        " (SELECT 1 FROM links WHERE links.address = contacts.address)"
        " ORDER BY state = ?, added_at, address",
        (ContactState.REMOVED, ContactState.MEMBER, ContactState.GROUP),
    )
    return [Named(format_address(address), name) for address, name in rows]


def insert(
    tx: Transaction, address: UserAddress, name: str, state: ContactState, now: float
) -> ContactRow:
    """Add a person."""
    row = tx.execute(
        "INSERT INTO contacts (address, name, state, added_at, state_at) VALUES (?, ?, ?, ?, ?)"
        f" RETURNING {_COLUMNS}",
        (address, name, state, now, now),
    ).fetchone()
    return _row(row)


def update(
    tx: Transaction, address: UserAddress, name: str, state: ContactState, now: float
) -> None:
    """Set name and state; `was_contact` remembers what a blocked person was before.

    Who is removed or refused is a stranger again: how they came and were verified is forgotten.
    """
    if state in (ContactState.REMOVED, ContactState.REFUSED):
        tx.execute(
            "UPDATE contacts SET ticket = x'', unknown_ticket = NULL, invite = NULL,"
            " introduced_by = NULL, verified_at = NULL, verified_term = term WHERE address = ?",
            (address,),
        )
    tx.execute(
        "UPDATE contacts SET name = ?1, state = ?2, was_contact = state = 'contact',"
        " state_at = CASE WHEN state = ?2 THEN state_at ELSE ?3 END,"
        " added_at = CASE WHEN state = 'removed' THEN ?3 ELSE added_at END WHERE address = ?4",
        (name, state, now, address),
    )


def was_contact(tx: Transaction, address: UserAddress) -> bool:
    """Tell whether a person was a contact before its last change of state."""
    row = tx.execute("SELECT was_contact FROM contacts WHERE address = ?", (address,)).fetchone()
    return row is not None and bool(row[0])


def put_request(tx: Transaction, address: UserAddress, now: float, work: int) -> ContactRow:
    """Keep somebody who wrote as a request, also one who was removed; `work` in bits."""
    if get(tx, address) is None:
        insert(tx, address, "", ContactState.REQUEST, now)
    else:
        update(tx, address, "", ContactState.REQUEST, now)
    row = tx.execute(
        f"UPDATE contacts SET work = ? WHERE address = ? RETURNING {_COLUMNS}", (work, address)
    ).fetchone()
    return _row(row)


def raise_work(tx: Transaction, address: UserAddress, work: int) -> None:
    """Remember the work in bits that a request has shown, if it is its most."""
    tx.execute("UPDATE contacts SET work = max(work, ?) WHERE address = ?", (work, address))


def set_route(tx: Transaction, address: UserAddress, route: bytes | None, version: int) -> None:
    """Remember where a contact collects; None goes back to its public send ids."""
    tx.execute(
        "UPDATE contacts SET route = ?, route_version = ? WHERE address = ?",
        (route, version, address),
    )


def set_own_route_known(tx: Transaction, address: UserAddress, version: int) -> None:
    """Remember which version of our own route this contact has used."""
    tx.execute("UPDATE contacts SET own_route_known = ? WHERE address = ?", (version, address))


def forget_versions(tx: Transaction, address: UserAddress) -> None:
    """Let the next route count, whatever its number, and tell ours again.

    One of the two sides may have lost what it knew and begun to count anew.
    """
    tx.execute(
        "UPDATE contacts SET route_version = 0, own_route_known = 0 WHERE address = ?", (address,)
    )


def set_ticket(tx: Transaction, address: UserAddress, ticket: bytes) -> None:
    """Remember what to show a contact until it has answered; empty for nothing."""
    tx.execute("UPDATE contacts SET ticket = ? WHERE address = ?", (ticket, address))


def set_came_by(
    tx: Transaction,
    address: UserAddress,
    invite: bytes | None,
    introducer: UserAddress | None,
) -> None:
    """Remember by which invite, or whose introduction, a person came."""
    tx.execute(
        "UPDATE contacts SET invite = coalesce(?, invite),"
        " introduced_by = coalesce(?, introduced_by) WHERE address = ?",
        (invite, introducer, address),
    )


def set_unknown_ticket(tx: Transaction, address: UserAddress, ticket_hash: bytes) -> None:
    """Remember the hash of a ticket that a request showed and nothing here explains yet."""
    tx.execute("UPDATE contacts SET unknown_ticket = ? WHERE address = ?", (ticket_hash, address))


def unknown_ticket(tx: Transaction, address: UserAddress) -> bytes | None:
    """Return the hash of the last ticket of a request that nothing explained."""
    row = tx.execute("SELECT unknown_ticket FROM contacts WHERE address = ?", (address,)).fetchone()
    return None if row is None else row[0]


def next_sequence(tx: Transaction, address: UserAddress) -> int:
    """Take the next sequence number of our messages to this contact."""
    row = tx.execute(
        "UPDATE contacts SET next_sequence = next_sequence + 1 WHERE address = ?"
        " RETURNING next_sequence - 1",
        (address,),
    ).fetchone()
    return int(row[0])


def following_sequence(tx: Transaction, address: UserAddress) -> int:
    """Return the number that our next message to this contact has."""
    row = tx.execute("SELECT next_sequence FROM contacts WHERE address = ?", (address,)).fetchone()
    return 1 if row is None else int(row[0])


def raise_sequence(tx: Transaction, address: UserAddress, following: int) -> None:
    """Let the next message have this number, or the higher one that it would have had."""
    tx.execute(
        "UPDATE contacts SET next_sequence = max(next_sequence, ?) WHERE address = ?",
        (following, address),
    )


def requests_by_day(tx: Transaction) -> dict[int, int]:
    """Return how many requests wait for an answer, by the day of their arrival."""
    rows = tx.execute(
        "SELECT CAST(state_at / ? AS INTEGER), count(*) FROM contacts WHERE state = ? GROUP BY 1",
        (DAY_SECONDS, ContactState.REQUEST),
    )
    return {int(row[0]): int(row[1]) for row in rows}


def least_request_of(tx: Transaction, day: int) -> tuple[UserAddress, int] | None:
    """Return who asked with the least work on a day, and that work in bits; None if nobody did.

    Among equals it is who came last.
    """
    row = tx.execute(
        "SELECT address, work FROM contacts WHERE state = ? AND state_at >= ? AND state_at < ?"
        " ORDER BY work, state_at DESC, address LIMIT 1",
        (ContactState.REQUEST, day * DAY_SECONDS, (day + 1) * DAY_SECONDS),
    ).fetchone()
    return None if row is None else (UserAddress(row[0]), int(row[1]))


def since_before(tx: Transaction, state: ContactState, before: float) -> list[UserAddress]:
    """Return the people who have been in a state since before a unix time."""
    rows = tx.execute(
        "SELECT address FROM contacts WHERE state = ? AND state_at < ? ORDER BY state_at, address",
        (state, before),
    )
    return [UserAddress(row[0]) for row in rows]


def conversations(tx: Transaction) -> list[StoredConversation]:
    """Return people with at least one message, the most recent first."""
    rows = tx.execute(
        f"SELECT {_LISTED} FROM last_lines l CROSS JOIN contacts c ON c.address = l.contact"
        " LEFT JOIN chats s ON s.contact = c.address ORDER BY l.seq DESC"
    )
    return [_listed(row) for row in rows]


def conversation(tx: Transaction, address: UserAddress) -> StoredConversation | None:
    """Return one conversation, also without messages; None if there is no such person."""
    row = tx.execute(
        f"SELECT {_LISTED} FROM contacts c LEFT JOIN last_lines l ON l.contact = c.address"
        " LEFT JOIN chats s ON s.contact = c.address"
        " WHERE c.address = ? AND c.state <> 'removed'",
        (address,),
    ).fetchone()
    return None if row is None else _listed(row)


def addresses(tx: Transaction) -> list[UserAddress]:
    """Return the addresses of all contacts and requests."""
    return [UserAddress(row[0]) for row in tx.execute("SELECT address FROM contacts")]


def _row(row: tuple[Any, ...]) -> ContactRow:
    address, name, state, route, route_version, own_known, own_version, *rest = row
    timer_seconds, ticket, is_link, own_term = rest
    return ContactRow(
        address=address,
        name=name,
        state=ContactState(state),
        route=route,
        route_version=route_version,
        own_route_known=own_known,
        own_route_version=int.from_bytes(own_version or b"", "big"),
        timer_seconds=timer_seconds or 0,
        ticket=ticket,
        is_link=bool(is_link),
        own_term=int.from_bytes(own_term or b"", "big"),
    )


def _listed(row: tuple[Any, ...]) -> StoredConversation:
    shown = (*row[1:-2], bool(row[-2]), row[-1] or "")
    return StoredConversation(format_address(row[0]), *shown)


def _view(row: tuple[Any, ...]) -> StoredContact:
    address, name, state, added_at, invite, introducer, verified_at, is_current = row
    was_verified = verified_at is not None
    return StoredContact(
        format_address(address),
        name,
        ContactState(state),
        added_at,
        invite=(invite or b"").hex(),
        introduced_by="" if introducer is None else format_address(introducer),
        verified=was_verified and bool(is_current),
        verified_at=verified_at,
        warning="" if is_current else OTHER_NODE if was_verified else NEW_NODE,
    )
