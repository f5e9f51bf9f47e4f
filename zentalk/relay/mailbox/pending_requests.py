"""Requests that wait for the mailbox core, by ticket.

The core may respond at once or only after a commit; the task of a request waits here. Nothing
here knows what was requested.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from zentalk.errors import RefusedError
from zentalk.mailbox.commands import Refuse, Respond
from zentalk.mailbox.events import Ticket


class _Pending:
    __slots__ = ("done", "refused", "result")

    def __init__(self) -> None:
        self.done = trio.Event()
        self.result: Any = None
        self.refused: str | None = None


class PendingRequests:
    """All requests under way; a task that is cancelled takes its request with it."""

    __slots__ = ("_last", "_open")

    def __init__(self) -> None:
        self._open: dict[Ticket, _Pending] = {}
        self._last = 0

    async def wait(self, put: Callable[[Ticket], None]) -> Any:
        """Put a request under a new ticket; return the result that the core responds with.

        Raises RefusedError with the core's reason.
        """
        self._last += 1
        ticket = Ticket(self._last)
        pending = self._open[ticket] = _Pending()
        try:
            put(ticket)
            await pending.done.wait()
        finally:
            del self._open[ticket]
        if pending.refused is not None:
            raise RefusedError(pending.refused)
        return pending.result

    def respond(self, command: Respond) -> None:
        """Let a request's task go on with its result."""
        pending = self._open.get(command.ticket)
        if pending is not None:
            pending.result = command.result
            pending.done.set()

    def refuse(self, command: Refuse) -> None:
        """Let a request's task go on with a refusal."""
        pending = self._open.get(command.ticket)
        if pending is not None:
            pending.refused = command.reason
            pending.done.set()

    def refuse_all(self, reason: str) -> None:
        """Refuse every request that has no response yet."""
        for ticket, pending in self._open.items():
            if not pending.done.is_set():
                self.refuse(Refuse(ticket, reason))
