"""Bounds on connections, in all and from one source, and the meaning of one source."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from zentalk.web.websocket.messages import MAX_MESSAGE_BYTES

_HOST_PREFIX: Final = {4: 32, 6: 64}


class ConnectionLimits(NamedTuple):
    """The most connections: in all, and from one address that is not loopback; more are refused."""

    in_all: int = 256
    per_source: int = 32
    count_websockets: bool = True
    """False where the application has bounds of its own for them."""
    max_message_bytes: int = MAX_MESSAGE_BYTES
    """The most that one WebSocket can make the server hold."""


class ConnectionSlots:
    """Counts open connections by source."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._open: Counter[str] = Counter()

    def take(self, host: str) -> str | None:
        """Count a connection; None if there is no slot for it, else what `release` wants back."""
        source = source_of(host)
        limited = not is_loopback(host)
        if self._open.total() >= self._limits.in_all or (
            limited and self._open[source] >= self._limits.per_source
        ):
            return None
        self._open[source] += 1
        return source

    @contextmanager
    def held(self, source: str) -> Iterator[Callable[[], None]]:
        """Count a connection to the end of the block, or until it became a WebSocket.

        What is yielded is to be called then; it changes nothing where WebSockets count too.
        """
        counted = [source]

        def upgraded() -> None:
            if counted and not self._limits.count_websockets:
                self.release(counted.pop())

        try:
            yield upgraded
        finally:
            if counted:
                self.release(counted.pop())

    def release(self, source: str) -> None:
        """Forget a connection that was counted."""
        self._open[source] -= 1
        if not self._open[source]:
            del self._open[source]


def is_loopback(host: str) -> bool:
    """Say whether an address is of this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def source_of(host: str) -> str:
    """Return what counts as one source: an address, of IPv6 its /64, as who has one has all."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    prefix = _HOST_PREFIX[address.version]
    return str(ipaddress.ip_network((address, prefix), strict=False))
