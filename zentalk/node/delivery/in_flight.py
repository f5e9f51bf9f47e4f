"""What the delivery core keeps of items on their way: each item, its next time, its place.

Kept in memory only. A reader keeps keys for at most 1,000 envelopes that were overtaken
(docs/spec/end-to-end.md, section 3). So nothing may be sent that is further ahead than that of
something still on its way, or what is overtaken could never be read: hence the window.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, NamedTuple

from zentalk.ids import NodeId, UserAddress
from zentalk.node.delivery.retry_schedule import Schedule
from zentalk.node.messages.reasons import Reason
from zentalk.store.history.models import OutboxItem

IN_FLIGHT: Final = 96
"""Items of one contact. A mailbox keeps 100 for one send id, so none is refused while its owner
is away for a moment. Confirmations take numbers of the same chains: this is far below 1,000."""
BESIDE: Final = 2
"""First messages of new ratchets that one contact's full window lets pass. Mail in a broken ratchet
is never confirmed, so what heals it must not wait for that: the newest goes, and the one before."""
NOT_CONNECTED_SECONDS: Final = 5.0
"""Who cannot send for longer than this is told so."""
UNCONFIRMED_SECONDS: Final = 300.0
"""Who is online confirms within seconds, and within half a minute what waits for its order."""
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

    `opens` says that it was the first of a new ratchet when it came, whatever is read again later.
    `hops` and `token` are those of the last packet, `full_at` the mailboxes that take nothing,
    `failed_at` those that cannot be reached, `reason` what its writer was told of that, and
    `unanswered` counts copies whose fate at our own end is not known yet.
    """

    item: OutboxItem
    expires: float
    ciphertext: int = 0
    is_best_effort: bool = False
    elsewhere: bool = False
    opens: bool = False
    confirmation: int | None = None
    schedule: Schedule | None = None
    hops: tuple[NodeId, ...] = ()
    token: bytes | None = None
    full_at: frozenset[NodeId] = frozenset()
    failed_at: frozenset[NodeId] = frozenset()
    reason: Reason = Reason.NONE
    unanswered: int = 0
    tell_at: float = math.inf
    """When its writer is told that a relay holds it and nobody has confirmed it."""

    def order(self, relays: Iterable[NodeId]) -> tuple[NodeId, ...]:
        """Return its recipient's relays in the order in which it tries them."""
        return tuple(relays)[::-1] if self.elsewhere else tuple(relays)

    def wanted(self, relays: Iterable[NodeId], now: float) -> Sequence[NodeId]:
        """Return the relays to deposit it at now, the first one if it was at none yet."""
        return self.order(relays)[:1] if self.schedule is None else self.schedule.due(now)

    def begin(self, relays: Iterable[NodeId], now: float, round_trip_seconds: float) -> Schedule:
        """Return when it is due at each relay, from now on."""
        self.schedule = Schedule(
            self.order(relays),
            now,
            round_trip_seconds,
            self.item.held_by,
            patient=self.is_best_effort,
        )
        if self.item.held_by:
            self.held(now)
        return self.schedule

    def held(self, now: float) -> None:
        """Note that a relay holds it: from now on its recipient has time to confirm it."""
        if not self.is_best_effort:
            self.tell_at = min(self.tell_at, now + UNCONFIRMED_SECONDS)

    def unconfirmed(self, now: float) -> tuple[Reason, ...]:
        """Return what its writer is to be told now, once: nothing, or that nobody confirms it."""
        if now < self.tell_at:
            return ()
        self.tell_at = math.inf
        return (Reason.NOT_CONFIRMED,)

    def next_at(self, schedule: Schedule) -> float:
        """Return when it is to be looked at again."""
        return min(schedule.next_deadline(), self.tell_at)


def reason_to_wait(
    entry: InFlight,
    schedule: Schedule,
    relays: AbstractSet[NodeId],
    now: float,
    silent_seconds: float,
) -> Reason:
    """Tell why an item has not arrived; what was full once stays so until it is held.

    `relays` are those of its recipient's mailboxes. One that answers nothing may have no room
    for the sender: relays do not tell who writes to whom (docs/spec/mailbox.md).
    """
    if relays and relays <= entry.full_at:
        return Reason.FULL
    if relays and relays <= entry.failed_at:
        is_long = now - schedule.started_at >= NOT_CONNECTED_SECONDS
        return Reason.NOT_CONNECTED if is_long else entry.reason
    if entry.reason is Reason.FULL:
        return entry.reason
    is_silent = schedule.is_silent(now, silent_seconds)
    return Reason.NOT_ACKNOWLEDGED if is_silent else Reason.NONE


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

    __slots__ = ("_beside", "_going", "_waiting")

    def __init__(self) -> None:
        self._going: dict[UserAddress, set[int]] = {}
        self._beside: dict[UserAddress, set[int]] = {}
        self._waiting: dict[UserAddress, dict[int, None]] = {}

    def admits(self, contact: UserAddress, number: int, *, opens: bool = False) -> bool:
        """Tell whether an item may go now; one that may not waits until `left` names it.

        One that `opens` a ratchet goes beside a full window, and the oldest such one waits then.
        """
        going = self._going.setdefault(contact, set())
        if number in going or number in self._beside.get(contact, ()):
            return True
        if len(going) < IN_FLIGHT:
            going.add(number)
            return True
        if opens and self._goes_beside(contact, number):
            return True
        self._waiting.setdefault(contact, {})[number] = None
        return False

    def _goes_beside(self, contact: UserAddress, number: int) -> bool:
        beside = self._beside.get(contact, set())
        newest = sorted({*beside, number})[-BESIDE:] if BESIDE else []
        if number not in newest:
            return False
        self._beside[contact] = set(newest)
        self._waiting.get(contact, {}).pop(number, None)
        return True

    def left(self, contact: UserAddress, number: int) -> int | None:
        """Forget an item that is done; return the one that may go in its place, if any waits."""
        waiting = self._waiting.get(contact, {})
        waiting.pop(number, None)
        beside = self._beside.get(contact, set())
        beside.discard(number)
        if not beside:
            self._beside.pop(contact, None)
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
