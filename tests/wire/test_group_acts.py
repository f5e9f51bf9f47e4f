"""Acts of a group's log: each comes back as it was, within its bounds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import DecodeError
from zentalk.ids import GroupId, UserAddress
from zentalk.wire.codec import pack, unpack
from zentalk.wire.group_acts import (
    _DECODERS,
    _NUMBERS,
    MAX_TICKET_USES,
    Accept,
    Add,
    AddedAs,
    CloseTicket,
    Create,
    Demote,
    Describe,
    Grant,
    GroupAct,
    GroupKind,
    Leave,
    Merge,
    OpenTicket,
    PostingRule,
    Remove,
    Rename,
    SetPosting,
    Succeed,
    decode_act,
    encode_act,
    picture_hash,
    ticket_id,
)

people = st.binary(min_size=32, max_size=32).map(UserAddress)
groups = st.binary(min_size=32, max_size=32).map(GroupId)
hashes = st.binary(min_size=32, max_size=32)
tickets = st.binary(min_size=16, max_size=16)
names = st.text(min_size=1, max_size=32)
acts: st.SearchStrategy[GroupAct] = st.one_of(
    st.builds(Create, names, st.sampled_from(GroupKind), tickets, st.just(GroupId(b"")) | groups),
    st.builds(Add, people, st.sampled_from(AddedAs), st.just(b"") | tickets),
    st.builds(Accept, hashes),
    st.builds(Remove, people),
    st.just(Leave()),
    st.builds(Grant, people),
    st.builds(Demote, people),
    st.builds(Rename, names),
    st.builds(Describe, st.just(b"") | hashes, st.text(max_size=64)),
    st.builds(SetPosting, st.sampled_from(PostingRule)),
    st.builds(
        OpenTicket,
        tickets,
        st.sampled_from(AddedAs),
        st.integers(0, MAX_TICKET_USES),
        st.integers(0, 2**32 - 1),
    ),
    st.builds(CloseTicket, tickets),
    st.builds(Succeed, groups),
    st.just(Merge()),
)


@given(acts)
def test_every_act_comes_back(act: GroupAct) -> None:
    assert decode_act(unpack(pack(encode_act(act)), max_bytes=512)) == act


def test_every_act_has_a_number_of_its_own() -> None:
    assert sorted(_NUMBERS.values()) == sorted(_DECODERS)
    assert len(set(_NUMBERS.values())) == len(_NUMBERS) == 14


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        [14],
        [4, 1],
        [0, "", 0, bytes(16), b""],
        [0, "x" * 129, 0, bytes(16), b""],
        [0, "g", 2, bytes(16), b""],
        [0, "g", 0, bytes(15), b""],
        [0, "g", 0, bytes(16), bytes(31)],
        [1, bytes(31), 0, b""],
        [1, bytes(32), 2, b""],
        [1, bytes(32), 0, bytes(15)],
        [1, bytes(32), 0],
        [2, bytes(31)],
        [3, bytes(33)],
        [5, "somebody"],
        [7, ""],
        [7, "\u00e9" * 65],
        [8, bytes(16), ""],
        [8, b"", "x" * 257],
        [9, 2],
        [9, True],
        [10, bytes(16), 0, MAX_TICKET_USES + 1, 0],
        [10, bytes(16), 0, 1, 2**32],
        [11, bytes(32)],
        [12, bytes(16)],
    ],
)
def test_what_is_malformed_is_refused(value: Any) -> None:
    with pytest.raises(DecodeError):
        decode_act(value)


def test_a_ticket_means_something_in_one_group_only() -> None:
    first, second = GroupId(b"1" * 32), GroupId(b"2" * 32)
    secret = b"s" * 16
    assert len(ticket_id(first, secret)) == 16
    assert ticket_id(first, secret) != ticket_id(second, secret)
    assert ticket_id(first, secret) != secret


def test_pictures_are_named_by_their_hash() -> None:
    assert len(picture_hash(b"picture")) == 32
    assert picture_hash(b"picture") != picture_hash(b"another")
