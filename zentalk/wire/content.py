"""What travels inside a ratchet: a versioned map, and where its author collects.

Spec: docs/spec/end-to-end.md section 6. Unknown kinds and unknown keys are kept by the
receiver, not refused, so that an older node does not lose what a newer one sent.

| key | type | meaning |
|---|---|---|
| v | uint | version, 1 |
| k | str | kind: text, confirmation, part, route, none |
| i | bytes 16 | message id |
| n | uint | sequence number of the sender in this conversation, 0 for none |
| t | uint | unix time of writing in milliseconds |
| b | by kind | text: str; confirmation: [id...]; part: [index, count, bytes]; others: their own |
| r | [version, [relay, send id, key]...] | where the author collects, until it is known |
| a | uint | newest version of the reader's route that the author has |
| w | bytes 16 | ticket: secret of an invite or introduction, until the reader has answered |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from zentalk.errors import DecodeError
from zentalk.ids import (
    MESSAGE_ID_BYTES,
    NODE_ID_BYTES,
    SEND_ID_BYTES,
    TICKET_BYTES,
    MessageId,
    NodeId,
    SendId,
)
from zentalk.wire.codec import Fields, Value, pack, unpack

VERSION: Final = 1
MAX_TEXT_BYTES: Final = 65_536
MAX_CONTENT_BYTES: Final = MAX_TEXT_BYTES + 1_024
"""A whole content: the longest text and room for everything around it."""
PART_BYTES: Final = 31_000
"""Fits a class L envelope beside an initial header, a route and a part's own fields."""
MAX_PARTS: Final = 64
"""66,560 bytes in parts as small as the smallest envelope leaves room for."""
MAX_CONFIRMATIONS: Final = 64
"""Ids of one confirmation: 64 x 18 bytes fit a class S envelope beside a route."""
MAX_MAILBOXES: Final = 2
KEY_BYTES: Final = 32

TEXT: Final = "text"
CONFIRMATION: Final = "confirmation"
PART: Final = "part"
ROUTE: Final = "route"
NONE: Final = "none"
_MAX_KIND_BYTES: Final = 32
_READ_HERE: Final = frozenset({TEXT, CONFIRMATION, PART})
"""Kinds whose bodies are read with their content; those of others are kept as they are."""
_MAX_U53: Final = 2**53
_KNOWN_KEYS: Final = frozenset("vkintbraw")


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


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a content that is too long for one envelope."""

    index: int
    count: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """One decoded content; which of text, confirmed, part and body is set depends on `kind`."""

    kind: str
    message_id: MessageId
    sequence: int = 0
    sent_at_ms: int = 0
    text: str = ""
    confirmed: tuple[MessageId, ...] = ()
    part: Part | None = None
    body: Value = field(default=None, repr=False)
    route: Route | None = None
    route_seen: int = 0
    ticket: bytes = field(default=b"", repr=False)
    extra: dict[str, Any] = field(default_factory=dict)


def encode_content(content: Content) -> bytes:
    """Encode a content of one of the known kinds."""
    value: dict[str, Any] = {"v": VERSION, "k": content.kind, "i": content.message_id}
    if content.sequence:
        value["n"] = content.sequence
    if content.sent_at_ms:
        value["t"] = content.sent_at_ms
    if content.kind == TEXT:
        value["b"] = content.text
    elif content.kind == CONFIRMATION:
        value["b"] = list(content.confirmed)
    elif content.part is not None:
        value["b"] = [content.part.index, content.part.count, content.part.data]
    elif content.body is not None:
        value["b"] = content.body
    if content.route is not None:
        value["r"] = encode_route_value(content.route)
    if content.route_seen:
        value["a"] = content.route_seen
    if content.ticket:
        value["w"] = content.ticket
    return pack(value)


def in_parts(content: Content) -> list[tuple[Content, bytes]]:
    """Return a content, or its parts if it is long, each with its encoded form."""
    whole = encode_content(content)
    if len(whole) <= PART_BYTES:
        return [(content, whole)]
    chunks = [whole[start : start + PART_BYTES] for start in range(0, len(whole), PART_BYTES)]
    pieces = [
        Content(
            kind=PART,
            message_id=content.message_id,
            part=Part(index, len(chunks), chunk),
            route_seen=content.route_seen,
        )
        for index, chunk in enumerate(chunks)
    ]
    return [(piece, encode_content(piece)) for piece in pieces]


def decode_content(data: bytes) -> Content:
    """Decode a content; raises DecodeError if a known key has a wrong value."""
    value = unpack(data, max_bytes=MAX_CONTENT_BYTES, max_items=MAX_CONFIRMATIONS)
    if not isinstance(value, dict):
        raise DecodeError("a content is not a map")
    fields = Fields(
        [value.get("v", 0), value.get("k", ""), value.get("i", b""), value.get("n", 0),
         value.get("t", 0), value.get("a", 0)],
        "a content",
    )  # fmt: skip
    fields.uint(255)
    kind = fields.text(_MAX_KIND_BYTES)
    content = Content(
        kind=kind,
        message_id=MessageId(fields.fixed(MESSAGE_ID_BYTES)),
        sequence=fields.uint(_MAX_U53),
        sent_at_ms=fields.uint(_MAX_U53),
        route_seen=fields.uint(_MAX_U53),
        text=_text(value) if kind == TEXT else "",
        confirmed=_confirmed(value) if kind == CONFIRMATION else (),
        part=_part(value) if kind == PART else None,
        body=None if kind in _READ_HERE else value.get("b"),
        route=decode_route_value(value["r"]) if "r" in value else None,
        ticket=_ticket(value["w"]) if "w" in value else b"",
        extra={key: item for key, item in value.items() if key not in _KNOWN_KEYS},
    )
    fields.end()
    return content


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


def _ticket(value: Value) -> bytes:
    return Fields([value], "a ticket").fixed(TICKET_BYTES)


def _text(value: dict[str, Value]) -> str:
    return Fields([value.get("b")], "a text").text(MAX_TEXT_BYTES)


def _confirmed(value: dict[str, Value]) -> tuple[MessageId, ...]:
    items = Fields([value.get("b")], "a confirmation").fixed_array(
        MAX_CONFIRMATIONS, MESSAGE_ID_BYTES
    )
    return tuple(MessageId(item) for item in items)


def _part(value: dict[str, Value]) -> Part:
    fields = Fields(value.get("b"), "a part")
    part = Part(fields.uint(MAX_PARTS), fields.uint(MAX_PARTS), fields.blob(MAX_CONTENT_BYTES))
    fields.end()
    if part.index >= part.count:
        raise DecodeError("a part's index is not below its count")
    return part
