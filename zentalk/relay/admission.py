"""How many connections and streams a relay carries: in all, per source, and for its memory.

Plain synchronous code. Caps count sources of connections, never people: many people may
share a guard, and so streams have no cap per source.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import Final

MAX_PER_SOURCE: Final = 64
MAX_STREAMS: Final = 4096
CONNECTION_BYTES: Final = 16 * 1024
"""What an ordinary connection or stream holds; full queues are bounded one by one."""
_MAIN: Final = "main"


class Admission:
    """Counts what is open; a refusal is a fixed word for the counters, None admits.

    `network` decides whether loopback addresses and names that are not addresses (the
    in-memory network) count as one source: only in `main`.
    """

    __slots__ = ("_exempt", "_max_bytes", "_max_connections", "_sources", "connections", "streams")

    def __init__(self, network: str, max_connections: int, max_bytes: int) -> None:
        self._exempt = network != _MAIN
        self._max_connections = max_connections
        self._max_bytes = max_bytes
        self._sources: Counter[str] = Counter()
        self.connections = 0
        self.streams = 0

    def open_connection(self, source: str) -> str | None:
        """Admit a connection, to be given back with `close_connection`, or say why not."""
        if self.connections >= self._max_connections:
            return "connections"
        if self._sources[source] >= MAX_PER_SOURCE and not self._is_exempt(source):
            return "source"
        if not self._has_memory():
            return "memory"
        self.connections += 1
        self._sources[source] += 1
        return None

    def close_connection(self, source: str) -> None:
        """Give back a connection that was admitted."""
        self.connections -= 1
        self._sources[source] -= 1
        if not self._sources[source]:
            del self._sources[source]

    def open_stream(self) -> bool:
        """Admit a stream, to be given back with `close_stream`."""
        if self.streams >= MAX_STREAMS or not self._has_memory():
            return False
        self.streams += 1
        return True

    def close_stream(self) -> None:
        """Give back a stream that was admitted."""
        self.streams -= 1

    def _has_memory(self) -> bool:
        return (self.connections + self.streams + 1) * CONNECTION_BYTES <= self._max_bytes

    def _is_exempt(self, source: str) -> bool:
        if not self._exempt:
            return False
        try:
            return ipaddress.ip_address(source).is_loopback
        except ValueError:
            return True
