"""The bodies of contents that carry groups between two members.

Spec: docs/spec/groups.md section 4. What is said in a group is wrapped in a kind of its own, so
that a node that does not know groups never shows it as a direct message: it shows the fallback.
Entries of a log, cards and pictures travel in kinds without one, which such a node never shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from zentalk.errors import DecodeError, TooLargeError
from zentalk.ids import (
    ENTRY_REF_BYTES,
    GROUP_ID_BYTES,
    USER_ADDRESS_BYTES,
    EntryRef,
    GroupId,
    UserAddress,
)
from zentalk.wire.chat import MAX_PICTURE_BYTES
from zentalk.wire.codec import Fields, Value
from zentalk.wire.content import (
    MAX_CONTENT_BYTES,
    PART,
    Content,
    decode_content,
    encode_content,
)
from zentalk.wire.group import MAX_ENTRY_BYTES, split_refs
from zentalk.wire.group_card import MAX_CARD_BYTES

GROUP: Final = "group"
GROUP_ENTRIES: Final = "group.entries"
GROUP_ASK: Final = "group.ask"
GROUP_CARDS: Final = "group.cards"
GROUP_PICTURE: Final = "group.picture"
GROUP_HISTORY: Final = "group.history"
GROUP_KINDS: Final = frozenset(
    {GROUP, GROUP_ENTRIES, GROUP_ASK, GROUP_CARDS, GROUP_PICTURE, GROUP_HISTORY}
)

FALLBACK: Final = "A message to a group, which this version cannot show."
MAX_LINE_HEADS: Final = 8
MAX_INNER_BYTES: Final = MAX_CONTENT_BYTES - 512
"""A text of 64 KiB fits with all that goes along, but for more than ten mentions."""
MAX_BATCH_ENTRIES: Final = 56
"""Entries of one content: with what is around them they fit one envelope of class L."""
MAX_BATCH_CARDS: Final = 16
MAX_ASK_HEADS: Final = 256
MAX_ASK_ENTRIES: Final = 64
MAX_ASK_CARDS: Final = 64
MAX_HISTORY_LINES: Final = 64
"""Lines of one content that shares history."""
MAX_SHOWN_AT_MS: Final = 2**42 - 1
"""The year 2109: a place in the history that is made of it fits a whole number of JSON."""
_SHARED_LINE_BYTES: Final = 64
"""What a shared line takes beside what it carries, at most."""
_MAX_U53: Final = 2**53


@dataclass(frozen=True, slots=True)
class GroupLine:
    """Something said in a group; `heads` are the newest entries of the log that its author had."""

    group: GroupId = field(repr=False)
    heads: tuple[EntryRef, ...] = field(repr=False)
    inner: Content = field(repr=False)


@dataclass(frozen=True, slots=True)
class EntryBatch:
    """Entries of one log as they were signed, ancestors first; none of them is verified yet."""

    group: GroupId = field(repr=False)
    entries: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CardWanted:
    """A member whose card is asked for, and the version that the asker has; 0 for none."""

    member: UserAddress = field(repr=False)
    version: int


@dataclass(frozen=True, slots=True)
class GroupAsk:
    """What the asker has and lacks of a group.

    The answer are all entries that are no ancestors of `heads`, those named in `entries`, the cards
    that are newer than `cards` say, and the picture if `picture` is its hash.
    """

    group: GroupId = field(repr=False)
    heads: tuple[EntryRef, ...] = field(default=(), repr=False)
    entries: tuple[EntryRef, ...] = field(default=(), repr=False)
    cards: tuple[CardWanted, ...] = field(default=(), repr=False)
    picture: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class CardBatch:
    """Cards of members as they were signed; none of them is verified yet."""

    group: GroupId = field(repr=False)
    cards: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class GroupPicture:
    """The group's picture; it counts if its hash is the one that the log names."""

    group: GroupId = field(repr=False)
    picture: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SharedLine:
    """A line of before somebody joined, as the admin who shares it says that it was.

    `shown_at_ms` is unix time in milliseconds by the admin's clock, and gives the order.
    """

    author: UserAddress = field(repr=False)
    shown_at_ms: int
    inner: Content = field(repr=False)


