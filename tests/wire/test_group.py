"""Entries of a group's log: what is signed comes back, and nothing else is taken."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.directory.support import identity
from tests.wire.test_group_acts import acts
from zentalk.crypto import ed25519
from zentalk.crypto.labels import Label
from zentalk.errors import (
    AuthenticationError,
    DecodeError,
    LocalProtocolError,
    RemoteProtocolError,
    TooLargeError,
)
from zentalk.ids import EntryId, EntryRef, GroupId, UserAddress
from zentalk.wire import group as wire
from zentalk.wire.codec import Fields, pack, unpack
from zentalk.wire.group import (
    FORMAT,
    MAX_ENTRY_BYTES,
    MAX_PARENTS,
    EntryPlace,
    chain_of,
    decode_entry,
    found_group,
    group_of,
    parent_room,
    read_stored_entry,
    ref_of,
    sign_entry,
)
from zentalk.wire.group_acts import (
    Add,
    Create,
    Describe,
    GroupAct,
    GroupKind,
    Leave,
    Merge,
    Rename,
    encode_act,
)

ANN, BOB = identity(1), identity(2)
FOUNDING = found_group(ANN, Create("walks", GroupKind.GROUP, b"n" * 16), 1_800_000_000)
GROUP = FOUNDING.group
LATEST = 2**32 - 1


def entry_ids(count: int) -> list[EntryId]:
    return sorted(EntryId(hashlib.sha256(bytes([n])).digest()) for n in range(count))


def place(count: int = 1, sequence: int = 2) -> EntryPlace:
    ids = entry_ids(count)
    grant = EntryId(GROUP)
    return EntryPlace(sequence, tuple(map(ref_of, ids)), ref_of(GROUP), chain_of(GROUP, grant, ids))


@given(acts, st.integers(0, MAX_PARENTS), st.integers(1, 4_096), st.integers(0, LATEST))
def test_every_entry_comes_back(act: GroupAct, parents: int, sequence: int, at: int) -> None:
    if isinstance(act, Create):
        entry = found_group(ANN, act, at)
        assert bytes(entry.group) == bytes(entry.entry_id) == bytes(group_of(entry.raw))
    else:
        where = place(max(1, min(parents, parent_room(act))), sequence)
        entry = sign_entry(ANN, GROUP, where, act, at)
        assert entry.place == where
    assert (entry.act, entry.at, entry.author) == (act, at, ANN.public)
    assert len(entry.raw) <= MAX_ENTRY_BYTES
    assert decode_entry(entry.raw, entry.group) == entry
    stored = read_stored_entry(entry.raw, entry.group)
    assert (stored.act, stored.place, stored.raw) == (entry.act, entry.place, entry.raw)


@given(acts.filter(lambda act: not isinstance(act, Create)))
def test_as_many_parents_fit_as_is_said_and_no_more(act: GroupAct) -> None:
    room = parent_room(act)
    longest = place(max(room, 1), 4_096)
    assert len(sign_entry(ANN, GROUP, longest, act, LATEST).raw) <= MAX_ENTRY_BYTES
    if 1 <= room < MAX_PARENTS:
        with pytest.raises(TooLargeError):
            sign_entry(ANN, GROUP, place(room + 1, 4_096), act, LATEST)


def test_acts_about_people_fit_with_sixteen_parents_and_long_ones_with_fewer() -> None:
    full = Add(UserAddress(bytes(32)), ticket=bytes(16))
    assert parent_room(full) == parent_room(Merge()) == MAX_PARENTS
    assert parent_room(Rename("x" * 128)) == 13
    assert parent_room(Describe(bytes(32), "x" * 256)) == 2


def test_an_entry_belongs_to_one_group() -> None:
    other = found_group(BOB, Create("other", GroupKind.GROUP, b"o" * 16), 1)
    entry = sign_entry(ANN, GROUP, place(), Leave(), 1)
    with pytest.raises(AuthenticationError):
        decode_entry(entry.raw, other.group)
    with pytest.raises(DecodeError):
        decode_entry(other.raw, GROUP)


def test_any_changed_bit_is_refused() -> None:
    raw = sign_entry(ANN, GROUP, place(2), Leave(), 1).raw
    for index in range(len(raw)):
        broken = raw[:index] + bytes([raw[index] ^ (1 << index % 8)]) + raw[index + 1 :]
        with pytest.raises(RemoteProtocolError):
            decode_entry(broken, GROUP)


def test_control_without_the_signature_check_anybody_speaks_for_the_founder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signed = _signed_part(sign_entry(ANN, GROUP, place(), Rename("mine"), 1).raw)
    forged = pack([signed, BOB.sign(Label.GROUP_ENTRY, GROUP + signed)])
    with pytest.raises(AuthenticationError):
        decode_entry(forged, GROUP)
    monkeypatch.setattr(ed25519, "verify", lambda *_: None)
    assert decode_entry(forged, GROUP).author == ANN.public


def test_two_groups_of_one_founder_and_name_differ_by_their_nonce() -> None:
    first, second = (
        found_group(ANN, Create("g", GroupKind.GROUP, nonce * 16), 1) for nonce in (b"1", b"2")
    )
    assert first.group != second.group


def test_the_chain_covers_group_grant_and_all_parents_in_full() -> None:
    ids = entry_ids(3)
    same_start = EntryId(ids[0][:16] + bytes(16))
    grant = EntryId(bytes(32))
    chains = {
        chain_of(GROUP, grant, ids),
        chain_of(GROUP, grant, ids[:2]),
        chain_of(GROUP, grant, [same_start, *ids[1:]]),
        chain_of(GROUP, EntryId(b"g" * 32), ids),
        chain_of(GroupId(b"o" * 32), grant, ids),
    }
    assert len(chains) == 5


def _signed_part(raw: bytes) -> bytes:
    return Fields(unpack(raw, max_bytes=MAX_ENTRY_BYTES), "").blob(MAX_ENTRY_BYTES)


def _resigned(fields: list[Any]) -> bytes:
    signed = pack(fields)
    group = bytes(32) if fields[7] == CREATE else GROUP
    return pack([signed, ANN.sign(Label.GROUP_ENTRY, group + signed)])


P, CHAIN, LEAVE = b"p" * 16, bytes(32), encode_act(Leave())
CREATE = encode_act(Create("g", GroupKind.GROUP, b"n" * 16))


@pytest.mark.parametrize(
    "fields",
    [
        [2, ANN.public, 2, 1, P, P, CHAIN, LEAVE],
        [FORMAT, ANN.public[1:], 2, 1, P, P, CHAIN, LEAVE],
        [FORMAT, ANN.public, 0, 1, P, P, CHAIN, LEAVE],
        [FORMAT, ANN.public, 4_097, 1, P, P, CHAIN, LEAVE],
        [FORMAT, ANN.public, 2, 2**32, P, P, CHAIN, LEAVE],
        [FORMAT, ANN.public, 2, 1, b"", P, CHAIN, LEAVE],
        [FORMAT, ANN.public, 2, 1, P[1:], P, CHAIN, LEAVE],
        [FORMAT, ANN.public, 2, 1, P + P, P, CHAIN, LEAVE],
        [FORMAT, ANN.public, 2, 1, b"q" * 16 + P, P, CHAIN, LEAVE],
        [FORMAT, ANN.public, 2, 1, P, b"", CHAIN, LEAVE],
        [FORMAT, ANN.public, 2, 1, P, P, b"", LEAVE],
        [FORMAT, ANN.public, 2, 1, P, P, CHAIN, [99]],
        [FORMAT, ANN.public, 2, 1, P, P, CHAIN, LEAVE, 1],
        [FORMAT, ANN.public, 2, 1, b"", b"", b"", CREATE],
        [FORMAT, ANN.public, 1, 1, P, b"", b"", CREATE],
        [FORMAT, ANN.public, 1, 1, b"", P, b"", CREATE],
        [FORMAT, ANN.public, 1, 1, b"", b"", CHAIN, CREATE],
    ],
)
def test_what_is_malformed_is_refused_although_it_is_signed(fields: list[Any]) -> None:
    raw = _resigned(fields)
    with pytest.raises(DecodeError):
        decode_entry(raw, group_of(raw) if fields[7] == CREATE else GROUP)


def test_more_than_sixteen_parents_are_refused() -> None:
    many = b"".join(bytes([n]) * 16 for n in range(17))
    with pytest.raises(DecodeError):
        decode_entry(_resigned([FORMAT, ANN.public, 2, 1, many, P, CHAIN, LEAVE]), GROUP)


@pytest.mark.parametrize(
    ("where", "at"), [(place(sequence=4_097), 1), (place(), 2**32), (place(), -1)]
)
def test_what_could_not_be_read_again_is_not_signed(where: EntryPlace, at: int) -> None:
    with pytest.raises(LocalProtocolError):
        sign_entry(ANN, GROUP, where, Leave(), at)


def test_cut_off_names_are_refused() -> None:
    assert wire.split_refs(b"a" * 16 + b"b" * 16, "names") == (b"a" * 16, b"b" * 16)
    with pytest.raises(DecodeError):
        wire.split_refs(b"a" * 17, "names")


def test_a_repr_shows_no_id_and_nobody() -> None:
    shown = repr(sign_entry(ANN, GROUP, place(), Add(UserAddress(BOB.public)), 1))
    assert not any(
        part in shown for part in (repr(bytes(GROUP)), repr(BOB.public), repr(ANN.public))
    )


@given(st.binary(max_size=600))
def test_k24_garbage_is_a_decode_error_and_nothing_else(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_entry(data, GROUP)


def test_refs_are_the_first_half_of_ids() -> None:
    assert FOUNDING.ref == EntryRef(GROUP[:16]) == ref_of(FOUNDING.entry_id)
