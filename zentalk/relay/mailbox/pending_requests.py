"""Questions that wait for the mailbox core's answer, by ticket.

A question may be answered at once or only after a commit; its task waits here. Nothing
here knows what was asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from zentalk.errors import RefusedError
from zentalk.mailbox.commands import Answer, Refuse
from zentalk.mailbox.events import Ticket


class _Question:
    __slots__ = ("done", "fields", "refused")

    def __init__(self) -> None:
        self.done = trio.Event()
        self.fields: tuple[Any, ...] = ()
        self.refused: str | None = None


class PendingRequests:
    """All questions under way; a task that is cancelled takes its question with it."""

    __slots__ = ("_last", "_open")

    def __init__(self) -> None:
        self._open: dict[Ticket, _Question] = {}
        self._last = 0

    async def ask(self, put: Callable[[Ticket], None]) -> list[Any]:
        """Put a question under a new ticket and return the fields of its answer.

        Raises RefusedError with the core's reason.
        """
        self._last += 1
        ticket = Ticket(self._last)
        question = self._open[ticket] = _Question()
        try:
            put(ticket)
            await question.done.wait()
        finally:
            del self._open[ticket]
        if question.refused is not None:
            raise RefusedError(question.refused)
        return list(question.fields)

    def answer(self, command: Answer) -> None:
        """Let a question's task go on with the answer."""
        question = self._open.get(command.ticket)
        if question is not None:
            question.fields = command.fields
            question.done.set()

    def refuse(self, command: Refuse) -> None:
        """Let a question's task go on with a refusal."""
        question = self._open.get(command.ticket)
        if question is not None:
            question.refused = command.reason
            question.done.set()

    def refuse_all(self, reason: str) -> None:
        """Refuse every question that has no answer yet."""
        for ticket, question in self._open.items():
            if not question.done.is_set():
                self.refuse(Refuse(ticket, reason))
