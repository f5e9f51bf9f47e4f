"""The last line of defence: a mistake of ours that one link or packet brings out ends it alone.

Spec: docs/spec/link.md section 11. What peers do wrong is handled long before. What arrives
here is a mistake in this program; it is counted and logged by its class, because its text
might hold what a peer sent. It must never hold up a cancellation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from zentalk.relay.stats import Counters

MISTAKE: Final = "mistake"
"""The word under which links that ended so are counted."""

_LOG: Final = structlog.get_logger("zentalk.relay")


@contextmanager
def contained(counters: Counters, event: str = "link_ended_by_a_mistake") -> Iterator[None]:
    """Run the work of one link: what it raises is counted and goes no further.

    The same for one packet that waited, with another `event` for the log.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, it may not cost other links
        _note(error, counters, event)
    except BaseExceptionGroup as group:
        mistakes, rest = group.split(Exception)
        if mistakes is not None:
            _note(mistakes, counters, event)
        if rest is not None:
            raise rest from None


def _note(error: BaseException, counters: Counters, event: str) -> None:
    counters.refuse(MISTAKE)
    _LOG.error(event, kinds=sorted(_kinds(error)))


def _kinds(error: BaseException) -> set[str]:
    """Return the names of the classes of an error, or of those in a group."""
    if isinstance(error, BaseExceptionGroup):
        return {kind for inner in error.exceptions for kind in _kinds(inner)}
    return {type(error).__name__}
