"""Arithmetic in the field of 256 elements that the shards are computed in, and its matrices.

Spec: docs/spec/mesh.md section 4. An element is a byte whose bits are the coefficients of a
polynomial over GF(2); products are reduced by x^8 + x^4 + x^3 + x^2 + 1, and the sum is xor. Meant
for the few numbers of a matrix: it must never touch the bytes of a file one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from zentalk.errors import LocalProtocolError

ORDER: Final = 256
_POLYNOMIAL: Final = 0x11D
_NONZERO: Final = ORDER - 1

Row: TypeAlias = tuple[int, ...]
"""One line of a matrix."""


def _powers() -> list[int]:
    """Return x^0 to x^509: x generates every element but 0, and two logarithms add up to 508."""
    powers = [1]
    while len(powers) < 2 * _NONZERO:
        doubled = powers[-1] << 1
        powers.append(doubled ^ _POLYNOMIAL if doubled >= ORDER else doubled)
    return powers


_POWERS: Final = _powers()
_LOGARITHMS: Final = {power: exponent for exponent, power in enumerate(_POWERS[:_NONZERO])}


def product(left: int, right: int) -> int:
    """Return the product of two elements."""
    if not left or not right:
        return 0
    return _POWERS[_LOGARITHMS[left] + _LOGARITHMS[right]]


def inverse(element: int) -> int:
    """Return what gives 1 in a product with an element.

    Raises LocalProtocolError for 0, which has none.
    """
    if not element:
        raise LocalProtocolError("0 has no inverse")
    return _POWERS[_NONZERO - _LOGARITHMS[element]]


@lru_cache(maxsize=16)
def generator(data: int, parity: int) -> tuple[Row, ...]:
    """Return the rows by which pieces come from data pieces: first these themselves, then parity.

    The parity rows are a Cauchy matrix, so that any `data` rows can be inverted. Raises
    LocalProtocolError if a number is not positive, or the field is too small for both.
    """
    if data < 1 or parity < 1 or data + parity > ORDER:
        raise LocalProtocolError(f"no code of {data} and {parity} pieces: {ORDER} at most together")
    unit = [tuple(int(i == j) for j in range(data)) for i in range(data)]
    cauchy = [tuple(inverse((data + i) ^ j) for j in range(data)) for i in range(parity)]
    return (*unit, *cauchy)


def times(row: Row, matrix: Sequence[Row]) -> Row:
    """Return the product of a row and a matrix."""
    out = [0] * len(matrix[0])
    for factor, other in zip(row, matrix, strict=True):
        out = _plus_multiple(out, factor, other)
    return tuple(out)


def inverted(matrix: Sequence[Row]) -> tuple[Row, ...]:
    """Return the inverse of a square matrix, by elimination (Gauss, Jordan).

    Raises LocalProtocolError if it has none.
    """
    size = len(matrix)
    work = [[*row, *(int(i == j) for j in range(size))] for i, row in enumerate(matrix)]
    for column in range(size):
        pivot = next((at for at in range(column, size) if work[at][column]), None)
        if pivot is None:
            raise LocalProtocolError("these pieces do not determine the others")
        work[column], work[pivot] = work[pivot], work[column]
        scale = inverse(work[column][column])
        work[column] = [product(scale, value) for value in work[column]]
        for at in range(size):
            if at != column and work[at][column]:
                work[at] = _plus_multiple(work[at], work[at][column], work[column])
    return tuple(tuple(row[size:]) for row in work)


def _plus_multiple(row: Sequence[int], factor: int, other: Sequence[int]) -> list[int]:
    return [left ^ product(factor, right) for left, right in zip(row, other, strict=True)]
