"""The sums of the erasure code from ISA-L, an optional library: the only importer of pyeclib.

pyeclib (extra `mesh`) binds liberasurecode, which puts a header before each piece and asks for it
when pieces come back. The headers of one length are always the same, so they are taken from what
the library makes of zeros, and put before our pieces. Only its function for single lost pieces is
used: it computes into one new buffer, where encoding and decoding copy everything.

It must never be given pieces that were not checked: the library tells the system's log what it
dislikes. It holds the lock of the interpreter while it computes, some 0.1 ms for a piece, so that
threads may share it. Only `isa_l_rs_cauchy` is used. `isa_l_rs_vand`, of the same library, loses
data: ten ways of losing 5 of 15 pieces cannot be undone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from zentalk.mesh.erasure import Rebuild, plain_rebuild

try:
    from pyeclib.ec_iface import ECDriver, ECDriverError
except ImportError:
    _IS_INSTALLED = False
else:
    _IS_INSTALLED = True

_BACKEND: Final = "isa_l_rs_cauchy"
_TRIED_LENGTHS: Final = (1, 15, 16, 17)
_KEPT_LENGTHS: Final = 8
"""Lengths of pieces whose headers are kept: whole segments of two sizes, and some last ones."""


def accelerated_rebuild(data: int, parity: int) -> Rebuild | None:
    """Return the function that rebuilds pieces with ISA-L; None where it is not there.

    A build of the library that gives other bytes than plain Python counts as not there.
    """
    if not _IS_INSTALLED:
        return None
    try:
        rebuild = _rebuild(ECDriver(ec_type=_BACKEND, k=data, m=parity))
        return rebuild if _gives_our_bytes(rebuild, data, parity) else None
    except ECDriverError:
        return None


def _rebuild(driver: ECDriver) -> Rebuild:
    @lru_cache(maxsize=_KEPT_LENGTHS)
    def headers(length: int) -> list[bytes]:
        fragments = driver.encode(bytes(driver.k * length))
        return [fragment[: len(fragment) - length] for fragment in fragments]

    def rebuild(pieces: Mapping[int, bytes], lost: Sequence[int]) -> list[bytes]:
        length = len(next(iter(pieces.values())))
        before = headers(length)
        fragments = [before[index] + piece for index, piece in pieces.items()]
        # One at a time: asked for several, it would add each to the pieces it computes from.
        return [driver.reconstruct(fragments, [index])[0][-length:] for index in lost]

    return rebuild


def _gives_our_bytes(rebuild: Rebuild, data: int, parity: int) -> bool:
    """Compare with plain Python: parity from data, and the first pieces from the last ones."""
    plain, total = plain_rebuild(data, parity), data + parity
    first, last = range(min(data, parity)), range(data, total)
    for length in _TRIED_LENGTHS:
        pieces = {at: bytes((at * 59 + n * 7) % 256 for n in range(length)) for at in range(data)}
        pieces |= dict(zip(last, plain(pieces, last), strict=True))
        given = [{at: pieces[at] for at in range(data)}]
        given += [{at: pieces[at] for at in range(len(first), len(first) + data)}]
        for some, lost in zip(given, (last, first), strict=True):
            if rebuild(some, lost) != [pieces[at] for at in lost]:
                return False
    return True
