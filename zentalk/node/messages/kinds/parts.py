"""Long messages: parts are kept until all of them are here, and are then one content."""

from __future__ import annotations

from typing import Final

from zentalk.errors import RemoteProtocolError
from zentalk.ids import MessageId, UserAddress
from zentalk.node.messages.kinds.incoming import Incoming
from zentalk.store.history import parts
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import MAX_CONTENT_BYTES, PART, Part, decode_content

MAX_UNFINISHED: Final = 256
"""Long messages of one contact whose parts may wait for their others; each is bounded in size."""


def join(tx: Transaction, incoming: Incoming, part: Part, now: float) -> Incoming | None:
    """Keep a part; return the whole message once it was the last, and None before.

    Raises RemoteProtocolError if there are too many, or the whole is not what its parts say.
    """
    sender, message_id = incoming.sender, incoming.content.message_id
    whole = _add(tx, sender.address, message_id, part, now)
    if whole is None:
        return None
    joined = decode_content(whole)
    if joined.kind == PART or joined.message_id != message_id:
        raise RemoteProtocolError("a message in parts is not what its parts say")
    return Incoming(sender, joined, whole, incoming.was_under_way)


def _add(
    tx: Transaction, contact: UserAddress, message_id: MessageId, part: Part, now: float
) -> bytes | None:
    """Keep a part; return the whole once it was the last. Every limit lets messages finish."""
    others, others_bytes = parts.other_parts(tx, contact, message_id, part.index)
    if not others and parts.unfinished(tx, contact) >= MAX_UNFINISHED:
        raise RemoteProtocolError("a contact has left too many messages unfinished")
    if others_bytes + len(part.data) > MAX_CONTENT_BYTES:
        raise RemoteProtocolError("the parts of a message are longer than a message")
    return parts.add_part(
        tx,
        contact=contact,
        message_id=message_id,
        part=part.index,
        parts=part.count,
        data=part.data,
        now=now,
    )
