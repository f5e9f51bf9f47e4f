"""The acts of a group's log: one record for each thing that an entry may do.

Spec: docs/spec/groups.md section 2. Only shape and size are checked here; whether an act counts is
decided in `zentalk.groups`. An act is encoded as [number of the act, its fields in their order].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, TypeAlias

from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.errors import DecodeError
from zentalk.ids import GROUP_ID_BYTES, USER_ADDRESS_BYTES, GroupId, UserAddress
from zentalk.wire.codec import Fields, Value

MAX_GROUP_NAME_BYTES: Final = 128
MAX_DESCRIPTION_BYTES: Final = 256
NONCE_BYTES: Final = 16
HASH_BYTES: Final = 32
TICKET_ID_BYTES: Final = 16
MAX_TICKET_USES: Final = 1_000_000
_MAX_U32: Final = 2**32 - 1


class GroupKind(IntEnum):
    """Whether everybody writes, or admins do and subscribers read."""

    GROUP = 0
    CHANNEL = 1


class AddedAs(IntEnum):
    """As what somebody is invited: subscribers never post, members do where posting is open."""

    MEMBER = 0
    SUBSCRIBER = 1


class PostingRule(IntEnum):
    """Who may post; a later rule need not be wider than an earlier one."""

    MEMBERS = 0
    """Admins and members, and no subscribers."""
    ADMINS = 1


@dataclass(frozen=True, slots=True)
class Create:
    """Found a group; `nonce` makes its id unlike any other.

    `continues` is the group that it succeeds, empty if there is none.
    """

    name: str = field(repr=False)
    kind: GroupKind
    nonce: bytes = field(repr=False)
    continues: GroupId = field(default=GroupId(b""), repr=False)


@dataclass(frozen=True, slots=True)
class Add:
    """Invite somebody; `ticket` is the id of the ticket that was shown, empty if there was none."""

    member: UserAddress = field(repr=False)
    added_as: AddedAs = AddedAs.MEMBER
    ticket: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Accept:
    """Take an invitation; `card_hash` is that of the card that travels beside the entry."""

    card_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Remove:
    """Put somebody else out, whatever they are."""

    member: UserAddress = field(repr=False)


@dataclass(frozen=True, slots=True)
class Leave:
    """Go; whoever left is in again only by an invitation that knows of it."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Make somebody an admin, one rank below the author; it invites them too if they are not in."""

    member: UserAddress = field(repr=False)


@dataclass(frozen=True, slots=True)
class Demote:
    """End the grants of a higher rank's admin, who stays in; of oneself: step down."""

    member: UserAddress = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rename:
    """Give the group another name."""

    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Describe:
    """Set picture and description; an empty hash stands for no picture."""

    picture_hash: bytes = field(repr=False)
    description: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SetPosting:
    """Say who may post."""

    rule: PostingRule


@dataclass(frozen=True, slots=True)
class OpenTicket:
    """Announce an invitation link of the author, who alone counts its uses and watches its end.

    `ticket` is its id (`ticket_id`), `uses` how many people it lets in, `expires` unix time in
    seconds (0: never), both for others to see.
    """

    ticket: bytes = field(repr=False)
    added_as: AddedAs
    uses: int
    expires: int


@dataclass(frozen=True, slots=True)
class CloseTicket:
    """End an invitation link, for good."""

    ticket: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Succeed:
    """Name the group in which this one goes on."""

    successor: GroupId = field(repr=False)


@dataclass(frozen=True, slots=True)
class Merge:
    """Bring more heads together than one entry has room for; it does nothing else."""


GroupAct: TypeAlias = (
    Create
    | Add
    | Accept
    | Remove
    | Leave
    | Grant
    | Demote
    | Rename
    | Describe
    | SetPosting
    | OpenTicket
    | CloseTicket
    | Succeed
    | Merge
)
MEMBER_ACTS: Final = (Accept, Leave, Merge)
"""Acts that rest on the author's own invitation; all others rest on a grant."""


def ticket_id(group: GroupId, secret: bytes) -> bytes:
    """Return the 16-byte id of a ticket: what a log says of a link's 16-byte secret."""
    return blake2b_256(Label.GROUP_TICKET, group, secret)[:TICKET_ID_BYTES]


def picture_hash(picture: bytes) -> bytes:
    """Return the 32-byte hash by which a log names a picture."""
    return blake2b_256(Label.GROUP_PICTURE, picture)


def encode_act(act: GroupAct) -> list[Any]:
    """Return an act's place in an entry."""
    values = [getattr(act, name) for name in act.__slots__]
    return [_NUMBERS[type(act)], *(int(v) if isinstance(v, IntEnum) else v for v in values)]


def decode_act(value: Value) -> GroupAct:
    """Read an act; raises DecodeError, also for one that this version does not know."""
    fields = Fields(value, "an act")
    decode = _DECODERS.get(fields.uint(255))
    if decode is None:
        raise DecodeError("an entry holds an act that this version does not know")
    act = decode(fields)
    fields.end()
    return act


def _person(fields: Fields) -> UserAddress:
    return UserAddress(fields.fixed(USER_ADDRESS_BYTES))


def _group_name(fields: Fields) -> str:
    name = fields.text(MAX_GROUP_NAME_BYTES)
    if not name:
        raise DecodeError("a group's name is empty")
    return name


def _added_as(fields: Fields) -> AddedAs:
    return AddedAs(fields.uint(AddedAs.SUBSCRIBER))


def _blank_or(fields: Fields, length: int) -> bytes:
    """Read exactly `length` bytes, or none."""
    found = fields.blob(length)
    if len(found) not in (0, length):
        raise DecodeError("a field of an act has another length than its kind has")
    return found


def _create(fields: Fields) -> Create:
    name, kind = _group_name(fields), GroupKind(fields.uint(GroupKind.CHANNEL))
    nonce, continues = fields.fixed(NONCE_BYTES), _blank_or(fields, GROUP_ID_BYTES)
    return Create(name, kind, nonce, GroupId(continues))


_DECODERS: Final[dict[int, Callable[[Fields], GroupAct]]] = {
    0: _create,
    1: lambda f: Add(_person(f), _added_as(f), _blank_or(f, TICKET_ID_BYTES)),
    2: lambda f: Accept(f.fixed(HASH_BYTES)),
    3: lambda f: Remove(_person(f)),
    4: lambda _: Leave(),
    5: lambda f: Grant(_person(f)),
    6: lambda f: Demote(_person(f)),
    7: lambda f: Rename(_group_name(f)),
    8: lambda f: Describe(_blank_or(f, HASH_BYTES), f.text(MAX_DESCRIPTION_BYTES)),
    9: lambda f: SetPosting(PostingRule(f.uint(PostingRule.ADMINS))),
    10: lambda f: OpenTicket(
        f.fixed(TICKET_ID_BYTES), _added_as(f), f.uint(MAX_TICKET_USES), f.uint(_MAX_U32)
    ),
    11: lambda f: CloseTicket(f.fixed(TICKET_ID_BYTES)),
    12: lambda f: Succeed(GroupId(f.fixed(GROUP_ID_BYTES))),
    13: lambda _: Merge(),
}
_NUMBERS: Final[dict[type[GroupAct], int]] = {
    act: number
    for number, act in enumerate(
        (
            *(Create, Add, Accept, Remove, Leave, Grant, Demote),
            *(Rename, Describe, SetPosting, OpenTicket, CloseTicket, Succeed, Merge),
        )
    )
}
