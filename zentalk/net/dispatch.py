"""Requests and notifications by method, for the services behind a connection.

Turns the errors of services into responses: what they refuse becomes a refusal, what the
peer broke closes the connection. It must never know a method.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self, TypeAlias

from zentalk.errors import RefusedError, StorageError, StorageFullError, UnavailableError
from zentalk.net.connection import Connection
from zentalk.wire.codec import Fields
from zentalk.wire.rpc import UNKNOWN_METHOD, decode_call, encode_refusal

Request: TypeAlias = Callable[[Connection, Fields], Awaitable[bytes]]
"""Reads its fields to the end and returns the response."""
Notify: TypeAlias = Callable[[Connection, Fields], None]
"""Reads its fields to the end; must return at once."""


class Service(Protocol):
    """A part of a program that answers requests over links."""

    def requests(self) -> Mapping[str, Request]:
        """Return the handlers of requests, by method."""
        ...

    def notifies(self) -> Mapping[str, Notify]:
        """Return the handlers of notifications, by method."""
        ...


@dataclass(slots=True)
class Dispatcher:
    """The methods that one end of a link offers, by name."""

    requests: dict[str, Request] = field(default_factory=dict)
    notifies: dict[str, Notify] = field(default_factory=dict)

    @classmethod
    def of(cls, *services: Service) -> Self:
        """Return one dispatcher for the methods of several services."""
        found = cls()
        for service in services:
            found.requests.update(service.requests())
            found.notifies.update(service.notifies())
        return found

    async def request(self, connection: Connection, body: bytes) -> bytes:
        """Return the response to a request.

        Raises RemoteProtocolError if the peer broke the rules.
        """
        method, fields = decode_call(body)
        handler = self.requests.get(method)
        if handler is None:
            return encode_refusal(UNKNOWN_METHOD)
        try:
            return await handler(connection, fields)
        except RefusedError as refusal:
            return encode_refusal(refusal.reason)
        except StorageFullError:
            return encode_refusal("full")
        except (StorageError, UnavailableError):
            return encode_refusal("unavailable")

    def notify(self, connection: Connection, body: bytes) -> None:
        """Take a notification; one with an unknown method is dropped.

        Raises RemoteProtocolError if the peer broke the rules.
        """
        method, fields = decode_call(body)
        handler = self.notifies.get(method)
        if handler is not None:
            handler(connection, fields)
