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
RELEASED_AT_ONCE: Final = 100
"""How many messages are confirmed in one transaction: after a week apart thousands may wait."""
_EVERYTHING: Final = 2**63 - 1


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


def is_due(tx: Transaction) -> bool:
    """Tell whether something has waited that the replica has, or that waits for no replica."""
    return unsynced.is_due(tx, _there(tx))


def release(tx: Transaction, composer: Composer, now: float) -> CommitEffects:
    """Confirm some of what the replica has; all counts as there if there is no replica."""
    by_contact: dict[UserAddress, list[MessageId]] = defaultdict(list)
    for contact, message_id in unsynced.take(tx, _there(tx), RELEASED_AT_ONCE):
        by_contact[contact].append(message_id)
    made: list[BestEffortInner] = []
    for contact, ids in by_contact.items():
        wanted = let_in(tx, contact, ids)
        if wanted:
            made += confirmations.confirm(tx, composer, contact, wanted, now)
    return CommitEffects(best_effort=tuple(made))


def _there(tx: Transaction) -> int:
    """Return up to which number of the feed the replica has everything."""
    replica = links.linked(tx, LinkRole.REPLICA)
    return _EVERYTHING if replica is None else replica.acked
