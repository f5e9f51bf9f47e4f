"""Contents that become lines of the history: texts, and every kind that is not known here."""

from __future__ import annotations

from zentalk.node.messages import ordering
from zentalk.node.messages.effects import ReceivedSignal
from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import TYPING


def keep(tx: Transaction, incoming: Incoming, now: float) -> KindResult:
    """Put a message where its sender's order wants it."""
    sender, content = incoming.sender, incoming.content
    accepted = sender.is_accepted
    entered = ordering.receive(tx, sender.address, content, incoming.raw, now, confirmed=accepted)
    is_held = content.message_id not in entered
    # Who has sent what was being written is not writing any more.
    written = ReceivedSignal(sender.address, TYPING, on=False)
    return KindResult(content.message_id, held=is_held, entered=tuple(entered), signal=written)
