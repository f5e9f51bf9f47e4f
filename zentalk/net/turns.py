"""Turns: who may use the processor next, when many links bring work at once.

Spec: docs/spec/link.md section 11. Round robin between groups of links with a credit that
may be overdrawn once (surplus round robin, the twin of deficit round robin for work whose
cost is known only afterwards). A group with credit never waits; one without gets one
handful of work in a turn, so that nobody waits longer than one round of such groups.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Final

import trio

from zentalk.net.signal import Signal

QUANTUM: Final = 32
"""Events (packets, requests, pieces of streams) that a group may bring in one turn."""


class _Group:
    __slots__ = ("credit", "in_ring", "key", "links", "quantum", "waiting")

    def __init__(self, key: Hashable, quantum: int) -> None:
        self.key = key
        self.quantum = quantum
        self.credit = quantum
        self.links = 0
        self.waiting: deque[trio.Event] = deque()
        self.in_ring = False


class Turns:
    """The groups of one program; `run` must be running for anyone to get another turn."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, _Group] = {}
        self._ring: deque[_Group] = deque()
        self._work = Signal()
        self.given = 0
        """The number of turns that were waited for and given."""

    async def run(self) -> None:
        """Give turns until cancelled: one to each group that waits, then to the next."""
        while True:
            await self._work.wait()
            while self._ring:
                self._visit(self._ring.popleft())
                # Everyone who has credit, and who was just let go, runs before the next visit.
                await trio.lowlevel.checkpoint()

    def link(self, key: Hashable, weight: int = 1) -> LinkTurn:
        """Return the turn of a new link in the group of that key; give it back with `leave`."""
        return LinkTurn(self, key, weight)

    def _visit(self, group: _Group) -> None:
        group.credit = min(group.credit + group.quantum, group.quantum)
        if group.credit > 0 and group.waiting:
            self.given += 1
            group.waiting.popleft().set()
        group.in_ring = bool(group.waiting)
        if group.in_ring:
            self._ring.append(group)

    # For LinkTurn.

    def _join(self, key: Hashable, weight: int) -> _Group:
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(key, QUANTUM * weight)
        group.links += 1
        return group

    def _leave(self, group: _Group) -> None:
        group.links -= 1
        if not group.links:
            del self._groups[group.key]

    async def _wait(self, group: _Group) -> None:
        event = trio.Event()
        group.waiting.append(event)
        if not group.in_ring:
            group.in_ring = True
            self._ring.append(group)
            self._work.set()
        try:
            await event.wait()
        finally:
            if not event.is_set():
                group.waiting.remove(event)


class LinkTurn:
    """One link's place in its group. Made by `Turns.link`."""

    __slots__ = ("_group", "_turns")

    def __init__(self, turns: Turns, key: Hashable, weight: int) -> None:
        self._turns = turns
        self._group = turns._join(key, weight)  # noqa: SLF001 - one module's classes

    def move(self, key: Hashable, weight: int = 1) -> None:
        """Belong to another group from now on: it turned out who the peer is."""
        self.leave()
        self._group = self._turns._join(key, weight)  # noqa: SLF001

    def leave(self) -> None:
        """Let go of the place."""
        self._turns._leave(self._group)  # noqa: SLF001

    async def begin(self) -> None:
        """Wait until the group may work; at once if it has credit and nobody is before us."""
        group = self._group
        if group.credit <= 0 or group.waiting:
            await self._turns._wait(group)  # noqa: SLF001

    def spent(self, events: int) -> None:
        """Take what was done off the group's credit."""
        self._group.credit -= events
