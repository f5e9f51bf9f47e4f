"""Introductions by contacts; what a stranger says of others is kept as a kind that is not known."""

from __future__ import annotations

from zentalk.node.messages import requests
from zentalk.node.messages.first_contact import introducing
from zentalk.node.messages.kinds import stored
from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.store.sqlite import Transaction
from zentalk.wire.introduction import read_introduction


def learn(tx: Transaction, incoming: Incoming, now: float) -> KindResult:
    """Take an introduction in; raises RemoteProtocolError if it is malformed."""
    sender, content = incoming.sender, incoming.content
    if not sender.is_accepted:
        requests.check_room(tx, sender.address, len(incoming.raw))
        return stored.keep(tx, incoming, now)
    introduction = read_introduction(content.raw_body)
    introduced = introducing.learn(tx, sender.address, introduction, now)
    return KindResult(content.message_id, introduced=introduced)
