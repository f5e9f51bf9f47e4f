"""One entry of a group's log: a signed act that names what its author had seen.

Spec: docs/spec/groups.md section 1. An entry is verified when it is decoded, so whoever holds a
`GroupEntry` holds something that its author signed for this group. Whether it fits what is held,
and whether it counts, is for `zentalk.groups` to say.

    entry   [signed, signature 64]
    signed  [format, author 32, sequence, time, parents 16 x n, grant 16, chain 32, act]

The group's id is signed (in front, after the label) and not transmitted. Parents and grant are
named by half their ids, as whole ones of 16 parents leave no room for an act in 512 bytes. To pass
another entry for a named one takes a second preimage of 128 bits. A *member* who wants two entries
of its own under one name needs a collision, 2^64 signatures; therefore `chain` is a hash of the
whole ids: an entry never fits two different pasts, it is refused where the other one is held.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from zentalk.crypto import ed25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.errors import DecodeError, LocalProtocolError, TooLargeError
from zentalk.ids import (
    ENTRY_REF_BYTES,
    GROUP_ID_BYTES,
    USER_ADDRESS_BYTES,
    EntryId,
    EntryRef,
    GroupId,
    UserAddress,
)
from zentalk.wire.codec import Fields, pack, unpack
from zentalk.wire.group_acts import Create, GroupAct, decode_act, encode_act

FORMAT: Final = 1
MAX_ENTRY_BYTES: Final = 512
MAX_PARENTS: Final = 16
MAX_ENTRIES: Final = 4_096
"""Of one group: its log takes at most 2 MiB."""
CHAIN_BYTES: Final = 32
_MAX_U32: Final = 2**32 - 1
_NO_GROUP: Final = bytes(GROUP_ID_BYTES)
"""What a founding entry is signed for: its group is its own hash."""
_NO_REF: Final = EntryRef(b"")


@dataclass(frozen=True, slots=True)
class EntryPlace:
    """Where an entry stands in its log.

    `grant` names the entry that gives the author the right to it: the founding entry, a grant, or
    for what members may do the author's invitation. `chain` is what `chain_of` returns.
    """

    sequence: int
    parents: tuple[EntryRef, ...] = field(repr=False)
    grant: EntryRef = field(repr=False)
    chain: bytes = field(repr=False)


_FIRST_PLACE: Final = EntryPlace(1, (), _NO_REF, b"")


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """One verified entry; `at` is its author's unix time in seconds, to be shown and no more."""

    entry_id: EntryId = field(repr=False)
    group: GroupId = field(repr=False)
    author: UserAddress = field(repr=False)
    at: int = field(compare=False)
    place: EntryPlace = field(compare=False)
    act: GroupAct = field(compare=False)
    raw: bytes = field(repr=False, compare=False)

    @property
    def ref(self) -> EntryRef:
        """The name by which other entries of this log call it."""
        return ref_of(self.entry_id)


def ref_of(entry: EntryId | GroupId) -> EntryRef:
    """Return the short name of an entry, or of the one that founded a group."""
    return EntryRef(entry[:ENTRY_REF_BYTES])


def chain_of(group: GroupId, grant: EntryId, parents: Iterable[EntryId]) -> bytes:
    """Return the 32-byte hash of the whole ids of grant and parents, these in the entry's order."""
    return blake2b_256(Label.GROUP_CHAIN, group, grant, *parents)


def found_group(identity: SigningKey, act: Create, at: int) -> GroupEntry:
    """Sign the founding entry of a group; its id becomes the group's."""
    return _signed(identity, _NO_GROUP, _FIRST_PLACE, act, at)


def sign_entry(
    identity: SigningKey, group: GroupId, place: EntryPlace, act: GroupAct, at: int
) -> GroupEntry:
    """Sign one further entry.

    Raises TooLargeError if parents and act have no room in one entry (`parent_room` says how many
    parents have), and LocalProtocolError if something is out of range.
    """
    return _signed(identity, group, place, act, at)