@dataclass(frozen=True, slots=True)
class SharedHistory:
    """Lines that an admin shares with one member, in their order; `heads` as of a `GroupLine`."""

    group: GroupId = field(repr=False)
    heads: tuple[EntryRef, ...] = field(repr=False)
    lines: tuple[SharedLine, ...] = field(repr=False)


def group_line_body(line: GroupLine) -> Value:
    """Return what stands in a content of kind `group`.

    Raises TooLargeError if the inner content is longer than MAX_INNER_BYTES.
    """
    inner = encode_content(line.inner)
    if len(inner) > MAX_INNER_BYTES:
        raise TooLargeError("a message to a group is too long: send it as a file")
    return [line.group, b"".join(line.heads[:MAX_LINE_HEADS]), inner]


def read_group_line(body: Value) -> GroupLine:
    """Read what was said in a group; raises DecodeError, also if it is a group's own content."""
    fields = Fields(body, "a message to a group")
    group, heads = _group(fields), _refs(fields, MAX_LINE_HEADS)
    inner = decode_content(fields.blob(MAX_INNER_BYTES))
    fields.end()
    if inner.kind in GROUP_KINDS or inner.kind == PART:
        raise DecodeError("a message to a group wraps what is not said in groups")
    return GroupLine(group, heads, inner)


def group_content(line: GroupLine, *, sequence: int = 0, fallback: str = FALLBACK) -> Content:
    """Wrap what is said in a group for one member; raises TooLargeError as `group_line_body` does.

    `fallback` is for nodes that know no groups, empty for what is no line of a conversation.
    """
    inner = line.inner
    return Content(
        kind=GROUP,
        message_id=inner.message_id,
        sequence=sequence,
        sent_at_ms=inner.sent_at_ms,
        raw_body=group_line_body(line),
        fallback=fallback,
    )


def entry_batch_body(batch: EntryBatch) -> Value:
    """Return what stands in a content of kind `group.entries`."""
    return [batch.group, list(batch.entries)]


def read_entry_batch(body: Value) -> EntryBatch:
    """Read a batch of entries without verifying them; raises DecodeError."""
    fields = Fields(body, "a batch of entries")
    batch = EntryBatch(_group(fields), _blobs(fields, MAX_BATCH_ENTRIES, MAX_ENTRY_BYTES))
    fields.end()
    return batch


def card_batch_body(batch: CardBatch) -> Value:
    """Return what stands in a content of kind `group.cards`."""
    return [batch.group, list(batch.cards)]


def read_card_batch(body: Value) -> CardBatch:
    """Read a batch of cards without verifying them; raises DecodeError."""
    fields = Fields(body, "a batch of cards")
    batch = CardBatch(_group(fields), _blobs(fields, MAX_BATCH_CARDS, MAX_CARD_BYTES))
    fields.end()
    return batch


def group_ask_body(ask: GroupAsk) -> Value:
    """Return what stands in a content of kind `group.ask`."""
    cards: list[Any] = [[wanted.member, wanted.version] for wanted in ask.cards]
    return [ask.group, b"".join(ask.heads), b"".join(ask.entries), cards, ask.picture]


def read_group_ask(body: Value) -> GroupAsk:
    """Read what a member asks for; raises DecodeError."""
    fields = Fields(body, "a question about a group")
    ask = GroupAsk(
        _group(fields),
        _refs(fields, MAX_ASK_HEADS),
        _refs(fields, MAX_ASK_ENTRIES),
        tuple(_card_wanted(item) for item in fields.array(MAX_ASK_CARDS)),
        fields.blob(32),
    )
    fields.end()
    if len(ask.picture) not in (0, 32):
        raise DecodeError("a question about a group names a picture by something that is no hash")
    return ask


