"""Makes bad inputs out of good ones; the same seed makes the same inputs.

Half of the inputs are one or two small changes away from a valid one, so that they reach
deep into a parser; the rest are cut, spliced or turned into bombs: claims of enormous
lengths, and nesting.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

INTERESTING: Final = (0x00, 0x01, 0x7F, 0x80, 0x90, 0xC0, 0xC4, 0xD9, 0xDC, 0xDE, 0xFE, 0xFF)
"""Ends of ranges, and first bytes that mean a length follows in MessagePack."""

WIDE: Final = (
    b"\xff" * 2,
    b"\xff" * 3,
    b"\xff" * 4,
    b"\xff" * 8,
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"\x00\x00\x00\x00",
    b"\x00\x40\x00",
)

CLAIMS: Final = (
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\x00",
    b"\xdc\xff\xff",
    b"\xde\xff\xff",
    b"\xdc\x40\x00",
    b"\xd6\xff\x00\x00\x00\x00",
    b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
    b"\xcc\x01",
    b"\xa2\xc3\x28",
    b"\xa3\xed\xa0\x80",
)
"""MessagePack that claims gigabytes, is of a type nobody asked for, or is not canonical."""

BOMBS: Final = (
    b"\xdc\x40\x00" * 1000 + bytes(16_384),
    b"\xde\x10\x00\xa0" * 1000 + bytes(16_384),
    b"\x91" * 5000,
    b"\x81\xa0" * 5000,
    b"[" * 20_000,
    b'{"text":' * 5000,
    b'{"text": "' + b"\\ud800" * 3000 + b'"}',
    b'{"text": ' + b"9" * 6000 + b"}",
    b'data: {"seq": ' + b"[" * 5000 + b"\n\n",
    b"host = " + b"[" * 3000,
    b"port = " + b"9" * 6000,
    b"a." * 3000 + b"b = 1",
    b"\xff" * 70_000,
    bytes(70_000),
)
"""Inputs that cost a careless parser memory, time or its stack."""


class Mutator:
    """Draws mutated inputs; `others` is what it splices from."""

    def __init__(self, seed: int, others: Sequence[bytes]) -> None:
        self._random = random.Random(seed)
        self._others = others
        self._changes: tuple[Callable[[bytearray], None], ...] = (
            self._flip,
            self._flip,
            self._set,
            self._widen,
            self._claim,
            self._cut,
            self._remove,
            self._insert,
            self._repeat,
            self._splice,
        )

    def draw(self, seeds: Sequence[bytes]) -> bytes:
        """Return one mutated input made of one of `seeds`."""
        kind = self._random.random()
        if kind < 0.005:
            return self._bomb(self._random.choice(seeds))
        if kind < 0.03:
            return self._random.randbytes(self._random.randrange(64))
        data = bytearray(self._random.choice(seeds))
        for _ in range(1 + (kind > 0.5) + (kind > 0.8) * self._random.randrange(4)):
            self._random.choice(self._changes)(data)
        return bytes(data)

    def _at(self, data: bytearray) -> int:
        """Return a place, more often near the front, where the structure is."""
        places = len(data) + 1
        if self._random.random() < 0.5:
            places = min(places, 64)
        return self._random.randrange(places)

    def _flip(self, data: bytearray) -> None:
        at = self._at(data)
        if at < len(data):
            data[at] ^= 1 << self._random.randrange(8)

    def _set(self, data: bytearray) -> None:
        at = self._at(data)
        data[at : at + 1] = bytes([self._random.choice(INTERESTING)])

    def _widen(self, data: bytearray) -> None:
        at, wide = self._at(data), self._random.choice(WIDE)
        data[at : at + len(wide)] = wide

    def _claim(self, data: bytearray) -> None:
        at = self._at(data)
        data[at : at + self._random.randrange(2)] = self._random.choice(CLAIMS)

    def _cut(self, data: bytearray) -> None:
        del data[self._at(data) :]

    def _remove(self, data: bytearray) -> None:
        at = self._at(data)
        del data[at : at + 1 + self._random.randrange(8)]

    def _insert(self, data: bytearray) -> None:
        at = self._at(data)
        data[at:at] = self._random.randbytes(1 + self._random.randrange(8))

    def _repeat(self, data: bytearray) -> None:
        at = self._at(data)
        piece = bytes(data[at : at + 1 + self._random.randrange(40)])
        data[at:at] = piece * (1 + self._random.randrange(3))

    def _splice(self, data: bytearray) -> None:
        other = self._random.choice(self._others)
        start = self._random.randrange(len(other) + 1)
        data[self._at(data) :] = other[start:]

    def _bomb(self, seed: bytes) -> bytes:
        bomb = self._random.choice(BOMBS)
        at = self._random.choice((0, 0, self._random.randrange(min(64, len(seed)) + 1)))
        return seed[:at] + bomb