def parent_room(act: GroupAct) -> int:
    """Return how many parents an entry with this act has room for, from 0 to 16."""
    place = EntryPlace(MAX_ENTRIES, (), EntryRef(bytes(ENTRY_REF_BYTES)), bytes(CHAIN_BYTES))
    signed = _encode_signed(bytes(USER_ADDRESS_BYTES), place, act, _MAX_U32)
    used = len(pack([signed, bytes(ed25519.SIGNATURE_BYTES)]))
    # The length fields of a filled `parents` and of a longer `signed` take a byte more each.
    room = MAX_ENTRY_BYTES - used - 2
    return max(0, min(MAX_PARENTS, room // ENTRY_REF_BYTES))


def decode_entry(raw: bytes, group: GroupId) -> GroupEntry:
    """Decode an entry of one group and verify its signature.

    Raises DecodeError if it is malformed or founds another group, AuthenticationError if its
    author did not sign it for this group.
    """
    signed, signature, entry = _read(raw, group)
    signed_for = _NO_GROUP if isinstance(entry.act, Create) else group
    ed25519.verify(entry.author, Label.GROUP_ENTRY, signed_for + signed, signature)
    return entry


def read_stored_entry(raw: bytes, group: GroupId) -> GroupEntry:
    """Decode an entry that was verified before it was stored; raises DecodeError."""
    return _read(raw, group)[-1]


def group_of(raw: bytes) -> GroupId:
    """Return the id of the group that these bytes found, if they are a founding entry."""
    return GroupId(_entry_id(raw))


def _read(raw: bytes, group: GroupId) -> tuple[bytes, bytes, GroupEntry]:
    """Return what was signed, the signature, and the entry unverified; raises DecodeError."""
    outer = Fields(unpack(raw, max_bytes=MAX_ENTRY_BYTES, max_items=2), "an entry")
    signed, signature = outer.blob(MAX_ENTRY_BYTES), outer.fixed(ed25519.SIGNATURE_BYTES)
    outer.end()
    fields = Fields(unpack(signed, max_bytes=MAX_ENTRY_BYTES, max_items=16), "an entry")
    if fields.uint(255) != FORMAT:
        raise DecodeError("an entry has a format that this version does not know")
    author = UserAddress(fields.fixed(USER_ADDRESS_BYTES))
    sequence, at = fields.uint(MAX_ENTRIES), fields.uint(_MAX_U32)
    place = EntryPlace(sequence, _parents(fields), _grant(fields), fields.blob(CHAIN_BYTES))
    act = decode_act(fields.value())
    fields.end()
    is_first = isinstance(act, Create)
    _check_place(place, is_first=is_first)
    if is_first and group_of(raw) != group:
        raise DecodeError("an entry founds another group than the one that was named")
    return signed, signature, GroupEntry(_entry_id(raw), group, author, at, place, act, raw)


def _signed(
    identity: SigningKey, group: bytes, place: EntryPlace, act: GroupAct, at: int
) -> GroupEntry:
    signed = _encode_signed(identity.public, place, act, at)
    raw = pack([signed, identity.sign(Label.GROUP_ENTRY, group + signed)])
    if len(raw) > MAX_ENTRY_BYTES:
        raise TooLargeError(f"an entry of a group's log is longer than {MAX_ENTRY_BYTES} bytes")
    try:
        return read_stored_entry(raw, group_of(raw) if group == _NO_GROUP else GroupId(group))
    except DecodeError as error:
        raise LocalProtocolError(f"an entry cannot hold this: {error}") from None


def _encode_signed(author: bytes, place: EntryPlace, act: GroupAct, at: int) -> bytes:
    parents = b"".join(place.parents)
    return pack(
        [FORMAT, author, place.sequence, at, parents, place.grant, place.chain, encode_act(act)]
    )


def _entry_id(raw: bytes) -> EntryId:
    return EntryId(blake2b_256(Label.GROUP_ENTRY_ID, raw))


def _parents(fields: Fields) -> tuple[EntryRef, ...]:
    joined = fields.blob(MAX_PARENTS * ENTRY_REF_BYTES)
    refs = split_refs(joined, "an entry's parents")
    if any(left >= right for left, right in pairwise(refs)):
        raise DecodeError("an entry's parents are not in ascending order")
    return refs


def split_refs(joined: bytes, what: str) -> tuple[EntryRef, ...]:
    """Cut refs apart that stand behind each other; raises DecodeError if one is cut off."""
    if len(joined) % ENTRY_REF_BYTES:
        raise DecodeError(f"{what} are cut off")
    starts = range(0, len(joined), ENTRY_REF_BYTES)
    return tuple(EntryRef(joined[start : start + ENTRY_REF_BYTES]) for start in starts)


def _grant(fields: Fields) -> EntryRef:
    return EntryRef(fields.blob(ENTRY_REF_BYTES))


def _check_place(place: EntryPlace, *, is_first: bool) -> None:
    if is_first:
        if place != _FIRST_PLACE:
            raise DecodeError("a founding entry names something before it")
    elif (
        not place.parents
        or len(place.grant) != ENTRY_REF_BYTES
        or len(place.chain) != CHAIN_BYTES
        or place.sequence < 1
    ):
        raise DecodeError("an entry does not name what it rests on")
