"""Marks of others: edits, deletions, reactions, pins and votes."""

from __future__ import annotations

from zentalk.chat.marks import Signed
from zentalk.node.messages.conversation import marking
from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import Deletion, Edit, Pin, Reaction, Vote


def mark(tx: Transaction, incoming: Incoming, now: float) -> KindResult:
    """Let a mark count that its author has sent; raises RemoteProtocolError if there is no room."""
    sender, body = incoming.sender, incoming.content.body
    assert isinstance(body, Edit | Deletion | Reaction | Pin | Vote)
    signed = Signed(sender.address, body)
    marking.apply(tx, sender.address, signed, now, waits=sender.is_accepted)
    return KindResult(incoming.content.message_id)
