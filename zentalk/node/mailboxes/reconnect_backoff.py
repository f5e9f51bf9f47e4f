"""How long to wait before the tunnel to a mailbox is opened again.

A tunnel that served ends because a relay on its way restarted: nothing is collected while
one waits, so the next attempt comes soon, however often that happens. One that never served,
or ends as soon as it begins, is tried less and less. Plain code.
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto.types import Entropy
from zentalk.net.backoff import half_jitter

FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 30.0
SERVED_SECONDS: Final = 3.0
"""A tunnel that lasted so long was worth opening. Whoever ends tunnels on purpose after that
makes us open one every few seconds, over the same relays, and no more."""


class ReconnectBackoff:
    """The waits of one mailbox."""

    __slots__ = ("_entropy", "_failures")

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._failures = 0

    def next_wait(self, served_seconds: float) -> float:
        """Return the wait in seconds after a tunnel that served so long, 0 if it never did."""
        if served_seconds > SERVED_SECONDS:
            self._failures = 0
        self._failures += 1
        return half_jitter(
            self._failures - 1, FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, self._entropy
        )
