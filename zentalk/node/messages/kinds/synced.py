"""What another node of the owner says: kept until its task has done it (`zentalk.node.linked`)."""

from __future__ import annotations

from typing import Final

from zentalk.errors import RemoteProtocolError
from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.store.history import links
from zentalk.store.history.models import ContactRow
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import CONFIRMATION, NONE, PART, ROUTE
from zentalk.wire.sync import SYNC, decode_sync

MAX_INBOX: Final = 512
"""What may have come and not be done: more than the first ever has under way."""
_BETWEEN_LINKED: Final = frozenset({SYNC, CONFIRMATION, NONE, PART, ROUTE})


def check_sender(sender: ContactRow, kind: str) -> None:
    """Refuse what must not come from this sender.

    Raises RemoteProtocolError if a person speaks as a node of the owner, or the other way round.
    """
    if sender.is_link and kind not in _BETWEEN_LINKED:
        raise RemoteProtocolError("a linked node sends what only people send")
    if not sender.is_link and kind == SYNC:
        raise RemoteProtocolError("this sender is no node of the owner")


def keep(tx: Transaction, incoming: Incoming, _now: float) -> KindResult:
    """Keep what a linked node says; raises RemoteProtocolError if it is malformed or too much."""
    decode_sync(incoming.content.raw_body)
    if links.inbox_count(tx) >= MAX_INBOX:
        raise RemoteProtocolError("a linked node has sent more than can wait")
    links.put_inbox(tx, incoming.raw)
    return KindResult(incoming.content.message_id)
