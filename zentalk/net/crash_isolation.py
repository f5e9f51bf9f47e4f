"""Crash isolation, the last line of defence: a bug that one connection meets ends it alone.

Faults of peers are handled long before. An error that arrives here is a bug of this program or of
a library; it is logged by its class, because its text might hold what a peer sent. It must never
hold up a cancellation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from structlog.typing import FilteringBoundLogger


@contextmanager
def contained(
    log: FilteringBoundLogger, event: str, note: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Run the work of one connection: what it raises is logged and noted, and goes no further."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, it may not cost other connections
        note()
        _tell(log, event, error)
    except BaseExceptionGroup as group:
        bugs, rest = group.split(Exception)
        if bugs is not None:
            note()
            _tell(log, event, bugs)
        if rest is not None:
            raise rest from None


def _tell(log: FilteringBoundLogger, event: str, error: BaseException) -> None:
    log.error(event, kinds=sorted(_kinds(error)))


def _kinds(error: BaseException) -> set[str]:
    """Return the names of the classes of an error, or of those in a group."""
    if isinstance(error, BaseExceptionGroup):
        return {kind for inner in error.exceptions for kind in _kinds(inner)}
    return {type(error).__name__}
