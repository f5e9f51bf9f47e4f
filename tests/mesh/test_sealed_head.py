"""Sealed heads: opened by their key alone, and what stands in a head or its index."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.mesh import HEADS, MIB, head_of, segment_ids
from zentalk.crypto.aead import ZERO_NONCE, aes_seal
from zentalk.errors import AuthenticationError, DecodeError, LocalProtocolError, NewerVersionError
from zentalk.mesh.head import (
    SealedHead,
    head_of_file,
    index_of,
    open_head,
    seal_head,
    segments_of,
)
from zentalk.mesh.placement import Layout
from zentalk.wire.head import MAX_FILE_BYTES, Head, encode_head, segment_count_of
from zentalk.wire.shard import Coding, Shard, decode_shard, encode_shard, shard_id

KEY, NEW_KEY = b"k" * 32, b"n" * 32
HEAD = head_of(2 * MIB)


def sealed_as(plaintext: bytes, coding: Coding = Coding.COPY) -> SealedHead:
    content = encode_shard(Shard(coding, 0, aes_seal(KEY, ZERO_NONCE, plaintext)))
    return SealedHead(shard_id(content), content)


@given(st.integers(0, MAX_FILE_BYTES), st.integers(1, 15))
def test_what_is_sealed_is_opened(size: int, holders: int) -> None:
    head = head_of(size, holders)
    sealed = seal_head(KEY, head)
    assert open_head(KEY, sealed) == head
    shard = decode_shard(sealed.content)
    assert shard.coding is Coding.COPY
    assert len(shard.payload) - 16 in (1024, 2048, 4096, 8192, 16384)


def test_another_key_or_other_bytes_open_nothing() -> None:
    sealed = seal_head(KEY, HEAD)
    with pytest.raises(AuthenticationError):
        open_head(NEW_KEY, sealed)
    altered = sealed.content[:-1] + bytes([sealed.content[-1] ^ 1])
    with pytest.raises(AuthenticationError, match="something else"):
        open_head(KEY, SealedHead(sealed.cid, altered))
    with pytest.raises(AuthenticationError, match="does not open"):
        open_head(KEY, SealedHead(shard_id(altered), altered))


def test_a_piece_is_no_head() -> None:
    with pytest.raises(DecodeError, match="a piece"):
        open_head(KEY, sealed_as(encode_head(HEAD), Coding.PIECE))


def test_a_sealed_record_that_is_no_head_is_refused() -> None:
    with pytest.raises(DecodeError):
        open_head(KEY, sealed_as(bytes(1024)))


def test_later_versions_of_shard_and_head_ask_for_a_newer_program() -> None:
    later = bytes([0x91, 2]).ljust(1024, b"\0")
    with pytest.raises(NewerVersionError):
        open_head(KEY, sealed_as(later))
    content = bytearray(seal_head(KEY, HEAD).content)
    content[4] = 2
    with pytest.raises(NewerVersionError):
        open_head(KEY, SealedHead(shard_id(bytes(content)), bytes(content)))


@pytest.mark.parametrize("size", [0, 15 * MIB, 32 * MIB, 33 * MIB, 200 * MIB])
def test_ids_are_in_the_head_or_in_its_index(size: int) -> None:
    count = segment_count_of(size)
    rows = tuple(map(segment_ids, range(count)))
    index = index_of(rows)
    assert bool(index) == (count > 16)
    layout = Layout(HEAD.holders, HEAD.slots)
    head = head_of_file(b"c" * 32, size, layout, rows, segment_ids(-1) if index else None)
    opened = open_head(KEY, seal_head(KEY, head))
    assert segments_of(opened, index) == rows
    if index:
        with pytest.raises(DecodeError):
            segments_of(opened, index[:-1])


def test_a_head_that_could_not_be_read_is_not_sealed() -> None:
    with pytest.raises(LocalProtocolError):
        seal_head(KEY, replace(HEAD, size=9 * MIB))


def test_heads_show_nothing() -> None:
    made = head_of_file(b"c" * 32, 5, Layout(HEAD.holders, HEAD.slots), (segment_ids(0),))
    assert "secret, 32 bytes" in repr(made.content_secret)
    assert all(repr(one) == "Head()" for one in (*HEADS, made))
    assert isinstance(made, Head)
