"""The outbox of one link: who sends next, and how much may wait.

Spec: docs/spec/link.md section 7. Control frames, packets, calls and every stream are
flows of their own, served by deficit round robin (Shreedhar and Varghese, 1995): each
flow that has something to send gets its quantum once a round, so a busy or blocked one
delays the others by at most one round. Each flow is bounded in bytes, and so is the
number of flows: a peer that opens streams and reads nothing makes one after the other.

All of it is counted in the link's account (section 11), until it was sent, and so is what other
parts of the link hold for the peer. A link asks before it takes what it may refuse, counts
what it must take, and gives everything back; who decides how much there is stands outside.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

from zentalk.link.geometry import MAX_FRAME_BYTES

CONTROL: Final = -1
PACKETS: Final = -2
CALLS: Final = -3
"""Keys of the flows that every link has; a stream's flow is keyed by its id."""

PACKET_QUANTUM_BYTES: Final = MAX_FRAME_BYTES
"""One packet of class L, or 13 of class S."""
FLOW_QUANTUM_BYTES: Final = 8_192
"""The quantum of all other flows: no frame of theirs is larger, so each turn sends at least one."""
_OF_A_LINK: Final = frozenset({CONTROL, PACKETS, CALLS})
FLOWS_OF_A_LINK: Final = len(_OF_A_LINK)
MAX_FLOWS: Final = 65_536
FRAME_COST_BYTES: Final = 64
"""Bytes that a frame takes in memory beyond its own."""


class Account(Protocol):
    """The memory that is counted for one link."""

    def has_room(self, size_bytes: int) -> bool:
        """Tell whether that much more may be held."""
        ...

    def add(self, size_bytes: int) -> None:
        """Count what is held from now on, whether there is room or not."""
        ...

    def release(self, size_bytes: int) -> None:
        """Count what is no longer held."""
        ...


class _Unlimited:
    def has_room(self, _size_bytes: int) -> bool:
        return True

    def add(self, _size_bytes: int) -> None:
        pass

    def release(self, _size_bytes: int) -> None:
        pass


UNLIMITED: Final[Account] = _Unlimited()
"""The choice for links of programs that have few, such as API nodes."""


class _Flow:
    __slots__ = ("deficit", "frames", "key", "quantum", "queued_bytes", "turn_begun")

    def __init__(self, key: int) -> None:
        self.key = key
        self.quantum = PACKET_QUANTUM_BYTES if key == PACKETS else FLOW_QUANTUM_BYTES
        self.frames: deque[bytes] = deque()
        self.queued_bytes = 0
        self.deficit = 0
        self.turn_begun = False


class FrameQueue:
    """Encoded frames on their way out, by flow; at most `max_flows` have something to send."""

    __slots__ = ("_account", "_flows", "_max_flows", "_ring", "_taken_bytes")

    def __init__(self, max_flows: int = MAX_FLOWS, account: Account = UNLIMITED) -> None:
        self._max_flows = max_flows
        self._account = account
        self._taken_bytes = 0
        self._flows: dict[int, _Flow] = {}
        self._ring: deque[_Flow] = deque()

    def __bool__(self) -> bool:
        return bool(self._ring)

    def queued_bytes(self, key: int) -> int:
        """Return how much waits in a flow."""
        flow = self._flows.get(key)
        return flow.queued_bytes if flow is not None else 0

    def put(self, key: int, frame: bytes, limit_bytes: int) -> bool:
        """Queue a frame; False, and nothing queued, if that would exceed a limit.

        For want of memory only packets are refused: frames of streams and calls stand for
        what was taken in before, and are refused there.
        """
        cost = len(frame) + FRAME_COST_BYTES
        if key == PACKETS and not self._account.has_room(cost):
            return False
        flow = self._flows.get(key)
        if flow is None:
            # Whatever streams a peer opens, calls and packets find a place: theirs are kept free.
            reserved = 0 if key in _OF_A_LINK else FLOWS_OF_A_LINK
            if len(self._flows) + reserved >= self._max_flows:
                return False
            flow = self._flows[key] = _Flow(key)
            self._ring.append(flow)
        elif flow.queued_bytes + len(frame) > limit_bytes:
            return False
        flow.frames.append(frame)
        flow.queued_bytes += len(frame)
        self._account.add(cost)
        return True

    def drop(self, key: int) -> None:
        """Forget what waits in a flow (its stream was broken off)."""
        flow = self._flows.pop(key, None)
        if flow is not None:
            self._ring.remove(flow)
            self._account.release(_cost(flow))

    def release(self) -> None:
        """Forget everything, and take nothing any more: the link has ended."""
        self._max_flows = 0
        self._account.release(self._taken_bytes + sum(map(_cost, self._ring)))
        self._taken_bytes = 0
        self._flows.clear()
        self._ring.clear()

    def take(self, enough_bytes: int) -> list[bytes]:
        """Return frames in the order of their turns, until they reach `enough_bytes`.

        The last frame may exceed it. A turn that is cut short goes on in the next call. Those
        of the call before count as sent now.
        """
        self._account.release(self._taken_bytes)
        taken: list[bytes] = []
        room = enough_bytes
        ring = self._ring
        while ring and room > 0:
            flow = ring[0]
            if not flow.turn_begun:
                flow.turn_begun = True
                flow.deficit += flow.quantum
            room -= self._serve(flow, taken, room)
            if not flow.frames:
                ring.popleft()
                del self._flows[flow.key]
            elif len(flow.frames[0]) > flow.deficit:
                flow.turn_begun = False
                ring.rotate(-1)
        self._taken_bytes = enough_bytes - room + FRAME_COST_BYTES * len(taken)
        return taken

    @staticmethod
    def _serve(flow: _Flow, taken: list[bytes], room: int) -> int:
        """Move frames of one turn into `taken`; return how many bytes that were."""
        frames = flow.frames
        moved = 0
        while frames and moved < room and len(frames[0]) <= flow.deficit - moved:
            frame = frames.popleft()
            moved += len(frame)
            taken.append(frame)
        flow.deficit -= moved
        flow.queued_bytes -= moved
        return moved


def _cost(flow: _Flow) -> int:
    return flow.queued_bytes + FRAME_COST_BYTES * len(flow.frames)
