"""A message as it is exported, read back into what the history keeps of it.

The inverse of how a line is shown, as far as that can be known: numbers of marks, sequence numbers
and keys are in no export. A file may come from anybody, so what is read is encoded, and read once
more by the decoder of what comes over the wire; nothing that it would refuse is kept.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from zentalk.chat.kinds import RATCHET_RENEWED, KindRole, role_of
from zentalk.chat.marks import Signed
from zentalk.chat.views import SOUTH, WEST, fallback_of
from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.ids import MESSAGE_ID_BYTES, MessageId, UserAddress
from zentalk.wire.chat import (
    CARD,
    LOCATION,
    MAX_OPTIONS,
    MICRODEGREES,
    POLL,
    STICKER,
    Body,
    Card,
    Deletion,
    Edit,
    Location,
    Mark,
    MessageTarget,
    Pin,
    Poll,
    Reaction,
    Sticker,
    Vote,
    decode_body,
    encode_body,
    kind_of,
)
from zentalk.wire.codec import pack, unpack
from zentalk.wire.content import (
    MAX_CONTENT_BYTES,
    TEXT,
    About,
    Content,
    decode_content,
    encode_content,
    is_all_text,
)
from zentalk.wire.text import parse_address

LOWEST_NUMBER: Final = 1
"""Of every mark that is read back: any that was made since, here or there, is higher and wins."""
LATEST_SECONDS: Final = 4e9
"""The year 2096; no message is later."""
MAX_MARKS: Final = 512
STATES: Final = {"out": frozenset({"queued", "sent", "delivered", "read", "failed"}),
                 "in": frozenset({"received"})}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PortableLine:
    """One message of an export; times are unix seconds, `content` what is kept beside the text."""

    message_id: MessageId
    author: UserAddress = field(repr=False)
    """Empty for a line that nobody wrote on our side."""
    direction: str
    kind: str
    text: str = field(repr=False)
    content: bytes | None = field(repr=False)
    state: str
    reason: str
    sent_at: float
    missing: int
    starred: bool
    timer_seconds: int
    expires_at: float | None
    marks: tuple[Signed, ...] = field(repr=False)


def read_line(contact: UserAddress, shown: Mapping[str, Any]) -> PortableLine:
    """Read one message of the conversation with a contact.

    `shown` has the fields and types of a message of REST. Raises DecodeError.
    """
    try:
        return _line(contact, shown)
    except DecodeError:
        raise
    except (AttributeError, KeyError, LocalProtocolError, OverflowError, TypeError, ValueError):
        raise DecodeError("one of its fields has a wrong value") from None


def _line(contact: UserAddress, shown: Mapping[str, Any]) -> PortableLine:
    kind, direction, deleted = shown["kind"], shown["direction"], shown["deleted"]
    if role_of(kind) is not KindRole.LINE:
        raise DecodeError("its kind takes no place in a conversation")
    if shown["state"] not in STATES[direction]:
        raise DecodeError("its state is none of its direction")
    if not 0 <= shown["sent_at"] < LATEST_SECONDS:
        raise DecodeError("its time is none")
    target = MessageTarget(_author(contact, shown), _message_id(shown["id"]))
    content = None
    if not deleted and kind != RATCHET_RENEWED:
        content = _content(target.message_id, shown)
    return PortableLine(
        message_id=target.message_id,
        author=target.author,
        direction=direction,
        kind=kind,
        text="" if deleted else _checked(shown["text"]),
        content=content,
        state=shown["state"],
        reason=_checked(shown["reason"])[:256],
        sent_at=shown["sent_at"],
        missing=shown["missing"],
        starred=shown["starred"] and not deleted,
        timer_seconds=shown["timer_seconds"],
        expires_at=shown["expires_at"],
        marks=() if kind == RATCHET_RENEWED else _marks(target, shown),
    )


def _author(contact: UserAddress, shown: Mapping[str, Any]) -> UserAddress:
    """Return who wrote a line; who wrote to whom is checked against its direction."""
    if shown["direction"] == "in":
        if shown["author"] and parse_address(shown["author"]) != contact:
            raise DecodeError("it came in, and its author is not the person of the conversation")
        return contact
    if shown["kind"] == RATCHET_RENEWED:
        return UserAddress(b"")
    author = parse_address(shown["author"])
    if author == contact:
        raise DecodeError("it went out, and its author is the person of the conversation")
    return author


def _message_id(text: str) -> MessageId:
    raw = bytes.fromhex(text)
    if len(raw) != MESSAGE_ID_BYTES or raw.hex() != text:
        raise DecodeError("its id has not 32 hexadecimal digits")
    return MessageId(raw)


def _checked(text: str) -> str:
    text.encode("utf-8")  # A lone surrogate raises, as a ValueError.
    return text


def _content(message_id: MessageId, shown: Mapping[str, Any]) -> bytes | None:
    kind, text = shown["kind"], _checked(shown["text"])
    body = _body(kind, shown["body"])
    content = Content(
        kind=kind,
        message_id=message_id,
        sent_at_ms=int(shown["sent_at"] * 1000),
        text=text if kind == TEXT else "",
        body=body,
        about=_about(shown),
        fallback="" if kind == TEXT else text if body is None else fallback_of(body),
    )
    encoded = encode_content(content)
    decode_content(encoded)
    return None if is_all_text(content) else encoded


def _about(shown: Mapping[str, Any]) -> About:
    reply = shown["reply_to"]
    return About(
        None
        if reply is None
        else MessageTarget(parse_address(reply["author"]), _message_id(reply["id"])),
        shown["forwarded"],
        shown["timer_seconds"],
        tuple(map(parse_address, shown["mentions"])),
    )


def _body(kind: str, view: Mapping[str, Any] | None) -> Body | None:
    """Return the body of a kind that has one; raises what a wrong field raises."""
    if view is None:
        if kind in _BODIES:
            raise DecodeError("it has no body")
        return None
    read = _BODIES.get(kind)
    return None if read is None else read(view)


def _sticker(view: Mapping[str, Any]) -> Sticker:
    try:
        return Sticker(view["emoji"], base64.b64decode(view["picture"], validate=True))
    except binascii.Error:
        raise DecodeError("its picture is not in base64") from None


_BODIES: Final[dict[str, Callable[[Mapping[str, Any]], Body]]] = {
    POLL: lambda view: Poll(view["question"], tuple(view["options"]), view["multiple"]),
    CARD: lambda view: Card(parse_address(view["address"]), view["name"]),
    STICKER: _sticker,
    LOCATION: lambda view: Location(
        round(view["latitude"] * MICRODEGREES) + SOUTH,
        round(view["longitude"] * MICRODEGREES) + WEST,
        view["label"],
    ),
}


def _marks(target: MessageTarget, shown: Mapping[str, Any]) -> tuple[Signed, ...]:
    if len(shown["reactions"]) + len(shown["votes"]) > MAX_MARKS:
        raise DecodeError(f"it has more than {MAX_MARKS} reactions and votes")
    signed = tuple(_each_mark(target, shown))
    for _, mark in signed:
        value = unpack(pack(encode_body(mark)), max_bytes=MAX_CONTENT_BYTES)
        decode_body(kind_of(mark), value)
    return signed


def _each_mark(target: MessageTarget, shown: Mapping[str, Any]) -> Iterator[Signed]:
    def own(mark: Mark) -> Signed:
        return Signed(target.author, mark)

    if shown["deleted"]:
        yield own(Deletion(target, LOWEST_NUMBER))
        return
    if shown["edited"]:
        yield own(Edit(target, LOWEST_NUMBER, shown["text"]))
    if shown["pinned"]:
        yield own(Pin(target, LOWEST_NUMBER, pinned=True))
    for one in shown["reactions"]:
        yield Signed(parse_address(one["author"]), Reaction(target, LOWEST_NUMBER, one["emoji"]))
    for one in shown["votes"]:
        options = tuple(sorted(set(one["options"])))
        if not all(0 <= option < MAX_OPTIONS for option in options):
            raise DecodeError("a vote is for an option that no poll has")
        yield Signed(parse_address(one["author"]), Vote(target, LOWEST_NUMBER, options))
