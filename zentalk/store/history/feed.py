"""The history as a feed of changed rows, which a linked node follows from a number on.

Triggers note for every row of the owner's history which change was its last; they are there only
while the node has a replica. A page has the rows as they are when it is read, so what changed ten
times goes out once, and a follower that has read all numbers has the same rows. What belongs to
one node alone (keys, mailboxes, ciphertexts) is in no feed.

The rows that are there when a feed begins are noted by and by: a million at once would keep all
other writers waiting for seconds. Numbers for them are set aside below those of all changes, so a
number says what it would if every row had been noted in the transaction that began the feed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from zentalk.errors import RemoteProtocolError
from zentalk.store.history import links, settings
from zentalk.store.history.links import LinkRole
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.sqlite import Transaction
from zentalk.wire.sync import FEED_BYTES, MAX_ROWS, PAGE_BYTES, Cell, RowChange, encode_row

SCHEMA: Final = len(MIGRATIONS)
"""What tables and columns this version knows."""
CURSOR: Final = "sync-cursor"
"""At a replica: the feed it follows 16 || the last number that it has 8."""
WALK: Final = "sync-walk"
"""At the first, until all rows that were there are noted: the number of the last one 8, and its
table and key with a space between."""
STEP_ROWS: Final = 200
"""How many rows are noted, or forgotten, in one transaction: a few milliseconds."""


class _Place(NamedTuple):
    """A table in the feed: its key, the column that names a person, and other than all columns."""

    key: tuple[str, ...]
    person: str = ""
    columns: str = "*"
    updates: bool = True
    only: str = ""


SYNCED_SETTINGS: Final = (
    "recovery",
    "term",
    "privacy",
    "mark-number",
    "profile-message",
    "route-version",
)
SYNCED: Final = {
    "contacts": _Place(("address",), "address"),
    "messages": _Place(("seq",), "contact"),
    "marks": _Place(("contact", "target_author", "target_id", "kind", "place"), "contact"),
    "chats": _Place(("contact",), "contact"),
    "profiles": _Place(("address",), "address"),
    "invites": _Place(("id",)),
    "introductions": _Place(("address", "introducer")),
    # What waits for its recipients goes along as it was written: its ciphertexts are of ratchets
    # that only this node has.
    "outbox": _Place(
        ("item",),
        "contact",
        "item, message_id, contact, content, item_key, created_at, expires_at",
        updates=False,
    ),
    "groups": _Place(("id",)),
    "group_entries": _Place(("place",)),
    "group_members": _Place(("grp", "member")),
    "group_deliveries": _Place(("message_id", "member")),
    "group_held": _Place(("place",)),
    "group_sends": _Place(("send",)),
    "group_pending": _Place(("send", "member")),
    "settings": _Place(("key",), only=f"key IN {SYNCED_SETTINGS}"),
    "events": _Place(("seq",)),
}
"""What a replica has too, in the order in which it gets it at first."""
LOCAL: Final = frozenset(
    {
        "held",
        "files",
        "file_former_cids",
        "file_leftovers",
        "file_parts",
        "file_silence",
        "idempotency",
        "ratchets",
        "prekeys",
        "own_mailboxes",
        "own_send_ids",
        "seen",
        "parts",
        "published",
        "renewals",
        "confirmations",
        "confirmation_times",
        "devices_seen",
        "webhooks",
        "webhook_letters",
        "links",
        "sync_changes",
        "sync_inbox",
        "pending",
        "to_renew",
        "unsynced",
        "answered_terms",
        "push",
        "group_prekeys",
        "group_joins",
        "last_lines",
        "direct",
    }
)
"""What each node has for itself. A new table is named here or above."""


class _Walk(NamedTuple):
    """How far the rows are noted that were there when a feed began."""

    number: int
    place: str
    key: str

    def encode(self) -> bytes:
        return self.number.to_bytes(8, "big") + f"{self.place} {self.key}".encode()

    @classmethod
    def decode(cls, saved: bytes) -> _Walk:
        return cls(int.from_bytes(saved[:8], "big"), *saved[8:].decode().split(" "))


class FeedPage(NamedTuple):
    """Encoded rows that have changed after one number, up to another; none if they are equal."""

    after: int
    upto: int
    rows: bytes

    def __repr__(self) -> str:
        return f"<feed page {self.after}-{self.upto}>"


def arm(tx: Transaction) -> None:
    """Note changes from here on, if that is not done already."""
    for name, place in SYNCED.items():
        for event in ("INSERT", "UPDATE", "DELETE")[:: 1 if place.updates else 2]:
            row = "old" if event == "DELETE" else "new"
            tx.execute(
                f"CREATE TRIGGER IF NOT EXISTS sync_{name}_{event} AFTER {event} ON {name}"
                f" WHEN {_condition(place, row)} BEGIN"
                f" DELETE FROM sync_changes WHERE place = '{name}' AND key = {_key(place, row)};"
                f" INSERT INTO sync_changes (place, key) VALUES ('{name}', {_key(place, row)});"
                " END"
            )


def begin(tx: Transaction) -> None:
    """Note changes from here on, and let `step` note every row that there is."""
    arm(tx)
    settings.put(tx, WALK, _Walk(head(tx), next(iter(SYNCED)), "").encode())
    _leave_free(tx, "sync_changes", sum(_count(tx, name) for name in SYNCED))
    # The last number is that of a row, however many of those set aside are not needed: what waits
    # for it (`head`) must not wait for the next change.
    tx.execute("REPLACE INTO sync_changes (place, key) VALUES ('settings', hex('term'))")


def end(tx: Transaction) -> None:
    """Note changes no longer, and let `step` forget those noted; numbers are not used again."""
    for name in SYNCED:
        for event in ("INSERT", "UPDATE", "DELETE"):
            tx.execute(f"DROP TRIGGER IF EXISTS sync_{name}_{event}")
    tx.execute("DELETE FROM settings WHERE key = ?", (WALK,))


def has_steps(tx: Transaction) -> bool:
    """Tell whether a feed that began, or ended, has left something to `step`."""
    if links.linked(tx, LinkRole.REPLICA) is not None:
        return settings.get(tx, WALK) is not None
    return tx.execute("SELECT 1 FROM sync_changes LIMIT 1").fetchone() is not None


def step(tx: Transaction, rows: int = STEP_ROWS) -> None:
    """Do a little of what a feed that began, or ended, has left to do."""
    saved = settings.get(tx, WALK)
    if saved is not None:
        walk = _walk_on(tx, _Walk.decode(saved), rows)
        if walk is None:
            tx.execute("DELETE FROM settings WHERE key = ?", (WALK,))
        else:
            settings.put(tx, WALK, walk.encode())
    elif links.linked(tx, LinkRole.REPLICA) is None:
        tx.execute(
            "DELETE FROM sync_changes WHERE number IN"
            " (SELECT number FROM sync_changes ORDER BY number LIMIT ?)",
            (rows,),
        )


def _walk_on(tx: Transaction, walk: _Walk, rows: int) -> _Walk | None:
    """Note some rows that are not noted yet; return how far that is, None if it was all."""
    names = list(SYNCED)
    for name in names[names.index(walk.place) :]:
        place, key = SYNCED[name], walk.key if name == walk.place else ""
        columns = ", ".join(place.key)
        after = f"({columns}) > ({', '.join('?' * len(place.key))})" if key else "TRUE"
        keys = tx.execute(
            f"SELECT {_key(place, name)} FROM {name} WHERE {after} AND {_condition(place, name)}"
            f" ORDER BY {columns} LIMIT ?",
            (*(_key_cells(place, key) if key else ()), rows),
        ).fetchall()
        for (key,) in keys:
            # A row that has changed since the feed began has its place behind those set aside.
            noted = tx.execute(
                "INSERT INTO sync_changes (number, place, key) VALUES (?, ?, ?)"
                " ON CONFLICT (place, key) DO NOTHING",
                (walk.number + 1, name, key),
            )
            walk = _Walk(walk.number + noted.rowcount, name, key)
        rows -= len(keys)
        if rows <= 0:
            return walk
    return None


def head(tx: Transaction) -> int:
    """Return the number of the last change."""
    row = tx.execute("SELECT seq FROM sqlite_sequence WHERE name = 'sync_changes'").fetchone()
    return 0 if row is None else int(row[0])


def noted(tx: Transaction) -> int:
    """Return the number up to which pages may be read: what comes below it is all noted."""
    saved = settings.get(tx, WALK)
    return head(tx) if saved is None else _Walk.decode(saved).number


def page(tx: Transaction, after: int, size_bytes: int = PAGE_BYTES) -> FeedPage:
    """Return what has changed after a number, until the page has so many bytes."""
    rows: list[bytes] = []
    length, upto = 0, after
    changes = tx.execute(
        "SELECT number, place, key FROM sync_changes WHERE number > ? AND number <= ?"
        " ORDER BY number LIMIT ?",
        (after, noted(tx), MAX_ROWS),
    )
    for number, place, key in changes:
        row = encode_row(RowChange(place, key, _cells(tx, place, key)))
        if rows and length + len(row) > size_bytes:
            break
        rows.append(row)
        length, upto = length + len(row), number
    return FeedPage(after, upto, b"".join(rows))


def apply(tx: Transaction, rows: Iterable[RowChange]) -> None:
    """Make rows what they are at the other node.

    Raises RemoteProtocolError for a table that is in no feed, or columns that are unknown here.
    """
    known: dict[str, frozenset[str]] = {}
    for change in rows:
        place = SYNCED.get(change.place)
        if place is None:
            raise RemoteProtocolError("a page changes a table that is not in the feed")
        if change.cells is None:
            where = " AND ".join(f"{column} = ?" for column in place.key)
            tx.execute(f"DELETE FROM {change.place} WHERE {where}", _key_cells(place, change.key))
            continue
        columns = known.setdefault(change.place, _columns(tx, change.place))
        if not set(place.key) <= change.cells.keys() <= columns:
            raise RemoteProtocolError("a page has columns that are unknown here")
        _put(tx, change.place, place, dict(change.cells))


def reset(tx: Transaction, rows: int = STEP_ROWS) -> bool:
    """Forget some rows of the feed that was followed so far; False if none was left."""
    for name, place in SYNCED.items():
        columns = ", ".join(place.key)
        gone = tx.execute(
            f"DELETE FROM {name} WHERE ({columns}) IN (SELECT {columns} FROM {name}"
            f" WHERE {place.only or 'TRUE'} ORDER BY {columns} LIMIT ?)",
            (rows,),
        )
        if gone.rowcount:
            return True
    return False


def cursor(tx: Transaction) -> tuple[bytes, int]:
    """Return which feed is followed here, and the last number; an empty feed if none is."""
    saved = settings.get(tx, CURSOR) or b""
    return saved[:FEED_BYTES], int.from_bytes(saved[FEED_BYTES:], "big")


def set_cursor(tx: Transaction, feed: bytes, number: int) -> None:
    """Note up to which number a feed is here."""
    settings.put(tx, CURSOR, feed + number.to_bytes(8, "big"))


def stop_following(tx: Transaction) -> None:
    """Forget which feed was followed."""
    tx.execute("DELETE FROM settings WHERE key = ?", (CURSOR,))


def leave_room(tx: Transaction, places: int) -> None:
    """Leave numbers of rows free, as another node may have used them."""
    for name in ("messages", "events", "outbox", "group_entries", "group_held", "group_sends"):
        _leave_free(tx, name, places)


def _leave_free(tx: Transaction, name: str, places: int) -> None:
    row = tx.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (name,)).fetchone()
    tx.execute("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
    last = 0 if row is None else int(row[0])
    tx.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (name, last + places))


def _count(tx: Transaction, name: str) -> int:
    return int(tx.execute(f"SELECT count(*) FROM {name}").fetchone()[0])


def _put(tx: Transaction, name: str, place: _Place, cells: dict[str, Cell]) -> None:
    others = [column for column in cells if column not in place.key]
    tx.execute(
        f"INSERT INTO {name} ({', '.join(cells)}) VALUES ({', '.join('?' * len(cells))})"
        f" ON CONFLICT ({', '.join(place.key)}) DO UPDATE SET"
        f" {', '.join(f'{column} = excluded.{column}' for column in others)}",
        tuple(cells.values()),
    )


def _cells(tx: Transaction, name: str, key: str) -> dict[str, Cell] | None:
    place = SYNCED[name]
    where = " AND ".join(f"{column} = ?" for column in place.key)
    found = tx.execute(f"SELECT {place.columns} FROM {name} WHERE {where}", _key_cells(place, key))
    row = found.fetchone()
    if row is None:
        return None
    return dict(zip((column[0] for column in found.description), row, strict=True))


def _columns(tx: Transaction, name: str) -> frozenset[str]:
    return frozenset(row[1] for row in tx.execute(f"PRAGMA table_info({name})"))


def _key(place: _Place, row: str) -> str:
    """Return an expression that names a row in its table by one text."""
    return " || '.' || ".join(f"hex({row}.{column})" for column in place.key)


_TEXT_KEYS: Final = frozenset({"kind", "key"})
_NUMBER_KEYS: Final = frozenset({"seq", "item", "send"})


def _key_cells(place: _Place, key: str) -> tuple[Cell, ...]:
    """Return the values that such a text stands for; raises RemoteProtocolError."""
    try:
        raw = [bytes.fromhex(part) for part in key.split(".")]
        return tuple(_key_cell(place, *pair) for pair in zip(place.key, raw, strict=True))
    except ValueError:
        raise RemoteProtocolError("a page names a row that no table can have") from None


def _key_cell(place: _Place, column: str, raw: bytes) -> Cell:
    if column in _NUMBER_KEYS or place.key == ("place",):
        return int(raw)
    return raw.decode("utf-8") if column in _TEXT_KEYS else raw


def _condition(place: _Place, row: str) -> str:
    """Return which rows are in the feed: what concerns the link itself is not."""
    parts = []
    if place.person:
        person = f"{row}.{place.person}"
        parts.append(f"NOT EXISTS (SELECT 1 FROM links WHERE links.address = {person})")
    if place.only:
        parts.append(f"{row}.{place.only}")
    return " AND ".join(parts) or "TRUE"
