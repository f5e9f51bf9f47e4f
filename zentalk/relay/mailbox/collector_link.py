"""What a mailbox uses of the connection over which its owner collects."""

from __future__ import annotations

from typing import Protocol


class CollectorLink(Protocol):
    """What the mailbox uses of a connection (`zentalk.net.connection.Connection`)."""

    @property
    def handshake_hash(self) -> bytes:
        """What the collect proof is bound to."""
        ...

    def notify(self, body: bytes) -> None:
        """Queue a notification; raises LinkClosedError."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...
