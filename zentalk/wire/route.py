"""Where a person collects what one contact sends: part of a content, and kept by the contact.

Spec: docs/spec/end-to-end.md section 6, "Routes".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from zentalk.ids import NODE_ID_BYTES, SEND_ID_BYTES, NodeId, SendId
from zentalk.wire.codec import Fields, Value, pack, unpack

MAX_MAILBOXES: Final = 2
KEY_BYTES: Final = 32
_MAX_U53: Final = 2**53


@dataclass(frozen=True, slots=True)
class RouteEntry:
    """One mailbox: its relay, the send id to deposit to, and the key of the outer seal."""

    relay: NodeId
    send_id: SendId
    outer_key: bytes


@dataclass(frozen=True, slots=True)
class Route:
    """Where somebody collects what one contact deposits; higher versions replace lower."""

    version: int
    entries: tuple[RouteEntry, ...]


def encode_route(route: Route) -> bytes:
    """Encode a route for the database."""
    return pack(encode_route_value(route))


def decode_route(data: bytes) -> Route:
    """Read what `encode_route` wrote; raises DecodeError."""
    return decode_route_value(unpack(data, max_bytes=1024))


def encode_route_value(route: Route) -> list[Any]:
    """Return a route's place in a content."""
    return [route.version, [[e.relay, e.send_id, e.outer_key] for e in route.entries]]


def decode_route_value(value: Value) -> Route:
    """Read a route out of a content; raises DecodeError."""
    fields = Fields(value, "a route")
    version = fields.uint(_MAX_U53)
    entries = tuple(_entry(item) for item in fields.array(MAX_MAILBOXES))
    fields.end()
    return Route(version, entries)


def _entry(value: Value) -> RouteEntry:
    fields = Fields(value, "a route's entry")
    entry = RouteEntry(
        NodeId(fields.fixed(NODE_ID_BYTES)),
        SendId(fields.fixed(SEND_ID_BYTES)),
        fields.fixed(KEY_BYTES),
    )
    fields.end()
    return entry
