"""Logs: lines on standard error that say what happened, never to whom or with which words.

Scrubbing is by permission. An event is a fixed word; numbers pass; a text passes only under a
key that is known to be harmless, and even then without anything that looks like a key, an
address or an id. Everything else is written as `<hidden>`.
"""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO, cast

import structlog

HIDDEN: Final = "<hidden>"

SAFE_KEYS: Final = frozenset(
    {
        *("event", "level", "timestamp", "logger", "error", "reason", "state", "kind", "at"),
        *("host", "place", "profile", "program", "version", "method", "role", "network"),
        "announced_host",  # the relay's own, as `host` is
        *("fault", "code"),  # of a storage: words of this program and of SQLite or the system
    }
)
_WORD: Final = re.compile(r"(?!zt1)[a-z][a-z0-9]{0,17}(?:_[a-z0-9]{1,18}){0,7}")
"""An event or a key as code names it; its parts are too short for an id or an address."""

_SECRETS: Final = re.compile(
    r"zt1[a-z2-7]{8,}"  # addresses, also cut ones
    r"|zt-relay:[a-z2-7]*"
    r"|(?<![0-9A-Za-z])[0-9a-fA-F]{16,}(?![0-9A-Za-z])"
    r"|[A-Za-z0-9_+=-]{22,}"  # base64, base32
)


def configure_logging(level: int = logging.INFO) -> None:
    """Send all logs of this process to standard error, scrubbed."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            scrub,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Lasting(sys.stderr))),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_ForeignFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.raiseExceptions = False


def scrub(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what must not be in a log (a structlog processor)."""
    error = event.pop("exc_info", None)
    scrubbed = {
        key if _WORD.fullmatch(key) else "hidden": _harmless(key, value)
        for key, value in event.items()
    }
    if error:
        scrubbed["error"], scrubbed["at"] = describe(error)
    return scrubbed


def scrub_text(text: str) -> str:
    """Hide keys, addresses and ids in a text."""
    return _SECRETS.sub(HIDDEN, text)


def describe(error: object) -> tuple[str, str]:
    """Return an error's class and place; its own text may quote what it failed on."""
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple):
        error = error[1]
    if not isinstance(error, BaseException):
        return HIDDEN, HIDDEN
    return type(error).__name__, _place(error.__traceback__)


def _place(trace: TracebackType | None) -> str:
    place = "unknown"
    while trace is not None:
        place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _harmless(key: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if not isinstance(value, str) or key not in SAFE_KEYS:
        return HIDDEN
    if key == "event":
        return value if _WORD.fullmatch(value) else HIDDEN
    return scrub_text(value)


class _Lasting(io.TextIOBase):
    """Standard error as long as there is one: a closed terminal must not end a relay."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or drop it."""
        with suppress(OSError, ValueError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Let out what was written, if that can be."""
        with suppress(OSError, ValueError):
            self._stream.flush()


class _ForeignFormatter(logging.Formatter):
    """For libraries that log by themselves: their fixed text, never its arguments."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        text = record.msg if isinstance(record.msg, str) else HIDDEN
        line = f"level={record.levelname.lower()} logger={record.name} text={scrub_text(text)!r}"
        if record.exc_info:
            error, place = describe(record.exc_info)
            line += f" error={error} at={place}"
        return line
