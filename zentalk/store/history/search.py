"""Finds messages by their words: the queries of an index that triggers keep.

The index (FTS5) holds no text, only words and where they stand. The conversation of a message is a
word of its own column: joined with the table of messages, one search in a large history takes 85 ms
instead of 5. Results come newest first, as ranking reads every hit.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final, NamedTuple

from zentalk.chat.finding import is_found
from zentalk.errors import LocalProtocolError
from zentalk.ids import UserAddress
from zentalk.store.history.imported import FIRST
from zentalk.store.history.messages import COLUMNS, views
from zentalk.store.history.models import ContactState, StoredMessage
from zentalk.store.sqlite import Transaction
from zentalk.wire.text import format_address

MAX_QUERY_CHARS: Final = 256
MAX_WORDS: Final = 16
_PIECES: Final = re.compile(r'"([^"]*)"|(\S+)')
_NONE: Final = 2**62
_HAS_WORD: Final = re.compile(r"\w")


class Wanted(NamedTuple):
    """What is looked for: words, and where; times are unix seconds of storing."""

    query: str
    contact: UserAddress | None = None
    since: float | None = None
    until: float | None = None
    before: int | None = None

    def __repr__(self) -> str:
        return "<search>"


class NameHit(NamedTuple):
    """Somebody, or a group, whose name has the words."""

    address: str
    name: str
    group: bool

    def __repr__(self) -> str:
        return "<found name>"


def find(tx: Transaction, wanted: Wanted, limit: int) -> list[StoredMessage]:
    """Return up to `limit` messages with all the words, newest first.

    Raises LocalProtocolError if there are no words, or too many.
    """
    match, numbers = _match(wanted), list[int]()
    for lowest, highest in _ranges(tx, wanted):
        rows = tx.execute(
            "SELECT rowid FROM search WHERE search MATCH ? AND rowid BETWEEN ? AND ?"
            " ORDER BY rowid DESC LIMIT ?",
            (match, lowest, highest, limit - len(numbers)),
        )
        numbers += (row[0] for row in rows)
    marks = ",".join("?" * len(numbers))
    found = tx.execute(
        f"SELECT {COLUMNS} FROM messages WHERE seq IN ({marks}) ORDER BY seq DESC", numbers
    ).fetchall()
    return views(tx, found)


def names(tx: Transaction, query: str, limit: int) -> list[NameHit]:
    """Return up to `limit` people and groups by name: the owner's for them, or their own.

    Who was removed, and members of groups who are no contacts, are not found.
    """
    rows = tx.execute(
        "SELECT c.address, c.name, coalesce(p.name, ''), c.state = ? FROM contacts c"
        " LEFT JOIN profiles p ON p.address = c.address"
        " WHERE c.state NOT IN (?, ?) AND NOT EXISTS"
        " (SELECT 1 FROM links WHERE links.address = c.address)"
        " ORDER BY c.added_at, c.address",
        (ContactState.GROUP, ContactState.REMOVED, ContactState.MEMBER),
    )
    found = (
        NameHit(format_address(address), name or profile, bool(group))
        for address, name, profile, group in rows
        if is_found((name, profile), query)
    )
    return list(islice(found, limit))


def scrub(tx: Transaction) -> None:
    """Rewrite the index without the words of what was deleted, if anything was since the last time.

    Until then they stand in old pieces of it.
    """
    if tx.execute("DELETE FROM settings WHERE key = 'search-deleted'").rowcount:
        tx.execute("INSERT INTO search (search) VALUES ('optimize')")


def _match(wanted: Wanted) -> str:
    """Return a query of FTS5 in which nothing that was typed is syntax but quotes and a last *."""
    if len(wanted.query) > MAX_QUERY_CHARS:
        raise LocalProtocolError(f"a search has at most {MAX_QUERY_CHARS} characters")
    terms: list[str] = []
    typed = wanted.query.replace("\0", " ")  # where SQLite would end the whole query
    for phrase, word in _PIECES.findall(typed):
        piece = phrase or word
        if not _HAS_WORD.search(piece):
            continue
        bare = piece.rstrip("*") if word else piece
        quoted = '"' + bare.replace('"', "") + '"'
        terms.append(quoted + ("*" if word.endswith("*") else ""))
    if not terms:
        raise LocalProtocolError("there is no word to look for: write one")
    if len(terms) > MAX_WORDS:
        raise LocalProtocolError(f"a search has at most {MAX_WORDS} words")
    match = f"text : ({' AND '.join(terms)})"
    if wanted.contact is not None:
        match += f' AND place : "c{wanted.contact.hex()}"'
    return match


def _ranges(tx: Transaction, wanted: Wanted) -> list[tuple[int, int]]:
    """Return the numbers of messages between which to look: those of here, then imported ones.

    In each of the two, times rise with the numbers.
    """
    highest = _NONE if wanted.before is None else wanted.before - 1
    found = []
    for least, most, where in ((1, highest, "seq > 0"), (FIRST, min(highest, -1), "seq < 0")):
        lowest = least if wanted.since is None else _first_at(tx, wanted.since, where)
        end = _NONE if wanted.until is None else _first_at(tx, wanted.until, where)
        if lowest <= min(most, end - 1):
            found.append((lowest, min(most, end - 1)))
    return found


def _first_at(tx: Transaction, at: float, where: str) -> int:
    row = tx.execute(
        f"SELECT seq FROM messages WHERE stored_at >= ? AND {where} ORDER BY stored_at LIMIT 1",
        (at,),
    ).fetchone()
    return _NONE if row is None else int(row[0])
