"""The fixed binary shapes of a session: initial header, message header, padded body, inner.

An envelope shows nothing of these: the message header and the body are always
encrypted, and the initial header travels inside an outer seal. What that seal holds, an
inner, fills the envelope of a packet class exactly, so that a relay cannot tell a first
message from a later one. Decoders here check shape only; every byte they return was
authenticated elsewhere or is about to be. Spec: docs/spec/end-to-end.md.

    outer seal             salt or ephemeral key 32 | sealed inner | tag 16
    inner                  kind 1 | [initial header 1,170] | ratchet envelope
    initial header 1,170   suite 1 | generation 4 | identity 32 | ephemeral 32 |
                           kem ciphertext 1088 | signed prekey id 4 | pq prekey id 4 |
                           one-time flag 1 | one-time id 4
    message header    44   ratchet public 32 | length of previous chain 4 | number 4 |
                           pq epoch 4
    body                   block kind 1 | content length 3 | content |
                           [pq epoch 4 | block] | zeros
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum
from typing import Final, NamedTuple

from zentalk.crypto import ed25519, mlkem, x25519
from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.wire.deposit import ENVELOPE_LARGE_BYTES, ENVELOPE_SMALL_BYTES
from zentalk.wire.packet_class import PacketClass

SESSION_SUITE: Final = 0x01
"""X25519 + ML-KEM-768, SHAKE256, AES-256-GCM; a contact never goes below its suite."""
MAX_UINT32: Final = 2**32 - 1

_INITIAL: Final = struct.Struct(f">BI32s32s{mlkem.CIPHERTEXT_BYTES}sIIBI")
_MESSAGE: Final = struct.Struct(">32sIII")
_EPOCH_BYTES: Final = 4
_CONTENT_LENGTH_BYTES: Final = 3

INITIAL_HEADER_BYTES: Final = _INITIAL.size
MESSAGE_HEADER_BYTES: Final = _MESSAGE.size
BODY_FRONT_BYTES: Final = 1 + _CONTENT_LENGTH_BYTES
_KIND_UNIT: Final = 2 ** (8 * _CONTENT_LENGTH_BYTES)
MAX_CONTENT_BYTES: Final = _KIND_UNIT - 1

SEAL_FRONT_BYTES: Final = 32
SEAL_OVERHEAD_BYTES: Final = SEAL_FRONT_BYTES + 16
INNER_SMALL_BYTES: Final = ENVELOPE_SMALL_BYTES - SEAL_OVERHEAD_BYTES
INNER_LARGE_BYTES: Final = ENVELOPE_LARGE_BYTES - SEAL_OVERHEAD_BYTES
_SIZES: Final = {
    PacketClass.SMALL: INNER_SMALL_BYTES,
    PacketClass.LARGE: INNER_LARGE_BYTES,
}
INNER_KIND_BYTES: Final = 1
_ALONE: Final = 0
_FIRST: Final = 1


class InitialHeader(NamedTuple):
    """What the responder needs to derive the root secret of a new session.

    `one_time_id` is None when the pool was drained and the last-resort key was used.
    """

    generation: int
    identity: bytes
    ephemeral: bytes
    kem_ciphertext: bytes
    signed_prekey_id: int
    pq_prekey_id: int
    one_time_id: int | None
    suite: int = SESSION_SUITE

    def to_bytes(self) -> bytes:
        """Return the INITIAL_HEADER_BYTES bytes that go before an envelope.

        Raises LocalProtocolError if a field has another length or is out of range.
        """
        lengths = len(self.identity), len(self.ephemeral), len(self.kem_ciphertext)
        if lengths != (ed25519.PUBLIC_BYTES, x25519.KEY_BYTES, mlkem.CIPHERTEXT_BYTES):
            raise LocalProtocolError("a key of an initial header has the wrong length")
        try:
            return _INITIAL.pack(
                self.suite,
                self.generation,
                self.identity,
                self.ephemeral,
                self.kem_ciphertext,
                self.signed_prekey_id,
                self.pq_prekey_id,
                self.one_time_id is not None,
                self.one_time_id or 0,
            )
        except struct.error as error:
            raise LocalProtocolError("a field of an initial header is out of range") from error

    @classmethod
    def from_bytes(cls, data: bytes) -> InitialHeader:
        """Read a header; raises DecodeError on a wrong length, suite or flag."""
        if len(data) != INITIAL_HEADER_BYTES:
            raise DecodeError("an initial header has the wrong length")
        (
            suite,
            generation,
            identity,
            ephemeral,
            ciphertext,
            signed_prekey_id,
            pq_prekey_id,
            flag,
            one_time_id,
        ) = _INITIAL.unpack(data)
        if suite != SESSION_SUITE:
            raise DecodeError(f"session suite {suite} is not known")
        if flag > 1 or (flag == 0 and one_time_id != 0):
            raise DecodeError("the one-time flag of an initial header is not valid")
        one_time = one_time_id if flag else None
        return cls(
            generation, identity, ephemeral, ciphertext, signed_prekey_id, pq_prekey_id, one_time
        )

    def replay_key(self) -> bytes:
        """Return 32 bytes that are the same for every copy of this first message.

        The owner of a last-resort key remembers these until the key expires. Any other
        field may be altered by a replayer, but not without breaking the envelope.
        """
        return blake2b_256(Label.PQXDH_SEEN, self.identity, self.ephemeral)


class MessageHeader(NamedTuple):
    """The encrypted header of one envelope.

    `public` is the sender's ratchet key, `previous_count` the length of the sending
    chain before this one, `number` the position in this one, and `pq_epoch` the last
    KEM epoch that is mixed into the root this chain comes from.
    """

    public: bytes
    previous_count: int
    number: int
    pq_epoch: int

    @classmethod
    def from_bytes(cls, data: bytes) -> MessageHeader:
        """Read a decrypted header; raises DecodeError on a wrong length."""
        if len(data) != MESSAGE_HEADER_BYTES:
            raise DecodeError("a message header has the wrong length")
        return cls(*_MESSAGE.unpack(data))


pack_header: Final[Callable[[bytes, int, int, int], bytes]] = _MESSAGE.pack
"""Takes the fields of a MessageHeader in order; returns what its `from_bytes` reads."""


class BlockKind(IntEnum):
    """What rides in the padding of an envelope."""

    NOTHING = 0
    KEM_KEY = 1
    KEM_CIPHERTEXT = 2


class PqBlock(NamedTuple):
    """A KEM key or ciphertext of one PQ epoch."""

    kind: BlockKind
    epoch: int
    data: bytes


_BLOCK_BYTES: Final = {
    BlockKind.KEM_KEY: mlkem.PUBLIC_BYTES,
    BlockKind.KEM_CIPHERTEXT: mlkem.CIPHERTEXT_BYTES,
}
BLOCK_ROOM_BYTES: Final = {kind: _EPOCH_BYTES + size for kind, size in _BLOCK_BYTES.items()}
"""Padding that each kind of block needs."""


def pack_body(content: bytes, block: PqBlock | None, size_bytes: int) -> bytes:
    """Return a body of exactly `size_bytes`; the caller has checked that it fits."""
    kind, tail = 0, b""
    if block is not None:
        kind, tail = block.kind.value, block.epoch.to_bytes(_EPOCH_BYTES, "big") + block.data
    front = (kind * _KIND_UNIT + len(content)).to_bytes(BODY_FRONT_BYTES, "big")
    return (front + content + tail).ljust(size_bytes, b"\0")


def unpack_body(body: bytes) -> tuple[bytes, PqBlock | None]:
    """Return content and block of a decrypted body; raises DecodeError."""
    if len(body) < BODY_FRONT_BYTES:
        raise DecodeError("an envelope's body is too short")
    end = BODY_FRONT_BYTES + int.from_bytes(body[1:BODY_FRONT_BYTES], "big")
    content, block = body[BODY_FRONT_BYTES:end], None
    if body[0]:
        block, end = _unpack_block(body, body[0], end)
    if end > len(body) or body[end:].strip(b"\0"):
        raise DecodeError("an envelope's padding is not valid")
    return content, block


def _unpack_block(body: bytes, kind: int, start: int) -> tuple[PqBlock, int]:
    """Return the block that starts at `start`, and where it ends (perhaps past the body)."""
    if kind > max(BlockKind):
        raise DecodeError("an envelope carries a block of an unknown kind")
    known, data_start = BlockKind(kind), start + _EPOCH_BYTES
    end = data_start + _BLOCK_BYTES[known]
    epoch = int.from_bytes(body[start:data_start], "big")
    return PqBlock(known, epoch, body[data_start:end]), end


class Inner(NamedTuple):
    """A ratchet envelope; `initial_header` is empty unless the session is new."""

    initial_header: bytes
    ratchet_envelope: bytes


def inner_class(data: bytes) -> PacketClass:
    """Return the class of packets that an inner fills, once it is sealed.

    Raises LocalProtocolError if the inner has not exactly one of the two constant sizes.
    """
    for packet_class, size in _SIZES.items():
        if len(data) == size:
            return packet_class
    raise LocalProtocolError("an envelope's content has not the size of a packet class")


def encode_inner(inner: Inner) -> bytes:
    """Join kind, header and envelope."""
    kind = _FIRST if inner.initial_header else _ALONE
    return bytes([kind]) + inner.initial_header + inner.ratchet_envelope


def decode_inner(data: bytes) -> Inner:
    """Split an inner; raises DecodeError on a wrong length or kind."""
    if len(data) not in (INNER_SMALL_BYTES, INNER_LARGE_BYTES):
        raise DecodeError("an envelope's content has not the size of a packet class")
    if data[0] == _ALONE:
        return Inner(b"", data[1:])
    if data[0] == _FIRST:
        end = INNER_KIND_BYTES + INITIAL_HEADER_BYTES
        return Inner(data[1:end], data[end:])
    raise DecodeError("an envelope's content is of a kind that this version does not know")
