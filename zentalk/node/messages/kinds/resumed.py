"""Where a contact collects, and what it says to be missing after a promotion."""

from __future__ import annotations

from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.node.messages.linked import resuming
from zentalk.store.sqlite import Transaction


def gaps(tx: Transaction, incoming: Incoming, now: float) -> KindResult:
    """Show what a contact says to be missing; raises RemoteProtocolError if it is malformed."""
    if not incoming.sender.is_accepted:
        return KindResult(incoming.content.message_id)
    entered = resuming.learn(tx, incoming.sender, incoming.content, now)
    return KindResult(incoming.content.message_id, entered=tuple(entered))
