"""The erasure code: data in `data` pieces and `parity` more, of which any `data` give all others.

Spec: docs/spec/mesh.md section 4; a systematic Cauchy Reed-Solomon code. It must never be taken for
a check: pieces of different data, or altered ones, give other data without a complaint. Whoever
uses it compares ids before and opens a seal after.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

from zentalk.errors import DecodeError, LocalProtocolError, UnavailableError
from zentalk.mesh.bit_planes import sums_of_products
from zentalk.mesh.galois import Row, generator, inverted, times

Rebuild: TypeAlias = Callable[[Mapping[int, bytes], Sequence[int]], list[bytes]]
"""Takes exactly `data` pieces of one length by index, and indexes of others; returns these."""


class TooFewShardsError(UnavailableError):
    """Fewer pieces are there than the data can be rebuilt from."""

    def __init__(self, have: int, need: int) -> None:
        super().__init__(
            f"only {have} of the {need} shards that a segment needs are there:"
            " try again when more of its holders can be reached"
        )
        self.have = have
        self.need = need


class ErasureCode:
    """A code of `data` and `parity` pieces; indexes count data pieces first, then the others.

    `rebuild` computes lost pieces faster than plain Python, to the same bytes.
    """

    def __init__(self, data: int, parity: int, rebuild: Rebuild | None = None) -> None:
        self.data = data
        self.total = len(generator(data, parity))
        self._rebuild = rebuild or plain_rebuild(data, parity)

    def encode(self, data: bytes) -> list[bytes]:
        """Return all pieces of some data, which is filled with zeros to pieces of one length.

        Raises LocalProtocolError if there is no data.
        """
        length = -(-len(data) // self.data)
        if not length:
            raise LocalProtocolError("no data to code: a segment is never empty")
        pieces = [data[at : at + length] for at in range(0, self.data * length, length)]
        for at in range(len(data) // length, self.data):
            pieces[at] = pieces[at].ljust(length, b"\0")
        parity = range(self.data, self.total)
        return pieces + self._rebuild(dict(enumerate(pieces)), parity)

    def decode(self, pieces: Mapping[int, bytes]) -> bytes:
        """Return the data of at least `data` pieces, with the zeros that it was filled with.

        Raises what `rebuild` raises.
        """
        whole = self.rebuild(pieces, range(self.data))
        return b"".join([whole[index] for index in range(self.data)])

    def rebuild(self, pieces: Mapping[int, bytes], wanted: Collection[int]) -> dict[int, bytes]:
        """Return the wanted pieces by index: those that are given, and the others from these.

        Raises TooFewShardsError if there are too few, DecodeError if their lengths differ, and
        LocalProtocolError for an index that the code does not have.
        """
        self._check(pieces, wanted)
        lost = [index for index in sorted(set(wanted)) if index not in pieces]
        found = {index: pieces[index] for index in wanted if index in pieces}
        if lost:
            # Data pieces first: what is there of the data then needs no computing.
            used = {index: pieces[index] for index in sorted(pieces)[: self.data]}
            found.update(zip(lost, self._rebuild(used, lost), strict=True))
        return found

    def _check(self, pieces: Mapping[int, bytes], wanted: Collection[int]) -> None:
        if any(not 0 <= index < self.total for index in (*pieces, *wanted)):
            raise LocalProtocolError(f"a shard has an index of 0 to {self.total - 1}")
        if len(pieces) < self.data:
            raise TooFewShardsError(len(pieces), self.data)
        lengths = {len(piece) for piece in pieces.values()}
        if len(lengths) > 1 or 0 in lengths:
            raise DecodeError(
                "the shards of a segment are empty or not of one length: whoever made the file"
                " made it wrong, and has to put it into the mesh again"
            )


def plain_rebuild(data: int, parity: int) -> Rebuild:
    """Return the function that rebuilds pieces in plain Python."""

    def rebuild(pieces: Mapping[int, bytes], lost: Sequence[int]) -> list[bytes]:
        rows = _rows(data, parity, tuple(pieces), tuple(lost))
        return sums_of_products(rows, list(pieces.values()))

    return rebuild


@lru_cache(maxsize=64)
def _rows(data: int, parity: int, given: tuple[int, ...], lost: tuple[int, ...]) -> tuple[Row, ...]:
    """Return for each lost piece the numbers by which it is a sum of the given ones."""
    rows = generator(data, parity)
    back = inverted([rows[index] for index in given])
    return tuple(times(rows[index], back) for index in lost)
