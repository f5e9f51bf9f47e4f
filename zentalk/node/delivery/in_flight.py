"""What the outbox remembers of each item on its way; kept in memory only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from zentalk.ids import NodeId
from zentalk.node.delivery.retry_schedule import Schedule
from zentalk.store.history.models import OutboxItem


class AwaitedAck(NamedTuple):
    """What a compact ack speaks for: a ciphertext of an item, at a relay, over a path."""

    item: int
    ciphertext: int
    relay: NodeId
    hops: tuple[NodeId, ...]


@dataclass(slots=True)
class InFlight:
    """One item. `expires` is monotonic: no step of the wall clock gives a message up."""

    item: OutboxItem
    expires: float
    schedule: Schedule | None = None
    hops: tuple[NodeId, ...] = ()
    token: bytes | None = None
    is_courtesy: bool = False
    elsewhere: bool = False
    noted: bool = False
    ciphertext: int = 0
