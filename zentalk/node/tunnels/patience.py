"""How long to wait after a tunnel could not be opened, and when to give up.

A relay that is merely busy is waited for; one that fails is gone round at once, but not for ever:
in the end the caller must be told.
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto.types import Entropy
from zentalk.errors import RefusedError, TransportError, ZentalkError
from zentalk.net.backoff import full_jitter

ATTEMPTS: Final = 5
"""Routes that may fail before the caller is told; `busy` does not count. The third hop is drawn
from all relays whatever is known of them, so a dead one is met as often as there are dead ones."""
BUSY: Final = "busy"
BUSY_FIRST_SECONDS: Final = 1.0
BUSY_LONGEST_SECONDS: Final = 60.0


class Patience:
    """The patience of one caller."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._busy = self._failed = 0

    def next_wait(self, error: ZentalkError) -> float:
        """Return seconds to wait; raises TransportError after the last attempt."""
        if isinstance(error, RefusedError) and error.reason == BUSY:
            self._busy += 1
            return full_jitter(
                self._busy - 1, BUSY_FIRST_SECONDS, BUSY_LONGEST_SECONDS, self._entropy
            )
        self._failed += 1
        if self._failed >= ATTEMPTS:
            raise TransportError("a relay cannot be reached now") from error
        return 0.0
