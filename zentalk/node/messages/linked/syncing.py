"""With `sync = strict`: what is confirmed only once the replica has it.

A message that has entered the history counts as held until then, so that no copy of it is
confirmed either. The number that the feed stands at in the transaction in which it entered says
from when on the replica has it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from zentalk.ids import MessageId, UserAddress
from zentalk.node.messages import confirmations
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import BestEffortInner, CommitEffects
from zentalk.store.history import feed, links, settings, unsynced
from zentalk.store.history.confirmations import Unconfirmed, digests, let_in
from zentalk.store.history.links import LinkRole
from zentalk.store.sqlite import Transaction

_STRICT: Final = "sync-strict"
EVERYTHING: Final = 2**63 - 1


def set_strict(tx: Transaction, *, strict: bool) -> None:
    """Note what the owner has set."""
    settings.put(tx, _STRICT, bytes([strict]))


def is_strict(tx: Transaction) -> bool:
    """Tell whether the replica must have what is confirmed; without one there is none to wait."""
    wished = settings.get(tx, _STRICT) == b"\1"
    return wished and links.linked(tx, LinkRole.REPLICA) is not None


def confirm(
    tx: Transaction,
    composer: Composer,
    contact: UserAddress,
    wanted: Sequence[Unconfirmed],
    now: float,
) -> list[BestEffortInner]:
    """Confirm messages that are in the history now, or keep that for when the replica has them."""
    if not wanted or not is_strict(tx):
        return confirmations.confirm(tx, composer, contact, wanted, now) if wanted else []
    unsynced.hold(tx, contact, wanted, feed.head(tx))
    return []


def confirm_ids(
    tx: Transaction,
    composer: Composer,
    contact: UserAddress,
    ids: Sequence[MessageId],
    now: float,
) -> list[BestEffortInner]:
    """Do the same for messages that came before their sender was accepted."""
    if not ids or not is_strict(tx):
        return confirmations.confirm_ids(tx, composer, contact, ids, now)
    known = digests(tx, contact)
    wanted = [Unconfirmed(known[one], one) for one in ids if one in known]
    unsynced.hold(tx, contact, wanted, feed.head(tx))
    return []


def release(tx: Transaction, composer: Composer, number: int, now: float) -> CommitEffects:
    """Confirm what the replica has, up to a number of the feed."""
    by_contact: dict[UserAddress, list[MessageId]] = defaultdict(list)
    for contact, message_id in unsynced.take(tx, number):
        by_contact[contact].append(message_id)
    made: list[BestEffortInner] = []
    for contact, ids in by_contact.items():
        wanted = let_in(tx, contact, ids)
        if wanted:
            made += confirmations.confirm(tx, composer, contact, wanted, now)
    return CommitEffects(best_effort=tuple(made))
