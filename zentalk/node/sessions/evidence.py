"""What speaks for and against a contact's ratchets, inside one database transaction.

Evidence comes from the contact alone: envelopes that only it can have sealed and that no
ratchet reads, and mail that it does not confirm. What relays repeat, mix up or damage is
none. Nothing here makes a ratchet. Spec: docs/spec/end-to-end.md section 8.
"""

from __future__ import annotations

from typing import Final

from zentalk.chat.kinds import RATCHET_RENEWED
from zentalk.ids import DAY_SECONDS, MessageId, UserAddress
from zentalk.node.sessions.sessions import SessionChange
from zentalk.session.renewal import (
    RENEW_AFTER_ENVELOPES,
    RENEW_INTERVAL_SECONDS,
    RenewalLimit,
)
from zentalk.store.history import contacts, events, messages, outbox, renewals
from zentalk.store.history.models import ContactRow, Direction, MessageState
from zentalk.store.history.renewals import RenewalRow
from zentalk.store.sqlite import Transaction

DOUBT_SECONDS: Final = DAY_SECONDS
"""How long mail may lie at a relay unconfirmed before its sender looks at the user record."""
FRESH_CIPHERTEXTS: Final = 2
"""So often unconfirmed mail is encrypted once more: with the first one, as many envelopes as
its reader needs to ask for a new ratchet. More would only use up keys that may be skipped."""
ONE_NOTE_SECONDS: Final = 3_600.0
"""Two sides that renew at once make two ratchets, and one line in the history."""


def limit_of(row: RenewalRow) -> RenewalLimit:
    """Return the rules of section 8 as they stand for a contact."""
    interval = row.interval_seconds or RENEW_INTERVAL_SECONDS
    return RenewalLimit(row.undecryptable, interval, row.last_renewal)


def with_limit(row: RenewalRow, limit: RenewalLimit) -> RenewalRow:
    """Return a row with the state of its rules."""
    return row._replace(
        undecryptable=limit.undecryptable,
        interval_seconds=limit.interval_seconds,
        last_renewal=limit.last_renewal,
    )


def count_unreadable(tx: Transaction, contact: UserAddress, digest: bytes) -> bool:
    """Count an unreadable envelope by its hash; True if there are enough to act on.

    Strangers do not count: an answer would tell them that we are there.
    """
    known = contacts.get(tx, contact)
    if known is None or not known.is_accepted:
        return False
    row = renewals.get(tx, contact)
    limit = limit_of(row).failed(digest)
    if limit.undecryptable != row.undecryptable:
        renewals.put(tx, contact, with_limit(row, limit))
    return len(limit.undecryptable) >= RENEW_AFTER_ENVELOPES


def clear(tx: Transaction, contact: UserAddress) -> None:
    """An envelope has decrypted in the ratchet we send with: what failed was of an older one."""
    renewals.clear(tx, contact)


def session_changed(
    tx: Transaction, sender: ContactRow, change: SessionChange, note_id: MessageId, now: float
) -> bool:
    """Begin anew with a contact whose ratchet is new; True if the history shows it.

    Either side may have lost what it knew: both tell their routes again.
    """
    contacts.forget_versions(tx, sender.address)
    if (
        not sender.is_accepted
        or sender.is_link
        or not _is_worth_a_line(tx, sender.address, change, now)
    ):
        return False
    line = messages.insert(
        tx,
        message_id=note_id,
        contact=sender.address,
        direction=Direction.OUT if change.is_own else Direction.IN,
        kind=RATCHET_RENEWED,
        text="",
        state=MessageState.DELIVERED if change.is_own else MessageState.RECEIVED,
        sender_sequence=0,
        sent_at=now,
        now=now,
        confirmed=True,
    )
    if line is not None:
        events.append_row(tx, "ratchet.renewed", now, line)
    return line is not None


def _is_worth_a_line(
    tx: Transaction, contact: UserAddress, change: SessionChange, now: float
) -> bool:
    """Tell a renewal from a first ratchet, and from the other half of the same renewal."""
    renewed_at = renewals.get(tx, contact).last_renewal
    is_renewal = change.is_renewal
    if change.is_own:
        is_renewal = renewed_at is not None and change.created_at >= renewed_at
    elif not is_renewal:
        is_renewal = messages.has_history(tx, contact)
    return is_renewal and not messages.is_noted_since(
        tx, contact, RATCHET_RENEWED, now - ONE_NOTE_SECONDS
    )


def renewals_due(tx: Transaction, now: float) -> list[tuple[float, UserAddress]]:
    """Return when which contact is to get a new ratchet (unix seconds), the next one first."""
    found = []
    for contact in renewals.suspects(tx, RENEW_AFTER_ENVELOPES):
        due = limit_of(renewals.get(tx, contact)).due_at(now)
        if due is not None:
            found.append((due, contact))
    return sorted(found)


def doubtful(tx: Transaction, now: float) -> list[UserAddress]:
    """Return contacts whose user record is to be looked at: mail waits, and none came back."""
    found = []
    for contact in outbox.unanswering(tx, now - DOUBT_SECONDS):
        doubted_at = renewals.get(tx, contact).doubted_at
        if doubted_at is None or not now - DOUBT_SECONDS < doubted_at <= now:
            found.append(contact)
    return found
