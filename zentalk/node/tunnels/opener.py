"""What the directory's clients need of tunnels, and nothing more.

An opener gives a link whose far end is the relay named, closed when its block ends. How it
gets there, over which guard, is the node's business.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

from zentalk.ids import NodeId


class QuestionLink(Protocol):
    """The innermost link of a short tunnel."""

    async def request(self, body: bytes, timeout_seconds: float = 10) -> bytes:
        """Ask, and return the answer's body; raises TransportError."""
        ...

    def notify(self, body: bytes) -> None:
        """Tell, without an answer; raises LinkClosedError."""


TunnelOpener: TypeAlias = Callable[[NodeId], AbstractAsyncContextManager[QuestionLink]]
