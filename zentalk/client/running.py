"""What the parts of a client are built on: something that carries out a call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar

from zentalk.client.calls import Call

T = TypeVar("T")


class BlockingCalls(ABC):
    """Carries out calls, and waits for their answers."""

    @abstractmethod
    def _run(self, call: Call[T]) -> T:
        """Return what the answer says; raises what `zentalk.client.errors` names."""


class AwaitedCalls(ABC):
    """Carries out calls, for whoever awaits their answers."""

    @abstractmethod
    async def _run(self, call: Call[T]) -> T:
        """Return what the answer says; raises what `zentalk.client.errors` names."""
