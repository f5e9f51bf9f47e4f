"""Answers to those who own no mailbox: each leaves at the same time after its question.

Spec: docs/spec/mailbox.md section 16. Whether a mailbox exists, sleeps or is awake makes a look-up
shorter or longer; who asked must not see that. Only an answer that is late leaves when it is there.
"""

from __future__ import annotations

import heapq

from zentalk.mailbox.commands import Refuse, Respond
from zentalk.mailbox.part import Context, CorePart


class Answers(CorePart):
    """Answers that wait for their time, earliest first; requests under way bound them."""

    __slots__ = ("_count", "_heap")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._heap: list[tuple[float, int, Respond | Refuse]] = []
        self._count = 0

    def give(self, answer: Respond | Refuse, asked_at: float, now: float) -> None:
        """Let an answer leave at its time, or now if that is over."""
        due = asked_at + self._settings.answer_seconds
        if due <= now:
            self._effects.emit(answer)
        else:
            self._count += 1
            heapq.heappush(self._heap, (due, self._count, answer))

    def passed(self, now: float) -> None:
        """Let go what is due."""
        while self._heap and self._heap[0][0] <= now:
            self._effects.emit(heapq.heappop(self._heap)[2])

    def next_deadline(self) -> float | None:
        """Return when the next answer is due."""
        return self._heap[0][0] if self._heap else None
