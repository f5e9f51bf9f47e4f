"""Settings of a conversation or a person as a whole: timer, profile, consent to be connected."""

from __future__ import annotations

from zentalk.chat.state import newer_timer
from zentalk.ids import UserAddress
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.store.history import chats, direct, events, profiles
from zentalk.store.history.chats import TimerRow
from zentalk.store.history.direct import DirectRow
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import DirectConsent, Profile, Timer
from zentalk.wire.text import format_address


def timer(tx: Transaction, incoming: Incoming, now: float) -> KindResult:
    """Take in the timer that a contact has set; of several the highest number counts."""
    body = incoming.content.body
    assert isinstance(body, Timer)
    set_timer(tx, incoming.sender.address, incoming.sender.address, body, now)
    return KindResult(incoming.content.message_id)


def set_timer(
    tx: Transaction, contact: UserAddress, author: UserAddress, body: Timer, now: float
) -> None:
    """Let a timer count if it is the newest, and say so."""
    before = chats.timer(tx, contact)
    after = TimerRow(*newer_timer(before, (body.number, author, body.seconds)))
    if after == before:
        return
    chats.set_timer(tx, contact, after)
    data = {
        "conversation": format_address(contact),
        "by": format_address(author),
        "seconds": after.seconds,
    }
    events.append(tx, "conversation.timer", now, data)


def profile(tx: Transaction, incoming: Incoming, now: float) -> KindResult:
    """Keep how a contact wants to be shown, if it is newer than what is here.

    Of somebody who is no contact nothing is kept: what strangers call themselves is not shown.
    """
    sender, body = incoming.sender, incoming.content.body
    assert isinstance(body, Profile)
    if sender.is_accepted and profiles.put(tx, sender.address, body):
        events.append(tx, "contact.profile", now, profiles.view(sender.address, body))
    return KindResult(incoming.content.message_id)


def consent(tx: Transaction, incoming: Incoming, now: float) -> KindResult:
    """Note whether a contact allows direct connections; of several the highest number counts."""
    sender, body = incoming.sender, incoming.content.body
    assert isinstance(body, DirectConsent)
    done = KindResult(incoming.content.message_id)
    before = direct.get(tx, sender.address)
    if not sender.is_accepted or body.number <= before.their_number:
        return done
    after = before._replace(their_number=body.number, is_allowed_there=body.allowed)
    effects = note_consent(tx, sender.address, before, after, now)
    return done._replace(effects=effects, wants_consent=body.allowed)


def note_consent(
    tx: Transaction, contact: UserAddress, before: DirectRow, after: DirectRow, now: float
) -> CommitEffects:
    """Keep what is allowed now, and say so if that is another thing than before."""
    direct.put(tx, contact, after)
    if (before.allowed, before.is_allowed_there) == (after.allowed, after.is_allowed_there):
        return CommitEffects()
    data = {
        "address": format_address(contact),
        "allowed": after.allowed,
        "allowed_by_them": after.is_allowed_there,
    }
    events.append(tx, "contact.direct", now, data)
    return CommitEffects(consents=True)
