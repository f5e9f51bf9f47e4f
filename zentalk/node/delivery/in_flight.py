"""What the delivery core keeps of items on their way: each item, its next time, its place.

Kept in memory only. A reader keeps keys for at most 1,000 envelopes that were overtaken
(docs/spec/end-to-end.md, section 3). So nothing may be sent that is further ahead than that of
something still on its way, or what is overtaken could never be read: hence the window.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from zentalk.ids import NodeId, UserAddress
from zentalk.node.delivery.retry_schedule import Schedule
from zentalk.node.messages.reasons import Reason
from zentalk.store.history.models import OutboxItem

IN_FLIGHT: Final = 96
"""Items of one contact. A mailbox keeps 100 for one send id, so none is refused while its owner
is away for a moment. Confirmations take numbers of the same chains: this is far below 1,000."""
_SLACK: Final = 64
"""Times that were replaced or dropped are cleared away once there are more of them than this,
and more than times that count."""


class AwaitedAck(NamedTuple):
    """What a compact ack speaks for: a ciphertext of an item, at a relay, over a path."""

    item: int
    ciphertext: int
    relay: NodeId
    hops: tuple[NodeId, ...]


@dataclass(slots=True)
class InFlight:
    """One item. `expires` is monotonic: no step of the wall clock gives a message up.

    `hops` and `token` are those of the last packet, `full_at` the mailboxes that take nothing,
    `failed_at` those that cannot be reached, `reason` what its writer was told of that, and
    `unanswered` counts copies whose fate at our own end is not known yet.
    """

    item: OutboxItem
    expires: float
    ciphertext: int = 0
    is_best_effort: bool = False
    elsewhere: bool = False
    confirmation: int | None = None
    schedule: Schedule | None = None
    hops: tuple[NodeId, ...] = ()
    token: bytes | None = None
    full_at: frozenset[NodeId] = frozenset()
    failed_at: frozenset[NodeId] = frozenset()
    reason: Reason = Reason.NONE
    unanswered: int = 0


class Deadlines:
    """A time for each number; one that was replaced or dropped is passed over."""

    __slots__ = ("_at", "_heap")

    def __init__(self) -> None:
        self._at: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []

    def __contains__(self, number: int) -> bool:
        return number in self._at

    def plan(self, number: int, at: float) -> None:
        """Set the time of a number (monotonic seconds)."""
        if self._at.get(number) == at:
            return
        self._at[number] = at
        heapq.heappush(self._heap, (at, number))
        if len(self._heap) > 2 * len(self._at) + _SLACK:
            self._heap = [(at, number) for number, at in self._at.items()]
            heapq.heapify(self._heap)

    def drop(self, number: int) -> None:
        """Forget a number."""
        self._at.pop(number, None)

    def next_at(self) -> float:
        """Return the next time, or infinity if there is none."""
        while self._heap:
            at, number = self._heap[0]
            if self._at.get(number) == at:
                return at
            heapq.heappop(self._heap)
        return math.inf

    def take_due(self, now: float) -> int | None:
        """Take the number off whose time was the earliest; None if no time has come."""
        if self.next_at() > now:
            return None
        _, number = heapq.heappop(self._heap)
        del self._at[number]
        return number


class Window:
    """Items that may go, and those that wait, in the order in which they asked."""

    __slots__ = ("_going", "_waiting")

    def __init__(self) -> None:
        self._going: dict[UserAddress, set[int]] = {}
        self._waiting: dict[UserAddress, dict[int, None]] = {}

    def admits(self, contact: UserAddress, number: int) -> bool:
        """Tell whether an item may go now; one that may not waits until `left` names it."""
        going = self._going.setdefault(contact, set())
        if number in going:
            return True
        if len(going) < IN_FLIGHT:
            going.add(number)
            return True
        self._waiting.setdefault(contact, {})[number] = None
        return False

    def left(self, contact: UserAddress, number: int) -> int | None:
        """Forget an item that is done; return the one that may go in its place, if any waits."""
        waiting = self._waiting.get(contact, {})
        waiting.pop(number, None)
        going = self._going.get(contact, set())
        going.discard(number)
        following = None
        if waiting and len(going) < IN_FLIGHT:
            following = next(iter(waiting))
            del waiting[following]
            going.add(following)
        if not waiting:
            self._waiting.pop(contact, None)
        if not going:
            self._going.pop(contact, None)
        return following
