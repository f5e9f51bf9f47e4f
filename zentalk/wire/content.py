"""What travels inside a ratchet: a versioned map.

Spec: docs/spec/end-to-end.md section 6. Unknown kinds and unknown keys are kept by the
receiver, not refused, so that an older node does not lose what a newer one sent.

| key | type | meaning |
|---|---|---|
| v | uint | version, 1 |
| k | str | kind: text, confirmation, part, route, none, or one of `zentalk.wire.chat` |
| i | bytes 16 | message id |
| n | uint | sequence number of the sender in this conversation, 0 for none |
| t | uint | unix time of writing in milliseconds |
| b | by kind | text: str; confirmation: [id...]; part: [index, count, bytes]; else a record |
| r | [version, [relay, send id, key]...] | where the author collects, until it is known |
| a | uint | newest version of the reader's route that the author has |
| q | [author, id] | the message that this one answers |
| w | uint | 1 if it was forwarded |
| x | uint | it disappears so many seconds after it was read |
| m | [address...] | who is mentioned |
| f | str | a line for readers who do not know the kind |
| p | bytes 16 | ticket: secret of an invite or introduction, until the reader has answered |
| e | uint | term of the author's node, until the reader has answered; 0 if it was never promoted |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from zentalk.errors import DecodeError
from zentalk.ids import (
    MESSAGE_ID_BYTES,
    TICKET_BYTES,
    USER_ADDRESS_BYTES,
    MessageId,
    UserAddress,
)
from zentalk.wire.chat import (
    BODIES,
    MAX_TEXT_BYTES,
    MAX_TIMER_SECONDS,
    Body,
    MessageTarget,
    decode_body,
    encode_body,
)
from zentalk.wire.codec import Fields, Value, pack, unpack
from zentalk.wire.route import Route, decode_route_value, encode_route_value

VERSION: Final = 1
MAX_CONTENT_BYTES: Final = MAX_TEXT_BYTES + 1_024
"""A whole content: the longest text and room for everything around it."""
PART_BYTES: Final = 31_000
"""Fits a class L envelope beside an initial header, a route and a part's own fields."""
MAX_PARTS: Final = 64
"""66,560 bytes in parts as small as the smallest envelope leaves room for."""
MAX_CONFIRMATIONS: Final = 64
"""Ids of one confirmation: 64 x 18 bytes fit a class S envelope beside a route."""
MAX_MENTIONS: Final = 16
MAX_FALLBACK_BYTES: Final = 256

TEXT: Final = "text"
CONFIRMATION: Final = "confirmation"
PART: Final = "part"
ROUTE: Final = "route"
NONE: Final = "none"
_MAX_KIND_BYTES: Final = 32
_READ_HERE: Final = frozenset({TEXT, CONFIRMATION, PART}) | BODIES
"""Kinds whose bodies are read with their content; those of others are kept as they are."""
_MAX_U53: Final = 2**53
_MAX_TERM: Final = 2**32 - 1
_KNOWN_KEYS: Final = frozenset("vkintbraqwxmfpe")


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a content that is too long for one envelope."""

    index: int
    count: int
    data: bytes


class About(NamedTuple):
    """What goes along with a message of any kind; `timer_seconds` is 0 if it does not disappear."""

    reply_to: MessageTarget | None = None
    forwarded: bool = False
    timer_seconds: int = 0
    mentions: tuple[UserAddress, ...] = ()

    def __repr__(self) -> str:
        return "<about>"


PLAIN: Final = About()


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
    body: Body | None = None
    about: About = PLAIN
    raw_body: Value = field(default=None, repr=False)
    """The body of a kind that is read elsewhere, or not known here."""
    fallback: str = field(default="", repr=False)
    route: Route | None = None
    route_seen: int = 0
    ticket: bytes = field(default=b"", repr=False)
    term: int = 0
    extra: dict[str, Any] = field(default_factory=dict)


def encode_content(content: Content) -> bytes:
    """Encode a content of one of the known kinds."""
    value: dict[str, Any] = {"v": VERSION, "k": content.kind, "i": content.message_id}
    if content.sequence:
        value["n"] = content.sequence
    if content.sent_at_ms:
        value["t"] = content.sent_at_ms
    body = _encoded_body(content)
    if body is not None:
        value["b"] = body
    given = {
        "r": None if content.route is None else encode_route_value(content.route),
        "a": content.route_seen,
        "f": content.fallback,
        "p": content.ticket,
        "e": content.term,
    }
    value |= {key: item for key, item in given.items() if item}
    if content.about != PLAIN:
        _encode_about(value, content.about)
    return pack(value)


def _encoded_body(content: Content) -> Any:
    if content.body is not None:
        return encode_body(content.body)
    if content.kind == TEXT:
        return content.text
    if content.kind == CONFIRMATION:
        return list(content.confirmed)
    if content.part is not None:
        return [content.part.index, content.part.count, content.part.data]
    return content.raw_body


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
         value.get("t", 0), value.get("a", 0), value.get("f", ""), value.get("e", 0)],
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
        fallback=fields.text(MAX_FALLBACK_BYTES),
        term=fields.uint(_MAX_TERM),
        text=_text(value) if kind == TEXT else "",
        confirmed=_confirmed(value) if kind == CONFIRMATION else (),
        part=_part(value) if kind == PART else None,
        body=decode_body(kind, value.get("b")),
        raw_body=None if kind in _READ_HERE else value.get("b"),
        about=_about(value),
        route=decode_route_value(value["r"]) if "r" in value else None,
        ticket=_ticket(value["p"]) if "p" in value else b"",
        extra={key: item for key, item in value.items() if key not in _KNOWN_KEYS},
    )
    fields.end()
    return content


def is_all_text(content: Content) -> bool:
    """Tell whether a content is kept whole when its text is."""
    return content.kind == TEXT and content.about == PLAIN and not content.extra


def _encode_about(value: dict[str, Any], about: About) -> None:
    if about.reply_to is not None:
        value["q"] = list(about.reply_to)
    if about.forwarded:
        value["w"] = 1
    if about.timer_seconds:
        value["x"] = about.timer_seconds
    if about.mentions:
        value["m"] = list(about.mentions)


def _about(value: dict[str, Value]) -> About:
    if not value.keys() & set("qwxm"):
        return PLAIN
    fields = Fields(
        [value.get("w", 0), value.get("x", 0), value.get("m", [])], "what goes along with a content"
    )
    forwarded, timer_seconds = bool(fields.uint(1)), fields.uint(MAX_TIMER_SECONDS)
    mentions = fields.fixed_array(MAX_MENTIONS, USER_ADDRESS_BYTES)
    reply_to = _reply(value["q"]) if "q" in value else None
    return About(reply_to, forwarded, timer_seconds, tuple(map(UserAddress, mentions)))


def _reply(value: Value) -> MessageTarget:
    fields = Fields(value, "a reply's target")
    author = UserAddress(fields.fixed(USER_ADDRESS_BYTES))
    target = MessageTarget(author, MessageId(fields.fixed(MESSAGE_ID_BYTES)))
    fields.end()
    return target


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
