"""Printing: plain lines for people, JSON for programs.

What other people wrote is made harmless first: a control character in a message must not
move the cursor, set a title or colour the terminal of its reader.
"""

from __future__ import annotations

import errno
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from unicodedata import category

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_DANGEROUS_KINDS = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, halves of pairs that no terminal can be sent, and line breaks."""
_TURNS_TEXT_ROUND = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Embeddings, overrides and isolates: with them a line shows other words than it holds (UAX 9)."""

_STEP = 1024
_UNITS = ("KiB", "MiB", "GiB")


class OutputLostError(Exception):
    """Standard output took nothing more. The text is a sentence, or empty if there is none to say.

    `cause` is the system's, or empty if nobody reads; `done` says what was done all the same.
    """

    def __init__(self, cause: str = "", done: str = "") -> None:
        self.cause = cause
        self.done = done
        lost = f"{done}; only its answer could not be printed" if done else ""
        super().__init__(f"{lost or 'cannot print the answer'}: {cause}" if cause else lost)


@contextmanager
def answering() -> Iterator[None]:
    """Print an answer inside: raises OutputLostError if standard output is closed or full."""
    if sys.stdout is None:  # It was closed before the start.
        raise OutputLostError
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        left = error.errno in {errno.EPIPE, errno.EBADF}
        raise OutputLostError("" if left else (error.strerror or "unknown error").lower()) from None


@contextmanager
def telling(done: Callable[[], str]) -> Iterator[None]:
    """Let an answer that cannot be printed inside say what was done, so that nobody does it again.

    `done` is asked then; what it says is the beginning of a sentence, or empty if nothing was done.
    """
    try:
        yield
    except OutputLostError as error:
        raise OutputLostError(error.cause, error.done or done()) from None


def say(line: str) -> None:
    """Print a line of an answer and let it out at once, also into a pipe."""
    with answering():
        print(line, flush=True)


def announce(line: str) -> None:
    """Print a line of a program that goes on, whether or not anybody takes it."""
    with suppress(OutputLostError):
        say(line)


def say_json(content: Any) -> None:
    """Print JSON in ASCII, so that nothing in it reaches a terminal as a control character."""
    say(json.dumps(content, indent=2))


def say_or_json(line: str, content: Any, *, as_json: bool) -> None:
    """Print an answer of one line, or the same as JSON."""
    if as_json:
        say_json(content)
    else:
        say(line)


def say_done(done: Mapping[str, Any], *, as_json: bool) -> None:
    """Print as JSON what was done to what; a command that prints no line says it only so."""
    if as_json:
        say_json(done)


def harmless(text: str) -> str:
    """Return the text on one line, with what a terminal would obey replaced.

    Joiners, marks and spaces of living scripts, and new emoji, stay as they were written.
    """
    return "".join(_REPLACEMENT if _is_dangerous(c) else c for c in text.replace("\n", " "))


def _is_dangerous(character: str) -> bool:
    return not character.isprintable() and (
        category(character) in _DANGEROUS_KINDS or character in _TURNS_TEXT_ROUND
    )


def local_time(unix_seconds: float) -> str:
    """Return a time as the reader's clock shows it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(unix_seconds))


def utc_day(unix_seconds: float) -> str:
    """Return the day of a time, the same for every reader."""
    return time.strftime("%Y-%m-%d", time.gmtime(unix_seconds))


def size_text(size: int) -> str:
    """Return a number of bytes as people read it."""
    if size < _STEP:
        return f"{size} B"
    amount, unit = size / _STEP, _UNITS[0]
    for larger in _UNITS[1:]:
        if amount < _STEP - 0.05:  # It would be shown as 1024.0.
            break
        amount, unit = amount / _STEP, larger
    return f"{amount:.1f} {unit}"
