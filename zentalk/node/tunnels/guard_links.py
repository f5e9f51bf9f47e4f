"""Keeps a link to every wanted guard: dials, notices the end, dials again.

Which guards are wanted is the book's decision. A guard that fails costs its own link and
nothing else; the other one is used at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from zentalk.errors import REQUEST_FAULTS
from zentalk.ids import NodeId
from zentalk.net.backoff import half_jitter
from zentalk.net.connection import Connection
from zentalk.net.runtime import Runtime
from zentalk.node.tunnels.guard_selection import GuardSelection
from zentalk.wire.text import RelayUri

FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 30.0
_FAST_WAIT_SECONDS: Final = 0.1
"""After a link that had lasted the first new attempt comes at once: it was the guard's restart."""
_LASTED_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 30.0
_SLOW_FAILURE_SECONDS: Final = 5.0
_FAILURES_TO_BE_DOWN: Final = 2

Dial = Callable[[RelayUri, trio.Nursery], Awaitable[Connection]]


class GuardLinks:
    """The links to guards.

    `changed` is called when one comes or goes, `came_back` when a guard is linked again.
    """

    def __init__(
        self,
        runtime: Runtime,
        dial: Dial,
        book: GuardSelection,
        *,
        changed: Callable[[], None],
        came_back: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._dial = dial
        self._book = book
        self._changed = changed
        self._came_back = came_back
        self._known: set[NodeId] = set()
        self._links: dict[NodeId, Connection] = {}
        self._keepers: dict[NodeId, trio.CancelScope] = {}
        self._look = trio.Event()

    def connected(self) -> tuple[NodeId, ...]:
        """Return the guards in use that have a live link, in the book's order."""
        return tuple(node_id for node_id in self._book.in_use() if self.link(node_id) is not None)

    def wants_any(self) -> bool:
        """Say whether there are guards to connect to."""
        return bool(self._book.wanted())

    def link(self, node_id: NodeId) -> Connection | None:
        """Return the live link to a guard, if there is one."""
        link = self._links.get(node_id)
        return None if link is None or link.closed.is_set() else link

    def look_again(self) -> None:
        """The book may want other guards now."""
        self._look.set()

    async def run(self) -> None:
        """Keep the links, until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                self._look = trio.Event()
                wanted = self._book.wanted()
                for node_id in list(self._keepers):
                    if node_id not in wanted:
                        self._keepers[node_id].cancel()
                for node_id in wanted:
                    if node_id not in self._keepers:
                        self._keepers[node_id] = trio.CancelScope()
                        nursery.start_soon(self._keep, node_id, nursery)
                with trio.move_on_after(_LOOK_SECONDS):
                    await self._look.wait()

    async def _keep(self, node_id: NodeId, nursery: trio.Nursery) -> None:
        """Have a link to one guard for as long as it is wanted."""
        try:
            with self._keepers[node_id]:
                failures = 0
                while True:
                    failures = await self._attempt(node_id, failures, nursery)
                    wait = half_jitter(
                        failures - 1,
                        FIRST_WAIT_SECONDS,
                        LONGEST_WAIT_SECONDS,
                        self._runtime.entropy,
                    )
                    await trio.sleep(wait if failures else _FAST_WAIT_SECONDS)
        finally:
            link = self._links.pop(node_id, None)
            if link is not None:
                link.close()
            del self._keepers[node_id]
            self._tell()

    async def _attempt(self, node_id: NodeId, failures: int, nursery: trio.Nursery) -> int:
        """Dial and use the link until it ends; return the failures in a row by then."""
        began = self._runtime.monotonic()
        uri = self._book.uri(node_id)
        if uri is None:
            return failures + 1
        try:
            link = await self._dial(uri, nursery)
        except REQUEST_FAULTS:
            took = self._runtime.monotonic() - began
            if failures + 1 >= _FAILURES_TO_BE_DOWN or took >= _SLOW_FAILURE_SECONDS:
                self._book.seen(node_id, reachable=False)
                self._tell()
            return failures + 1
        self._links[node_id] = link
        if node_id in self._known:
            self._came_back()
        self._known.add(node_id)
        self._book.seen(node_id, reachable=True)
        self._tell()
        await link.closed.wait()
        self._links.pop(node_id, None)
        self._tell()
        lasted = self._runtime.monotonic() - began
        return 0 if lasted >= _LASTED_SECONDS else failures + 1

    def _tell(self) -> None:
        self._look.set()
        self._changed()
