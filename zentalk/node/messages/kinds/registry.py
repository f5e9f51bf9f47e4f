"""Which function stands for which kind of content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from zentalk.node.messages import ordering, requests
from zentalk.node.messages.kinds import introductions, parts, receipts, stored
from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import CONFIRMATION, NONE, PART, ROUTE
from zentalk.wire.introduction import INTRODUCTION


def _ignore(_tx: Transaction, _incoming: Incoming, _now: float) -> KindResult:
    """Do nothing: such a content moved a ratchet, and nobody waits for it to be confirmed."""
    return KindResult()


def _acknowledge(_tx: Transaction, incoming: Incoming, _now: float) -> KindResult:
    """Do nothing more: its route was read as that of every content is."""
    return KindResult(incoming.content.message_id)


KINDS: Final[dict[str, Callable[[Transaction, Incoming, float], KindResult]]] = {
    CONFIRMATION: receipts.confirm,
    NONE: _ignore,
    ROUTE: _acknowledge,
    INTRODUCTION: introductions.learn,
}
"""Kinds that do not simply become a line of the history."""


def apply(tx: Transaction, incoming: Incoming, now: float) -> KindResult:
    """Do what a content says.

    Raises RemoteProtocolError if it must not be done; the caller undoes what was done before.
    """
    sender, content = incoming.sender, incoming.content
    if not sender.is_accepted and content.kind not in KINDS:
        requests.check_room(tx, sender.address, len(incoming.raw))
    if content.kind == PART and content.part is not None:
        if ordering.is_here(tx, sender.address, content.message_id):
            # Its others may never come: it would stay unfinished.
            return KindResult(content.message_id)
        joined = parts.join(tx, incoming, content.part, now)
        if joined is None:
            return KindResult()
        incoming = joined
    return KINDS.get(incoming.content.kind, stored.keep)(tx, incoming, now)
