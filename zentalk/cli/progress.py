"""How far a transfer has come: one line on standard error, and only where somebody may look at it.

The answer of a command never stands here: a program that reads it sees none of this.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from zentalk.cli.output import harmless, size_text

_PAUSE_SECONDS: Final = 0.2
_CLEAR: Final = "\r\x1b[K"
_MOST_CHARS: Final = 40


class ProgressLine:
    """A line that is written over itself; use it in a `with` block, which takes it away."""

    def __init__(self, name: str) -> None:
        text = harmless(name)
        self._name = text if len(text) <= _MOST_CHARS else text[: _MOST_CHARS - 3] + "..."
        self._is_seen = sys.stderr is not None and sys.stderr.isatty()
        self._next = 0.0

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the line away."""
        self._write("")

    def show(self, what: str, done: int, total: int | None) -> None:
        """Say how many bytes are done, a few times a second."""
        now = time.monotonic()  # noqa: TID251 - the edge
        if not self._is_seen or now < self._next:
            return
        self._next = now + _PAUSE_SECONDS
        of_all = "" if total is None else f" of {size_text(total)}"
        percent = f" ({100 * done // total} %)" if total else ""
        self._write(f"{self._name}: {what} {size_text(done)}{of_all}{percent}")

    def _write(self, line: str) -> None:
        if self._is_seen:
            with suppress(OSError):
                sys.stderr.write(_CLEAR + line)
                sys.stderr.flush()
