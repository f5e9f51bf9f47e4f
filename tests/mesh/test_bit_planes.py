"""Sums of products in planes give what one look-up a byte gives, at every length and border."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mesh import oracle
from zentalk.mesh import bit_planes
from zentalk.mesh.bit_planes import _BLOCK_BYTES, sums_of_products

FACTORS = st.integers(0, 255)


def checked(rows: list[list[int]], pieces: list[bytes]) -> bool:
    found = sums_of_products(tuple(tuple(row) for row in rows), pieces)
    return found == [oracle.combined(row, pieces) for row in rows]


@given(st.data(), st.integers(1, 6), st.integers(1, 6), st.integers(1, 200))
def test_any_factors_and_pieces(data: st.DataObject, rows: int, count: int, length: int) -> None:
    factors = [data.draw(st.lists(FACTORS, min_size=count, max_size=count)) for _ in range(rows)]
    pieces = [data.draw(st.binary(min_size=length, max_size=length)) for _ in range(count)]
    assert checked(factors, pieces)


def test_every_factor_and_every_byte() -> None:
    every = bytes(range(256))
    for factor in range(256):
        assert checked([[factor]], [every])


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("more", [-9, -8, -1, 0, 1, 7, 8])
def test_blocks_join_without_a_seam(blocks: int, more: int) -> None:
    chance = random.Random(blocks)
    pieces = [chance.randbytes(blocks * _BLOCK_BYTES + more) for _ in range(3)]
    assert checked([[1, 2, 3], [255, 0, 142]], pieces)


def test_control_another_step_of_the_transposition_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrong(width: int) -> tuple[tuple[int, int], ...]:
        return tuple((step, int.from_bytes(bytes([0x0F]) * width, "little")) for step in (4, 2, 1))

    monkeypatch.setattr(bit_planes, "_masks", wrong)
    assert not checked([[7, 9]], [b"some bytes", b"and others"])
