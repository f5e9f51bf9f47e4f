"""The code of docs/spec/mesh.md section 4 byte by byte, without tables and without ours."""

from __future__ import annotations

from functools import cache

DATA, PARITY = 10, 5
POLYNOMIAL = 0x11D


def product(left: int, right: int) -> int:
    """Multiply polynomials over GF(2), then divide by x^8 + x^4 + x^3 + x^2 + 1."""
    whole = 0
    for bit in range(8):
        if right >> bit & 1:
            whole ^= left << bit
    for bit in range(14, 7, -1):
        if whole >> bit & 1:
            whole ^= POLYNOMIAL << (bit - 8)
    return whole


@cache
def inverse(element: int) -> int:
    (found,) = (other for other in range(256) if product(element, other) == 1)
    return found


@cache
def row_of_products(factor: int) -> bytes:
    return bytes(product(factor, value) for value in range(256))


def combined(factors: list[int], pieces: list[bytes]) -> bytes:
    """Return the sum of factors times pieces, by one look-up in `row_of_products` a byte."""
    total = 0
    for factor, piece in zip(factors, pieces, strict=True):
        total ^= int.from_bytes(piece.translate(row_of_products(factor)), "big")
    return total.to_bytes(len(pieces[0]), "big")


def shards(sealed: bytes) -> list[bytes]:
    """Return the 15 payloads of a sealed segment."""
    length = (len(sealed) + DATA - 1) // DATA
    filled = sealed + bytes(DATA * length - len(sealed))
    pieces = [filled[at * length : (at + 1) * length] for at in range(DATA)]
    parity = [
        combined([inverse((DATA + i) ^ j) for j in range(DATA)], pieces) for i in range(PARITY)
    ]
    return pieces + parity
