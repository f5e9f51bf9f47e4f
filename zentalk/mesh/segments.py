"""Segments of a file: filled to one of few sizes, sealed, and coded into shards; and back.

Spec: docs/spec/mesh.md sections 3 and 4. `length` is always that of a segment's data, as the size
of the file in its head says it. How a file is cut is in `zentalk.wire.head`.

Nothing may be sealed twice under one key and number unless it is the same. What was joined must
never be given to anybody before it was opened: any ten payloads join to something.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Final

from zentalk.crypto.aead import TAG_BYTES, aes_open, aes_seal
from zentalk.errors import AuthenticationError, DecodeError, LocalProtocolError
from zentalk.mesh.accelerated import accelerated_rebuild
from zentalk.mesh.erasure import ErasureCode
from zentalk.wire.head import LARGE_SEGMENT_BYTES, MAX_FILE_BYTES, SMALL_SEGMENT_BYTES
from zentalk.wire.shard import Coding

MIN_FILLED_BYTES: Final = 4096
MAX_SEGMENTS: Final = MAX_FILE_BYTES // LARGE_SEGMENT_BYTES
_STEP_BITS: Final = 2
"""Four size classes lie from one power of two to the next: two bits."""


def filled_bytes(length: int) -> int:
    """Return what a segment of so many bytes is filled up to: its size class.

    4,096 x 2^n x (1, 1.25, 1.5 or 1.75). Raises LocalProtocolError if no segment is so long.
    """
    if not 0 <= length <= LARGE_SEGMENT_BYTES:
        raise LocalProtocolError(f"a segment has at most {LARGE_SEGMENT_BYTES} bytes")
    if length <= MIN_FILLED_BYTES:
        return MIN_FILLED_BYTES
    step = 1 << (length - 1).bit_length() - 1 - _STEP_BITS
    return -(-length // step) * step


def sealed_bytes(length: int) -> int:
    """Return the length of a sealed segment; raises what `filled_bytes` raises."""
    return filled_bytes(length) + TAG_BYTES


def seal_segment(key: bytes, number: int, data: bytes, *, last: bool) -> bytes:
    """Fill and seal a segment; `key` is the segment key or the index key of the file.

    Raises LocalProtocolError if a file has no such segment.
    """
    filled = data.ljust(filled_bytes(len(data)), b"\0")
    return aes_seal(key, _nonce(number, len(data), last=last), filled)


def open_segment(key: bytes, number: int, sealed: bytes, length: int, *, last: bool) -> bytes:
    """Return the data of a sealed segment.

    Raises AuthenticationError if it does not open, DecodeError if it was not filled with zeros, and
    LocalProtocolError if a file has no such segment.
    """
    nonce = _nonce(number, length, last=last)
    if len(sealed) != sealed_bytes(length):
        raise DecodeError("a segment has not the length that the size of its file says")
    try:
        filled = aes_open(key, nonce, sealed)
    except AuthenticationError:
        raise AuthenticationError(
            f"segment {number} of a file does not open: its shards do not belong together."
            " Whoever has the file may put it into the mesh again"
        ) from None
    if filled.count(0, length) != len(filled) - length:
        raise DecodeError(f"segment {number} of a file has more bytes than the size of the file")
    return filled[:length]


def coded(sealed: bytes) -> list[bytes]:
    """Return the payloads of the 15 shards of a sealed segment."""
    return _code().encode(sealed)


def joined(payloads: Mapping[int, bytes], length: int) -> bytes:
    """Return the sealed segment that ten or more payloads, by the index of their shards, give.

    It is not known to be right before it was opened. Raises TooFewShardsError if there are too few,
    DecodeError if they have not the lengths of a segment of so much data.
    """
    whole = sealed_bytes(length)
    piece = -(-whole // _code().data)
    if any(len(payload) != piece for payload in payloads.values()):
        raise DecodeError("a shard has not the length that the size of its file says")
    found = _code().decode(payloads)
    if found.count(0, whole) != len(found) - whole:
        raise DecodeError("the shards of a segment do not belong together")
    return found[:whole]


def recoded(payloads: Mapping[int, bytes], wanted: Collection[int]) -> dict[int, bytes]:
    """Return the payloads of the wanted shards, from ten or more of the same segment.

    Needs no key. Whoever knows the ids of the wanted shards compares them. Raises TooFewShardsError
    if there are too few, DecodeError if their lengths differ, LocalProtocolError for an index that
    no shard has.
    """
    return _code().rebuild(payloads, wanted)


@lru_cache(maxsize=1)
def _code() -> ErasureCode:
    data, parity = Coding.PIECE.value
    return ErasureCode(data, parity, accelerated_rebuild(data, parity))


def _nonce(number: int, length: int, *, last: bool) -> bytes:
    """Return the nonce of a segment; raises LocalProtocolError if no file has it.

    Only the last one may be short, and only that of an empty file is empty.
    """
    if not 0 <= number < MAX_SEGMENTS or (number and not length):
        raise LocalProtocolError("no file has such a segment")
    if not last and length not in (SMALL_SEGMENT_BYTES, LARGE_SEGMENT_BYTES):
        raise LocalProtocolError("only the last segment of a file may be short")
    return b"".join((number.to_bytes(8, "big"), bytes(3), bytes([last])))
