"""How long the clients wait for a node."""

from __future__ import annotations

from typing import Final

import httpx

TIMEOUT_SECONDS: Final = 30.0
STREAM_TIMEOUT_SECONDS: Final = 60.0
"""After this long in silence a stream counts as lost; the node's heartbeat is more frequent."""
FILE_TIMEOUT_SECONDS: Final = 120.0
"""How long relays may take to bring a node the next piece of a file."""


def patient(timeout: httpx.Timeout, silence_seconds: float | None) -> httpx.Timeout:
    """Return a timeout that waits so long for an answer or its next piece, for ever if None."""
    return httpx.Timeout(**(timeout.as_dict() | {"read": silence_seconds}))
