"""One local order per conversation: messages enter the history as their sender wrote them.

Packets take different ways and overtake each other. A message whose predecessors are
missing is saved at once, but enters the history only when they have come, or after half
a minute without them; the gap is then shown, not hidden. Whatever lets messages in returns
their ids, for only then may they be confirmed. Spec: docs/spec/end-to-end.md section 7.
"""

from __future__ import annotations

from typing import Final

from zentalk.chat.kinds import KINDS, KindRole
from zentalk.chat.views import line_of
from zentalk.ids import DAY_SECONDS, MessageId, UserAddress
from zentalk.lifetimes import MAX_TTL_SECONDS
from zentalk.node.messages.conversation import marking
from zentalk.store.history import events, held, messages, unread
from zentalk.store.history.held import HeldMessage, Series
from zentalk.store.history.models import Direction, MessageState
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import PLAIN, Content, decode_content, is_all_text

HOLD_SECONDS: Final = 30.0
"""Longer than a sender needs to get over relays that restarted; usually the predecessor is
there within two seconds, by the other mailbox."""
FIRST_HOLD_SECONDS: Final = 5.0
"""In a conversation that is new here, where the sender may have written long before."""
MAX_HELD: Final = 1_000
OLDEST_SECONDS: Final = 2 * MAX_TTL_SECONDS
"""A message may wait at its sender for as long as one lives, and then at a mailbox."""
AHEAD_SECONDS: Final = DAY_SECONDS
"""How far the clocks of two people may be apart before a time is not believed."""


def receive(
    tx: Transaction,
    contact: UserAddress,
    content: Content,
    raw: bytes,
    now: float,
    *,
    confirmed: bool,
    author: UserAddress | None = None,
) -> list[MessageId]:
    """Save a received message; return which messages are in the history by that.

    `contact` is whose conversation it belongs to: its author's, or a group's.

    It is among them if it was there before: its sender asks again. `raw` is the encoded
    content: kept whole if its kind is not known here. When more wait than may, all of them
    enter: what was missing is shown as a gap, and nothing is lost.
    """
    series = Series(contact, contact if author is None else author)
    last = held.last_sequence(tx, series)
    message = HeldMessage(
        contact=contact,
        sequence=content.sequence,
        message_id=content.message_id,
        kind=content.kind,
        text=content.text or line_of(content.body) or content.fallback,
        content=None if is_all_text(content) else raw,
        sent_at=believable(content.sent_at_ms / 1000, now),
        confirmed=confirmed,
        release_at=now + (HOLD_SECONDS if last else FIRST_HOLD_SECONDS),
        author=series.author,
    )
    if content.sequence > last + 1:
        if messages.exists(tx, series.author, content.message_id, contact):
            return [content.message_id]
        held.add(tx, message)
        return _release_all(tx, series, now) if held.count(tx, series) > MAX_HELD else []
    _enter(tx, message, now, missing=0)
    held.set_last_sequence(tx, series, max(last, content.sequence))
    return [content.message_id, *_release_next(tx, series, now)]


def believable(sent_at: float, now: float) -> float:
    """Return when a message was written, in unix seconds: `now` if it cannot have been then.

    A clock that was set to 1970, or to next year, would sort and show it there for ever.
    """
    return sent_at if now - OLDEST_SECONDS <= sent_at <= now + AHEAD_SECONDS else now


def release_overdue(tx: Transaction, now: float) -> dict[Series, list[MessageId]]:
    """Let messages in whose predecessors did not come in time; return which, by their series."""
    overdue = held.overdue(tx, now, HOLD_SECONDS)
    return {series: _release_all(tx, series, now) for series in overdue}


def release_all(tx: Transaction, contact: UserAddress, now: float) -> list[MessageId]:
    """Let everything in that a person has sent and is held; return which messages that were."""
    return _release_all(tx, Series(contact, contact), now)


def _release_all(tx: Transaction, series: Series, now: float) -> list[MessageId]:
    entered: list[MessageId] = []
    while (waiting := held.first(tx, series)) is not None:
        last = held.last_sequence(tx, series)
        # Who joins a group late has missed nothing that was meant for it.
        missing = 0 if series.is_in_group and not last else waiting.sequence - last - 1
        entered.append(_take(tx, waiting, now, missing))
    return entered


def pass_over(tx: Transaction, contact: UserAddress, sequence: int, now: float) -> list[MessageId]:
    """Wait for nothing of a person up to a number, as it is lost; return what enters by that."""
    series = Series(contact, contact)
    last = held.last_sequence(tx, series)
    held.set_last_sequence(tx, series, max(last, sequence))
    return _release_next(tx, series, now)


def _release_next(tx: Transaction, series: Series, now: float) -> list[MessageId]:
    """Let held messages in as long as no predecessor is missing."""
    entered: list[MessageId] = []
    while (waiting := held.first(tx, series)) is not None:
        if waiting.sequence > held.last_sequence(tx, series) + 1:
            break
        entered.append(_take(tx, waiting, now, 0))
    return entered


def _take(tx: Transaction, waiting: HeldMessage, now: float, missing: int) -> MessageId:
    held.remove(tx, waiting)
    _enter(tx, waiting, now, missing)
    last = held.last_sequence(tx, waiting.series)
    held.set_last_sequence(tx, waiting.series, max(last, waiting.sequence))
    return waiting.message_id


def _enter(tx: Transaction, message: HeldMessage, now: float, missing: int) -> None:
    """Add a line; one of an unknown kind with nothing to show is kept, and not shown.

    A version that did not know its kind may have held it: what is shown is read once more.
    """
    known = KINDS.get(message.kind)
    whole = None if message.content is None else decode_content(message.content)
    text = message.text or ("" if whole is None else line_of(whole.body) or whole.fallback)
    hidden = not text and (known is None or known.role is not KindRole.LINE)
    about = PLAIN if whole is None else whole.about
    stored = messages.insert(
        tx,
        message_id=message.message_id,
        contact=message.contact,
        author=message.author,
        direction=Direction.IN,
        kind=message.kind,
        text=text,
        content=message.content,
        state=MessageState.RECEIVED,
        sender_sequence=message.sequence,
        sent_at=message.sent_at,
        now=now,
        confirmed=message.confirmed,
        missing=max(0, missing),
        hidden=hidden,
        timer_seconds=about.timer_seconds,
    )
    if stored is None or hidden:
        return
    stored = marking.under_its_marks(tx, message.contact, stored)
    if not stored.deleted:
        unread.add(tx, message.contact, 1)
    events.append_row(tx, "message.received", now, stored)