def group_picture_body(picture: GroupPicture) -> Value:
    """Return what stands in a content of kind `group.picture`."""
    return [picture.group, picture.picture]


def read_group_picture(body: Value) -> GroupPicture:
    """Read a picture without comparing it with the log; raises DecodeError."""
    fields = Fields(body, "a group's picture")
    picture = GroupPicture(_group(fields), fields.blob(MAX_PICTURE_BYTES, 1))
    fields.end()
    return picture


def shared_history_body(shared: SharedHistory) -> Value:
    """Return what stands in a content of kind `group.history`."""
    lines: list[Any] = [
        [line.author, line.shown_at_ms, encode_content(line.inner)] for line in shared.lines
    ]
    return [shared.group, b"".join(shared.heads[:MAX_LINE_HEADS]), lines]


def read_shared_history(body: Value) -> SharedHistory:
    """Read lines that somebody shares, without asking who wrote them; raises DecodeError."""
    fields = Fields(body, "shared history of a group")
    shared = SharedHistory(
        _group(fields),
        _refs(fields, MAX_LINE_HEADS),
        tuple(_shared_line(item) for item in fields.array(MAX_HISTORY_LINES)),
    )
    fields.end()
    return shared


def shared_histories(
    group: GroupId, heads: tuple[EntryRef, ...], lines: Iterable[SharedLine]
) -> list[SharedHistory]:
    """Divide lines into contents, in their order; one that no content has room for is left out."""
    batches: list[list[SharedLine]] = []
    room = 0
    for line in lines:
        size = len(encode_content(line.inner)) + _SHARED_LINE_BYTES
        if size > MAX_INNER_BYTES:
            continue
        if size > room or len(batches[-1]) == MAX_HISTORY_LINES:
            batches.append([])
            room = MAX_INNER_BYTES
        batches[-1].append(line)
        room -= size
    return [SharedHistory(group, heads, tuple(batch)) for batch in batches]


def entry_batches(group: GroupId, entries: Iterable[bytes]) -> list[EntryBatch]:
    """Divide entries into batches, in their order."""
    items = list(entries)
    starts = range(0, len(items), MAX_BATCH_ENTRIES)
    return [EntryBatch(group, tuple(items[at : at + MAX_BATCH_ENTRIES])) for at in starts]


def card_batches(group: GroupId, cards: Iterable[bytes]) -> list[CardBatch]:
    """Divide cards into batches, in their order."""
    items = list(cards)
    starts = range(0, len(items), MAX_BATCH_CARDS)
    return [CardBatch(group, tuple(items[at : at + MAX_BATCH_CARDS])) for at in starts]


def _group(fields: Fields) -> GroupId:
    return GroupId(fields.fixed(GROUP_ID_BYTES))


def _refs(fields: Fields, maximum: int) -> tuple[EntryRef, ...]:
    return split_refs(fields.blob(maximum * ENTRY_REF_BYTES), "names of entries")


def _blobs(fields: Fields, maximum: int, maximum_bytes: int) -> tuple[bytes, ...]:
    return tuple(fields.blob_array(maximum, maximum_bytes))


def _shared_line(value: Value) -> SharedLine:
    fields = Fields(value, "a shared line")
    author = UserAddress(fields.fixed(USER_ADDRESS_BYTES))
    shown_at_ms = fields.uint(MAX_SHOWN_AT_MS)
    inner = decode_content(fields.blob(MAX_INNER_BYTES))
    fields.end()
    if inner.kind in GROUP_KINDS or inner.kind == PART:
        raise DecodeError("a shared line wraps what is not said in groups")
    return SharedLine(author, shown_at_ms, inner)


def _card_wanted(value: Value) -> CardWanted:
    fields = Fields(value, "a card that is asked for")
    wanted = CardWanted(UserAddress(fields.fixed(USER_ADDRESS_BYTES)), fields.uint(_MAX_U53))
    fields.end()
    return wanted
