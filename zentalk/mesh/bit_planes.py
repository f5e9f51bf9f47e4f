"""Sums of products of long byte strings in the field of 256 elements, in plain Python.

A product with a fixed number is linear in the eight bits of a byte: each bit of the result is the
xor of some of them. So a block of bytes is turned into eight *planes*, integers that hold all the
lowest bits, all the second bits, and so on. A product with any number is then a few xors of planes,
and Python's integers xor thousands of bytes at once: nearly twice as fast as one table look-up
(`bytes.translate`) for each product.

Planes are xored in halves: of four planes all 16 sums are made once, and each of the planes of the
result takes the one it needs, as in the method of the Four Russians.

It knows no shards. It must never be given pieces of different lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from zentalk.mesh.galois import Row, product

_BITS: Final = 8
_HALF: Final = 4
_BLOCK_BYTES: Final = 65_536
"""Taken of a piece at once: what is computed with then fits into a processor's second cache."""
_KEPT_SCHEDULES: Final = 64
"""The same pieces are lost again and again: all segments of a file lie at the same holders."""

Planes: TypeAlias = list[int]
Schedule: TypeAlias = tuple[tuple[tuple[int, int], ...], ...]
"""For each piece and each plane of the results: which sums of its low and its high four planes."""


def sums_of_products(rows: tuple[Row, ...], pieces: Sequence[bytes]) -> list[bytes]:
    """Return for each row the sum of its numbers times the pieces, which have one length."""
    schedule = _schedule(rows)
    length = len(pieces[0])
    parts: list[list[bytes]] = [[] for _ in rows]
    for start in range(0, length, _BLOCK_BYTES):
        blocks = [piece[start : start + _BLOCK_BYTES] for piece in pieces]
        for done, part in zip(parts, _block(schedule, blocks), strict=True):
            done.append(part)
    return [b"".join(part) for part in parts]


def _block(schedule: Schedule, blocks: Sequence[bytes]) -> list[bytes]:
    length = len(blocks[0])
    width = -(-length // _BITS)
    results = [0] * len(schedule[0])
    for choices, block in zip(schedule, blocks, strict=True):
        planes = _planes(block, width)
        low, high = _all_sums(planes[:_HALF]), _all_sums(planes[_HALF:])
        results = [
            result ^ low[first] ^ high[second]
            for result, (first, second) in zip(results, choices, strict=True)
        ]
    return [
        _bytes(results[at : at + _BITS], width)[:length] for at in range(0, len(results), _BITS)
    ]


def _planes(block: bytes, width: int) -> Planes:
    """Return the planes of a block, filled with zeros to eight parts of `width` bytes.

    Bit n of byte m of a plane is of byte m of part n.
    """
    return _transposed(
        [int.from_bytes(block[at : at + width], "little") for at in range(0, _BITS * width, width)],
        width,
    )


def _bytes(planes: Planes, width: int) -> bytes:
    return b"".join([part.to_bytes(width, "little") for part in _transposed(planes, width)])


def _transposed(lines: Planes, width: int) -> Planes:
    """Swap lines with bits: bit n of each byte of line m becomes bit m of the byte of line n.

    Halves, quarters and single bits are swapped in turn, in all bytes at once; to do it again
    gives back the lines.
    """
    turned = list(lines)
    for step, mask in _masks(width):
        for upper in range(_BITS):
            if upper & step:
                continue
            lower = upper + step
            differ = ((turned[upper] >> step) ^ turned[lower]) & mask
            turned[lower] ^= differ
            turned[upper] ^= differ << step
    return turned


@lru_cache(maxsize=8)
def _masks(width: int) -> tuple[tuple[int, int], ...]:
    """Return the three steps, each with the bits of a line that change places with others."""
    return tuple(
        (step, int.from_bytes(bytes([low]) * width, "little"))
        for step, low in ((4, 0x0F), (2, 0x33), (1, 0x55))
    )


def _all_sums(planes: Planes) -> Planes:
    """Return the sums of all subsets of planes; bit n of the index stands for plane n."""
    sums = [0]
    for plane in planes:
        sums += [one ^ plane for one in sums]
    return sums


@lru_cache(maxsize=_KEPT_SCHEDULES)
def _schedule(rows: tuple[Row, ...]) -> Schedule:
    """Say for each piece which sums of its planes go into which planes of the results."""
    return tuple(
        tuple(choice for row in rows for choice in _choices(row[piece]))
        for piece in range(len(rows[0]))
    )


@lru_cache(maxsize=256)
def _choices(factor: int) -> tuple[tuple[int, int], ...]:
    """Return for each bit of a product with `factor` the bits of the other that it is a sum of."""
    of_bits = [product(factor, 1 << bit) for bit in range(_BITS)]
    masks = [sum((one >> bit & 1) << at for at, one in enumerate(of_bits)) for bit in range(_BITS)]
    return tuple((mask & 0x0F, mask >> _HALF) for mask in masks)
