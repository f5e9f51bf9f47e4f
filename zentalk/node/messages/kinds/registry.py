"""Which function stands for which kind of content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from zentalk.chat.kinds import KindRole, role_of
from zentalk.node.messages import requests
from zentalk.node.messages.kinds import (
    introductions,
    marked,
    parts,
    receipts,
    resumed,
    settings,
    signalled,
    stored,
    synced,
)
from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.store.history import held, messages
from zentalk.store.sqlite import Transaction
from zentalk.wire import chat
from zentalk.wire.content import CONFIRMATION, NONE, PART, ROUTE
from zentalk.wire.gaps import GAPS
from zentalk.wire.introduction import INTRODUCTION
from zentalk.wire.sync import SYNC


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
    chat.EDIT: marked.mark,
    chat.DELETE: marked.mark,
    chat.REACTION: marked.mark,
    chat.PIN: marked.mark,
    chat.VOTE: marked.mark,
    chat.TIMER: settings.timer,
    chat.PROFILE: settings.profile,
    chat.READ: receipts.read,
    chat.TYPING: signalled.signal,
    chat.PRESENCE: signalled.signal,
    chat.DIRECT: settings.consent,
    chat.DIRECT_OFFER: signalled.offer,
    INTRODUCTION: introductions.learn,
    SYNC: synced.keep,
    GAPS: resumed.gaps,
}
"""Kinds that do not simply become a line of the history."""


_TAKES_ROOM: Final = (KindRole.LINE, KindRole.MARK, KindRole.GROUP, KindRole.TRANSPORT)


def whole(tx: Transaction, incoming: Incoming, now: float) -> Incoming | KindResult:
    """Return a content once all its parts are here, and before what is to be said of a part.

    Raises RemoteProtocolError if there is no room for it.
    """
    sender, content = incoming.sender, incoming.content
    synced.check_sender(sender, content.kind)
    if not sender.is_answered and role_of(content.kind) in _TAKES_ROOM:
        requests.check_room(tx, sender.address, len(incoming.raw))
    if content.kind != PART or content.part is None:
        return incoming
    is_held = held.exists(tx, sender.address, content.message_id)
    if is_held or messages.exists(tx, sender.address, content.message_id):
        # Its others may never come: it would stay unfinished.
        return KindResult(content.message_id, held=is_held)
    joined = parts.join(tx, incoming, content.part, now)
    if joined is None:
        return KindResult()
    synced.check_sender(sender, joined.content.kind)
    return joined


def apply(tx: Transaction, incoming: Incoming, now: float) -> KindResult:
    """Do what a whole content says.

    Raises RemoteProtocolError if it must not be done; the caller undoes what was done before.
    """
    return KINDS.get(incoming.content.kind, stored.keep)(tx, incoming, now)
