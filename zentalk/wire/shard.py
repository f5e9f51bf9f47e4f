"""The form of a shard: what a holder keeps, and checks without being able to read it.

Spec: docs/spec/mesh.md section 5. A payload is sealed, and opaque here; whose it is and how long
it is kept must never be part of a shard, so that its id stays when it is repaired or moved.

| offset | bytes | field |
|---|---|---|
| 0 | 4 | `ZTSH` |
| 4 | 1 | version |
| 5 | 1 | suite |
| 6 | 2 | k and m: any k of k + m pieces give back what they were made of |
| 8 | 1 | index |
| 9 | 1 | zero |
| 10 | 4 | length of the payload |
| 14 | P | payload |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from zentalk.crypto.hashing import sha256
from zentalk.errors import DecodeError, LocalProtocolError, NewerVersionError
from zentalk.ids import ShardId

VERSION: Final = 1
SUITE: Final = 1
HEADER_BYTES: Final = 14
MAX_PAYLOAD_BYTES: Final = 261_000
"""More than a tenth of any segment, and little enough for a call with all its other fields."""
MAX_SHARD_BYTES: Final = HEADER_BYTES + MAX_PAYLOAD_BYTES
_MAGIC: Final = b"ZTSH"
_LENGTH_AT: Final = 10


class Coding(Enum):
    """How many pieces something was coded into: its k and m."""

    PIECE = (10, 5)
    """One of 15 pieces of a segment, of which 10 give it back."""
    COPY = (1, 5)
    """A sealed head, the same at up to six holders."""

    @property
    def indexes(self) -> int:
        """How many different shards there are of one segment or head."""
        return sum(self.value) if self is Coding.PIECE else 1


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard that has the right form; `payload` may still be anything."""

    coding: Coding
    index: int
    payload: bytes = field(repr=False)


def shard_id(data: bytes) -> ShardId:
    """Return the id of the bytes of a shard."""
    return ShardId(sha256(data))


def encode_shard(shard: Shard) -> bytes:
    """Encode a shard; raises LocalProtocolError if index or payload is out of bounds."""
    if not 0 <= shard.index < shard.coding.indexes:
        raise LocalProtocolError("the index of a shard is not one of its coding")
    if not 1 <= len(shard.payload) <= MAX_PAYLOAD_BYTES:
        raise LocalProtocolError(f"the payload of a shard is not 1 to {MAX_PAYLOAD_BYTES} bytes")
    head = bytes([VERSION, SUITE, *shard.coding.value, shard.index, 0])
    return b"".join((_MAGIC, head, len(shard.payload).to_bytes(4, "big"), shard.payload))


def decode_shard(data: bytes) -> Shard:
    """Read a shard.

    Raises NewerVersionError if it is of a later version or suite, DecodeError if it is none.
    """
    if not HEADER_BYTES < len(data) <= MAX_SHARD_BYTES or not data.startswith(_MAGIC):
        raise DecodeError("what came as a shard is none")
    version = data[len(_MAGIC)]
    if version > max(_READERS):
        raise NewerVersionError(
            f"a shard has version {version}: a newer version of this program can read it"
        )
    if version not in _READERS:
        raise DecodeError("a shard has a version that there never was")
    return _READERS[version](data)


def _read_first(data: bytes) -> Shard:
    suite, k, m, index, zero = data[5:_LENGTH_AT]
    if suite > SUITE:
        raise NewerVersionError(
            f"a shard has suite {suite}: a newer version of this program can read it"
        )
    if suite != SUITE or zero:
        raise DecodeError("the header of a shard is not valid")
    try:
        coding = Coding((k, m))
    except ValueError:
        raise DecodeError("a shard has a coding that its suite has not") from None
    if index >= coding.indexes:
        raise DecodeError("the index of a shard is not one of its coding")
    if int.from_bytes(data[_LENGTH_AT:HEADER_BYTES], "big") != len(data) - HEADER_BYTES:
        raise DecodeError("a shard has not the length that it says")
    return Shard(coding, index, data[HEADER_BYTES:])


_READERS: Final[dict[int, Callable[[bytes], Shard]]] = {1: _read_first}
"""The readers of all versions; a shard of one that is not here is refused."""
