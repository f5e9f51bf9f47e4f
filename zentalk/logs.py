"""Loggers of the library: silent until a program says where logs go.

An unconfigured structlog prints to standard output, which belongs to whoever uses the library. So
nothing is logged before `structlog.configure`, which the command line calls (`zentalk.cli.logs`).
What is logged is a fixed word and numbers, never an id, a text or an address of somebody else: a
relay's start names its own, which its operator chose and tells everybody, and a node names relays
that it cannot reach, as otherwise nobody could look for the fault.
"""

from __future__ import annotations

from typing import Any, cast

import structlog
from structlog.typing import FilteringBoundLogger


class _UntilConfigured:
    """Passes a call on if logging is configured at that moment."""

    def __init__(self, name: str) -> None:
        self._logger = structlog.get_logger(name)

    def __getattr__(self, method: str) -> Any:
        return getattr(self._logger, method) if structlog.is_configured() else _nothing


def quiet_logger(name: str) -> FilteringBoundLogger:
    """Return the logger of that name, which does nothing until logging is configured."""
    return cast("FilteringBoundLogger", _UntilConfigured(name))


def _nothing(*_arguments: object, **_values: object) -> None:
    pass
