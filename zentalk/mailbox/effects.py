"""Collects the commands of one `handle` call and finds what waits for the store.

Every part adds to the same commands, and `MailboxCore.handle` returns them in that order.
Every operation gets a number; what is to happen with its outcome is kept here until
the shell reports it. Nothing else in the core knows these numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

from zentalk.errors import LocalProtocolError
from zentalk.ids import MailboxId
from zentalk.mailbox.commands import Apply, Command
from zentalk.mailbox.storage import Operation, Outcome, mailbox_of

Continuation: TypeAlias = Callable[[Outcome | None, float], None]
"""Gets the outcome (None: the store failed and nothing changed) and `now`."""


class Effects:
    """The commands so far, and the operations under way, with how many concern each mailbox."""

    __slots__ = ("_commands", "_concerned", "_next_number", "_waiting")

    def __init__(self) -> None:
        self._commands: list[Command] = []
        self._next_number = 0
        self._waiting: dict[int, tuple[MailboxId | None, Continuation]] = {}
        self._concerned: Counter[MailboxId] = Counter()

    @property
    def operations_under_way(self) -> int:
        """The number of operations that the store has not reported yet."""
        return len(self._waiting)

    def is_under_way(self, mailbox: MailboxId) -> bool:
        """Tell whether the store has not reported some operation on this mailbox yet."""
        return mailbox in self._concerned

    def emit(self, command: Command) -> None:
        """Add a command."""
        self._commands.append(command)

    def apply(self, operation: Operation, then: Continuation) -> None:
        """Hand an operation to the store and call `then` with what came of it."""
        number = self._next_number
        self._next_number = number + 1
        mailbox = mailbox_of(operation)
        if mailbox is not None:
            self._concerned[mailbox] += 1
        self._waiting[number] = mailbox, then
        self._commands.append(Apply(number, operation))

    def finished(self, number: int, outcome: Outcome | None, now: float) -> None:
        """Continue where an operation was started.

        Raises LocalProtocolError if no such operation is under way.
        """
        if number not in self._waiting:
            raise LocalProtocolError("the store reported an operation that is not under way")
        mailbox, then = self._waiting.pop(number)
        if mailbox is not None:
            self._concerned[mailbox] -= 1
            if not self._concerned[mailbox]:
                del self._concerned[mailbox]
        then(outcome, now)

    def take(self) -> list[Command]:
        """Return the commands and start over."""
        commands, self._commands = self._commands, []
        return commands
