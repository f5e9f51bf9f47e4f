"""Which devices are connected: those with a request open, or one in the last 300 seconds.

Plain code; the caller brings monotonic seconds. It must be told of every request and asked to
`expire`, and says each change once. The owner's token counts as one more device, `owner`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CONNECTED_SECONDS: Final = 300.0
"""After its last request; the end of a stream counts as one, so that a lost line is no farewell."""


@dataclass(frozen=True, slots=True)
class Visits:
    """How many requests of a device began in this life of the node, and whether one is open."""

    count: int = 0
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class ConnectionFact:
    """A device came or left."""

    device: str
    connected: bool

    @property
    def type(self) -> str:
        """The name of the fact, as events are named."""
        return "device.connected" if self.connected else "device.disconnected"


class Connections:
    """The devices that are connected; bounded, because only admitted devices are named to it."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}
        self._until: dict[str, float] = {}
        self._begun: dict[str, int] = {}

    def visits(self, device: str) -> Visits:
        """Return the requests of a device so far."""
        return Visits(self._begun.get(device, 0), device in self._open)

    def connected(self) -> frozenset[str]:
        """Return the devices that are connected."""
        return frozenset(self._until)

    def began(self, device: str, now: float) -> list[ConnectionFact]:
        """A request or stream of a device began."""
        is_new = device not in self._until
        self._open[device] = self._open.get(device, 0) + 1
        self._begun[device] = self._begun.get(device, 0) + 1
        self._until[device] = now + CONNECTED_SECONDS
        return [ConnectionFact(device, True)] if is_new else []

    def ended(self, device: str, now: float) -> None:
        """A request or stream of a device ended."""
        count = self._open.get(device, 0)
        if not count:
            return  # It was forgotten while this was open.
        if count > 1:
            self._open[device] = count - 1
        else:
            del self._open[device]
        self._until[device] = now + CONNECTED_SECONDS

    def forget(self, device: str) -> list[ConnectionFact]:
        """A device was revoked."""
        self._open.pop(device, None)
        self._begun.pop(device, None)
        return self._gone([device] if device in self._until else [])

    def expire(self, now: float) -> list[ConnectionFact]:
        """Let go of devices that have been silent for too long."""
        over = [
            device
            for device, until in self._until.items()
            if until <= now and device not in self._open
        ]
        return self._gone(over)

    def next_expiry(self) -> float | None:
        """Return when `expire` may have something to say; None while nobody can leave by itself."""
        silent = [until for device, until in self._until.items() if device not in self._open]
        return min(silent, default=None)

    def _gone(self, devices: list[str]) -> list[ConnectionFact]:
        for device in devices:
            del self._until[device]
        return [ConnectionFact(device, False) for device in devices]
