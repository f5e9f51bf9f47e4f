"""The bodies of contents that people make in a chat: one record for each kind.

Spec: docs/spec/end-to-end.md section 6. Only shape and size are checked here; what a body may do
to a conversation is decided in `zentalk.chat`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from zentalk.errors import DecodeError
from zentalk.ids import MESSAGE_ID_BYTES, USER_ADDRESS_BYTES, MessageId, UserAddress
from zentalk.wire.codec import Fields, Value
from zentalk.wire.head import MAX_FILE_BYTES

EDIT: Final = "edit"
DELETE: Final = "delete"
REACTION: Final = "reaction"
PIN: Final = "pin"
VOTE: Final = "vote"
TIMER: Final = "timer"
READ: Final = "read"
TYPING: Final = "typing"
PRESENCE: Final = "presence"
PROFILE: Final = "profile"
CARD: Final = "contact"
POLL: Final = "poll"
STICKER: Final = "sticker"
LOCATION: Final = "location"
FILE: Final = "file"
DIRECT: Final = "direct"
DIRECT_OFFER: Final = "direct-offer"

MAX_TEXT_BYTES: Final = 65_536
MAX_EMOJI_BYTES: Final = 64
"""The longest emoji in use, a family with skin tones, has 41 bytes."""
MAX_NAME_BYTES: Final = 256
MAX_STATUS_BYTES: Final = 512
MAX_PICTURE_BYTES: Final = 24 * 1024
"""A sticker or an avatar: with everything around it, it fits one class L envelope."""
MAX_QUESTION_BYTES: Final = 1_024
MAX_OPTION_BYTES: Final = 256
MAX_OPTIONS: Final = 12
MIN_OPTIONS: Final = 2
MAX_TIMER_SECONDS: Final = 366 * 86_400
MAX_LABEL_BYTES: Final = 256
MAX_OFFER_BYTES: Final = 512
"""An offer is read by `zentalk.wire.direct`."""
MAX_MEDIA_TYPE_BYTES: Final = 127
MAX_PREVIEW_BYTES: Final = 16 * 1024
"""A small picture of a file: with everything around it, it fits one class L envelope."""
MAX_SIDE_PIXELS: Final = 2**16 - 1
MICRODEGREES: Final = 1_000_000
CID_BYTES: Final = 32
SHARE_SECRET_BYTES: Final = 32
_MAX_U53: Final = 2**53
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")


class MessageTarget(NamedTuple):
    """The message that a body is about: ids are chosen by authors, so one alone names none."""

    author: UserAddress
    message_id: MessageId

    def __repr__(self) -> str:
        return "<target>"


@dataclass(frozen=True, slots=True)
class Edit:
    """A new text for a message; `number` orders what one author says about one message."""

    target: MessageTarget
    number: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Deletion:
    """A message is taken back, for everybody."""

    target: MessageTarget
    number: int


@dataclass(frozen=True, slots=True)
class Reaction:
    """An emoji at a message; an empty one takes back what its author gave before."""

    target: MessageTarget
    number: int
    emoji: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pin:
    """A message is pinned for all of the conversation, or not any more."""

    target: MessageTarget
    number: int
    pinned: bool


@dataclass(frozen=True, slots=True)
class Vote:
    """Options of a poll, by their place from 0; none of them takes a vote back."""

    target: MessageTarget
    number: int
    options: tuple[int, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Timer:
    """Messages of this conversation disappear so many seconds after they were read; 0: never."""

    number: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Read:
    """The newest message of the reader of this body that its author has looked at."""

    message_id: MessageId


@dataclass(frozen=True, slots=True)
class Typing:
    """Whether the author is writing; it expires after 5 s."""

    typing: bool


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether one of the author's devices is in use; it expires after 60 s."""

    online: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """How the author wants to be shown; a higher version replaces a lower one."""

    version: int
    name: str = field(repr=False)
    status: str = field(repr=False)
    avatar: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Card:
    """Somebody's address, and the name under which the author knows it."""

    address: UserAddress = field(repr=False)
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Poll:
    """A question with 2 to 12 options, of which one or, if `multiple`, any number may be chosen."""

    question: str = field(repr=False)
    options: tuple[str, ...] = field(repr=False)
    multiple: bool


@dataclass(frozen=True, slots=True)
class Sticker:
    """A small picture, and the emoji that stands for it in a line of text."""

    emoji: str = field(repr=False)
    picture: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Location:
    """A place in millionths of a degree, counted from the south pole and from 180 degrees west."""

    latitude: int = field(repr=False)
    longitude: int = field(repr=False)
    label: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FileCard:
    """A file in the mesh: how to get it, and what it is; a preview is a small picture of it.

    Width and height are pixels, 0 for what has none; so is the length of a sound or a video, in
    milliseconds. `voice` is a sound that its author has just spoken.
    """

    cid: bytes = field(repr=False)
    share_secret: bytes = field(repr=False)
    size: int = field(repr=False)
    name: str = field(repr=False)
    media_type: str = field(repr=False)
    preview: bytes = field(default=b"", repr=False)
    width: int = field(default=0, repr=False)
    height: int = field(default=0, repr=False)
    milliseconds: int = field(default=0, repr=False)
    voice: bool = False


@dataclass(frozen=True, slots=True)
class DirectConsent:
    """Whether the author lets its node and the reader's show each other their addresses."""

    number: int
    allowed: bool


@dataclass(frozen=True, slots=True)
class OfferSignal:
    """Where the author's node may be reached now; worth something for seconds only."""

    offer: bytes = field(repr=False)


