"""What is confirmed, and what a repetition may bring about (K50).

A relay can push an envelope again as often as it likes, so a repetition never encrypts: each new
ciphertext uses up a number of a ratchet, and a reader that misses more than 1,000 of them can read
nothing any more. A confirmation is kept as it was encrypted and goes again, seldom; whatever that
does not answer is collected, and confirmed anew at most every two hours. Spec:
docs/spec/end-to-end.md section 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.ids import DAY_SECONDS, MESSAGE_ID_BYTES, MessageId, UserAddress
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import BestEffortInner
from zentalk.store.history import confirmations, contacts
from zentalk.store.history.confirmations import ENVELOPE_HASH_BYTES, Unconfirmed
from zentalk.store.history.models import KeptConfirmation, SeenCiphertext
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import CONFIRMATION, MAX_CONFIRMATIONS, Content

KEPT_SECONDS: Final = 2 * DAY_SECONDS
"""How long the ciphertext of a confirmation is kept."""
REPEAT_SECONDS: Final = 60.0
"""One kept confirmation goes again to a contact in this time, beside those that are saved up."""
REPEATS_SAVED: Final = 16
"""Kept confirmations that may go again at once after a quiet time: a relay that dies may lose
several."""
COLLECT_SECONDS: Final = 7_200.0
"""One new confirmation is made for a contact in this time of what repetitions have collected."""

_OVERHEAD_BYTES: Final = 300
_ID_BYTES: Final = MESSAGE_ID_BYTES + 2


def envelope_hash(envelope: bytes) -> bytes:
    """Return by what an envelope is known that comes again."""
    return blake2b_256(Label.ENVELOPE_SEEN, envelope)[:ENVELOPE_HASH_BYTES]


def confirm(
    tx: Transaction,
    composer: Composer,
    contact: UserAddress,
    wanted: Sequence[Unconfirmed],
    now: float,
) -> list[BestEffortInner]:
    """Confirm messages; what is collected for their sender goes along where there is room.

    What may not be encrypted now is collected as well.
    """
    room = -len(wanted) % _most_at_once(tx, composer, contact)
    fresh = {one.digest for one in wanted}
    along = [one for one in confirmations.owed(tx, contact, room) if one.digest not in fresh]
    return _make(tx, composer, contact, [*wanted, *along], now)


def confirm_ids(
    tx: Transaction,
    composer: Composer,
    contact: UserAddress,
    ids: Sequence[MessageId],
    now: float,
) -> list[BestEffortInner]:
    """Confirm messages that came before their sender was accepted."""
    known = confirmations.digests(tx, contact) if ids else {}
    wanted = [Unconfirmed(known.get(message_id), message_id) for message_id in ids]
    return _make(tx, composer, contact, wanted, now)


def repeated(
    tx: Transaction, composer: Composer, seen: SeenCiphertext, envelope: bytes, now: float
) -> BestEffortInner | None:
    """Return what goes out, if anything does, as a contact's message has come again.

    For one that is held that is nothing: it is confirmed once it is shown.
    """
    is_new = confirmations.add_envelope(tx, seen.digest, seen.envelopes, envelope)
    if seen.held:
        return None
    kept = confirmations.get(tx, seen.confirmation)
    if kept is not None and kept.acknowledged and not is_new:
        return None
    if kept is None or not _may_repeat(tx, composer, seen.contact, kept, now):
        confirmations.owe(tx, [seen.digest])
        return None
    return _repeat(tx, seen.contact, kept, now)


def collected(
    tx: Transaction, composer: Composer, contact: UserAddress, now: float
) -> list[BestEffortInner]:
    """Confirm what is collected for a contact: by what is kept, or anew if that is not all."""
    row, sender = contacts.get(tx, contact), composer.sender(tx, contact)
    if row is None or sender is None or not row.is_answered:
        confirmations.owe_nothing(tx, contact)
        return []
    kept = confirmations.first_owed(tx, contact, sender.ratchet_id, now - KEPT_SECONDS)
    when = confirmations.times(tx, contact)
    is_all = kept is not None and not confirmations.owes_more(tx, contact, kept.number)
    if not is_all and not _is_within(COLLECT_SECONDS, when.collected_at, now):
        wanted = confirmations.owed(tx, contact, _most_at_once(tx, composer, contact))
        made = _make(tx, composer, contact, wanted, now)
        if made:
            confirmations.put_times(tx, contact, when._replace(collected_at=now))
        return made
    if kept is None or _is_spent(when.repeated_until, now):
        return []
    return [_repeat(tx, contact, kept, now)]


def _repeat(
    tx: Transaction, contact: UserAddress, kept: KeptConfirmation, now: float
) -> BestEffortInner:
    when = confirmations.times(tx, contact)
    until = when.repeated_until
    if until is None or not now < until <= now + REPEATS_SAVED * REPEAT_SECONDS:
        until = now
    confirmations.put_times(tx, contact, when._replace(repeated_until=until + REPEAT_SECONDS))
    confirmations.gone_again(tx, contact, kept.number)
    return BestEffortInner(
        contact, kept.ciphertext or b"", kept.item_key, kept.number, elsewhere=True
    )


def _make(
    tx: Transaction,
    composer: Composer,
    contact: UserAddress,
    wanted: Sequence[Unconfirmed],
    now: float,
) -> list[BestEffortInner]:
    """Encrypt confirmations and keep them; what may not be encrypted now is collected."""
    made: list[BestEffortInner] = []
    step = _most_at_once(tx, composer, contact)
    for start in range(0, len(wanted), step):
        some = wanted[start : start + step]
        content = Content(
            kind=CONFIRMATION,
            message_id=composer.new_message_id(),
            confirmed=tuple(dict.fromkeys(one.message_id for one in some)),
        )
        fresh = composer.encrypt_unstored(tx, contact, content)
        if fresh is None:
            confirmations.owe(tx, [one.digest for one in wanted[start:]])
            break
        inner, ratchet_id, item_key, extra = fresh
        number = confirmations.keep(tx, contact, ratchet_id, item_key, inner, now)
        confirmations.confirmed_by(tx, some, number)
        made.append(BestEffortInner(contact, inner, item_key, number))
        made += [BestEffortInner(contact, other) for other in extra]
    return made


def _most_at_once(tx: Transaction, composer: Composer, contact: UserAddress) -> int:
    """Return how many messages one confirmation to a contact has room for."""
    sender = composer.sender(tx, contact)
    room = 0 if sender is None else sender.small_capacity() - _OVERHEAD_BYTES
    return max(1, min(MAX_CONFIRMATIONS, room // _ID_BYTES))


def _may_repeat(
    tx: Transaction, composer: Composer, contact: UserAddress, kept: KeptConfirmation, now: float
) -> bool:
    """Tell whether a confirmation may go again now, and its reader still expects it."""
    if kept.ciphertext is None or not now - kept.made_at < KEPT_SECONDS:
        return False
    if _is_spent(confirmations.times(tx, contact).repeated_until, now):
        return False
    sender = composer.sender(tx, contact)
    return sender is not None and sender.ratchet_id == kept.ratchet_id


def _is_spent(until: float | None, now: float) -> bool:
    """Tell whether no repetition is saved up; a clock set back counts as a quiet time.

    Each takes REPEAT_SECONDS (the generic cell rate algorithm, ITU-T I.371).
    """
    room = now + (REPEATS_SAVED - 1) * REPEAT_SECONDS
    return until is not None and room < until <= room + REPEAT_SECONDS


def _is_within(seconds: float, last: float | None, now: float) -> bool:
    """Tell whether something was done so short a time ago; a clock set back counts as long ago."""
    return last is not None and last <= now < last + seconds
