"""Files as messages name them: found by their CID, and let go with the last message that does.

How a file is opened stands in the content of its message and nowhere else, until it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator

from zentalk.errors import DecodeError
from zentalk.ids import UserAddress
from zentalk.store.history import files
from zentalk.store.history.files import FileState
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import FILE, FileCard, MessageTarget
from zentalk.wire.content import decode_content


def find(tx: Transaction, cid: bytes) -> FileCard | None:
    """Return what a message says of a file, the newest that names it."""
    return next((card for _, card in _named(tx) if card.cid == cid), None)


def let_go(tx: Transaction, contact: UserAddress, target: MessageTarget) -> None:
    """Let a file go whose last message is being deleted; call it before the message is."""
    named = list(_named(tx))
    place = (contact, *target)
    card = next((one for where, one in named if where == place), None)
    if card is None or any(one.cid == card.cid for where, one in named if where != place):
        return
    file = files.by_cid(tx, card.cid)
    if file is not None and file.state is FileState.KEPT:
        files.set_state(tx, file.id, FileState.DELETING)
    elif file is not None and file.state is FileState.RECEIVED:
        files.forget(tx, file.id)


def _named(tx: Transaction) -> Iterator[tuple[tuple[bytes, bytes, bytes], FileCard]]:
    rows = tx.execute(
        "SELECT contact, author, id, content FROM messages"
        f" WHERE kind = '{FILE}' AND content IS NOT NULL ORDER BY seq DESC"
    )
    for contact, author, message_id, content in rows.fetchall():
        try:
            body = decode_content(content).body
        except DecodeError:
            continue
        if isinstance(body, FileCard):
            yield (contact, author, message_id), body