Body: TypeAlias = (
    Edit
    | Deletion
    | Reaction
    | Pin
    | Vote
    | Timer
    | Read
    | Typing
    | Presence
    | Profile
    | Card
    | Poll
    | Sticker
    | Location
    | FileCard
    | DirectConsent
    | OfferSignal
)
Mark: TypeAlias = Edit | Deletion | Reaction | Pin | Vote
"""Bodies that change how another message is shown."""


def kind_of(body: Body) -> str:
    """Return the kind of content that a body is."""
    return _KINDS[type(body)]


def encode_body(body: Body) -> Any:
    """Return a body's place in a content: its fields in their order, a target as two of them."""
    values = [getattr(body, name) for name in body.__slots__]
    if isinstance(body, Vote):
        values[-1] = sum(1 << place for place in body.options)
    elif isinstance(body, Poll):
        values[1] = list(body.options)
    if isinstance(values[0], MessageTarget):
        return [*values[0], *values[1:]]
    return values


def decode_body(kind: str, value: Value) -> Body | None:
    """Read a body of a kind; None if the kind has none here. Raises DecodeError."""
    decode = _DECODERS.get(kind)
    if decode is None:
        return None
    fields = Fields(value, f"a body of kind {kind}")
    body = decode(fields)
    fields.end()
    return body


def _target(fields: Fields) -> MessageTarget:
    author = UserAddress(fields.fixed(USER_ADDRESS_BYTES))
    return MessageTarget(author, MessageId(fields.fixed(MESSAGE_ID_BYTES)))


def _vote(fields: Fields) -> Vote:
    target, number, chosen = _target(fields), fields.uint(_MAX_U53), fields.uint(2**MAX_OPTIONS - 1)
    return Vote(target, number, tuple(at for at in range(MAX_OPTIONS) if chosen >> at & 1))


def _file(fields: Fields) -> FileCard:
    card = FileCard(
        fields.fixed(CID_BYTES),
        fields.fixed(SHARE_SECRET_BYTES),
        fields.uint(MAX_FILE_BYTES),
        fields.text(MAX_NAME_BYTES),
        fields.text(MAX_MEDIA_TYPE_BYTES),
        fields.blob(MAX_PREVIEW_BYTES),
        fields.uint(MAX_SIDE_PIXELS),
        fields.uint(MAX_SIDE_PIXELS),
        fields.uint(_MAX_U53),
        fields.boolean(),
    )
    if not _MEDIA_TYPE.fullmatch(card.media_type):
        raise DecodeError("the type of a file is not a media type")
    return card


def _poll(fields: Fields) -> Poll:
    question, listed = fields.text(MAX_QUESTION_BYTES), fields.array(MAX_OPTIONS)
    reader = Fields(listed, "the options of a poll")
    options = tuple(reader.text(MAX_OPTION_BYTES) for _ in listed)
    if len(options) < MIN_OPTIONS or not all(options):
        raise DecodeError("a poll has fewer than two options")
    return Poll(question, options, fields.boolean())


_DECODERS: Final[dict[str, Callable[[Fields], Body]]] = {
    EDIT: lambda f: Edit(_target(f), f.uint(_MAX_U53), f.text(MAX_TEXT_BYTES)),
    DELETE: lambda f: Deletion(_target(f), f.uint(_MAX_U53)),
    REACTION: lambda f: Reaction(_target(f), f.uint(_MAX_U53), f.text(MAX_EMOJI_BYTES)),
    PIN: lambda f: Pin(_target(f), f.uint(_MAX_U53), f.boolean()),
    VOTE: _vote,
    TIMER: lambda f: Timer(f.uint(_MAX_U53), f.uint(MAX_TIMER_SECONDS)),
    READ: lambda f: Read(MessageId(f.fixed(MESSAGE_ID_BYTES))),
    TYPING: lambda f: Typing(f.boolean()),
    PRESENCE: lambda f: Presence(f.boolean()),
    PROFILE: lambda f: Profile(
        f.uint(_MAX_U53),
        f.text(MAX_NAME_BYTES),
        f.text(MAX_STATUS_BYTES),
        f.blob(MAX_PICTURE_BYTES),
    ),
    CARD: lambda f: Card(UserAddress(f.fixed(USER_ADDRESS_BYTES)), f.text(MAX_NAME_BYTES)),
    POLL: _poll,
    STICKER: lambda f: Sticker(f.text(MAX_EMOJI_BYTES), f.blob(MAX_PICTURE_BYTES, 1)),
    LOCATION: lambda f: Location(
        f.uint(180 * MICRODEGREES), f.uint(360 * MICRODEGREES), f.text(MAX_LABEL_BYTES)
    ),
    FILE: _file,
    DIRECT: lambda f: DirectConsent(f.uint(_MAX_U53), f.boolean()),
    DIRECT_OFFER: lambda f: OfferSignal(f.blob(MAX_OFFER_BYTES)),
}
_KINDS: Final[dict[type[Body], str]] = {
    Edit: EDIT,
    Deletion: DELETE,
    Reaction: REACTION,
    Pin: PIN,
    Vote: VOTE,
    Timer: TIMER,
    Read: READ,
    Typing: TYPING,
    Presence: PRESENCE,
    Profile: PROFILE,
    Card: CARD,
    Poll: POLL,
    Sticker: STICKER,
    Location: LOCATION,
    FileCard: FILE,
    DirectConsent: DIRECT,
    OfferSignal: DIRECT_OFFER,
}
BODIES: Final = frozenset(_DECODERS)
"""Kinds whose bodies are read here."""
