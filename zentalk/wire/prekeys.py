"""Prekeys as they are published and handed out: strict records, each signed.

A record keeps the raw bytes that were signed and checks the signature over those,
never over a second encoding. Nothing here holds a secret key, and nothing here may be
used before its `verify` has returned.

Shapes (arrays in the project's codec; spec: end-to-end):

    signed prekey    [signed, signature 64]   signed = [id u32, X25519 public 32]
    PQ prekey        [signed, signature 64]   signed = [id u32, ML-KEM public 1184]
    one-time prekey  [signed, signature 64]   signed = [id u32, X25519 32, ML-KEM 1184]
    bundle           [identity 32, signed prekey, PQ prekey, [one-time prekey] or []]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zentalk.crypto import ed25519, mlkem, x25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.labels import Label
from zentalk.errors import LocalProtocolError
from zentalk.wire.codec import Fields, pack, unpack

MAX_KEY_ID: Final = 2**32 - 1
MAX_PREKEY_BYTES: Final = 1_320
"""The longest record is a one-time prekey: 1,284 bytes of keys and signature."""
MAX_BUNDLE_BYTES: Final = 2_816


@dataclass(frozen=True, slots=True)
class SignedPrekey:
    """A medium-term X25519 key; the first ratchet key of whoever answers with it."""

    key_id: int
    public: bytes
    signature: bytes
    signed: bytes

    @classmethod
    def create(cls, owner: SigningKey, key_id: int, public: bytes) -> SignedPrekey:
        """Sign a 32-byte X25519 public key; raises LocalProtocolError on a bad shape."""
        signed, signature = _sign(owner, Label.PREKEY_SIGNED, key_id, public)
        _require(len(public) == x25519.KEY_BYTES)
        return cls(key_id, public, signature, signed)

    @classmethod
    def from_bytes(cls, data: bytes) -> SignedPrekey:
        """Read a record without verifying it; raises DecodeError."""
        signed, signature, fields = _open(data, "a signed prekey")
        key_id, public = fields.uint(MAX_KEY_ID), fields.fixed(x25519.KEY_BYTES)
        fields.end()
        return cls(key_id, public, signature, signed)

    def to_bytes(self) -> bytes:
        """Return the record as it is published."""
        return pack([self.signed, self.signature])

    def verify(self, identity: bytes) -> None:
        """Raises AuthenticationError unless `identity` (Ed25519, 32 bytes) signed this."""
        ed25519.verify(identity, Label.PREKEY_SIGNED, self.signed, self.signature)


@dataclass(frozen=True, slots=True)
class PqPrekey:
    """A medium-term ML-KEM-768 key: the last resort when no one-time key is left."""

    key_id: int
    public: bytes
    signature: bytes
    signed: bytes

    @classmethod
    def create(cls, owner: SigningKey, key_id: int, public: bytes) -> PqPrekey:
        """Sign a 1,184-byte ML-KEM public key; raises LocalProtocolError on a bad shape."""
        signed, signature = _sign(owner, Label.PREKEY_PQ, key_id, public)
        _require(len(public) == mlkem.PUBLIC_BYTES)
        return cls(key_id, public, signature, signed)

    @classmethod
    def from_bytes(cls, data: bytes) -> PqPrekey:
        """Read a record without verifying it; raises DecodeError."""
        signed, signature, fields = _open(data, "a PQ prekey")
        key_id, public = fields.uint(MAX_KEY_ID), fields.fixed(mlkem.PUBLIC_BYTES)
        fields.end()
        return cls(key_id, public, signature, signed)

    def to_bytes(self) -> bytes:
        """Return the record as it is published."""
        return pack([self.signed, self.signature])

    def verify(self, identity: bytes) -> None:
        """Raises AuthenticationError unless `identity` (Ed25519, 32 bytes) signed this."""
        ed25519.verify(identity, Label.PREKEY_PQ, self.signed, self.signature)


@dataclass(frozen=True, slots=True)
class OneTimePrekey:
    """A pair of keys under one id, handed out by a relay to one taker only."""

    key_id: int
    x25519_public: bytes
    mlkem_public: bytes
    signature: bytes
    signed: bytes

    @classmethod
    def create(
        cls, owner: SigningKey, key_id: int, x25519_public: bytes, mlkem_public: bytes
    ) -> OneTimePrekey:
        """Sign both public keys at once; raises LocalProtocolError on a bad shape."""
        signed, signature = _sign(owner, Label.PREKEY_ONE_TIME, key_id, x25519_public, mlkem_public)
        _require(len(x25519_public) == x25519.KEY_BYTES)
        _require(len(mlkem_public) == mlkem.PUBLIC_BYTES)
        return cls(key_id, x25519_public, mlkem_public, signature, signed)

    @classmethod
    def from_bytes(cls, data: bytes) -> OneTimePrekey:
        """Read a record without verifying it; raises DecodeError."""
        signed, signature, fields = _open(data, "a one-time prekey")
        key_id = fields.uint(MAX_KEY_ID)
        publics = fields.fixed(x25519.KEY_BYTES), fields.fixed(mlkem.PUBLIC_BYTES)
        fields.end()
        return cls(key_id, *publics, signature, signed)

    def to_bytes(self) -> bytes:
        """Return the record as a relay stores and hands it out."""
        return pack([self.signed, self.signature])

    def verify(self, identity: bytes) -> None:
        """Raises AuthenticationError unless `identity` (Ed25519, 32 bytes) signed this."""
        ed25519.verify(identity, Label.PREKEY_ONE_TIME, self.signed, self.signature)


@dataclass(frozen=True, slots=True)
class PrekeyBundle:
    """All that a first message needs; `one_time` is None when the pool is drained."""

    identity: bytes
    signed_prekey: SignedPrekey
    pq_prekey: PqPrekey
    one_time: OneTimePrekey | None

    @classmethod
    def from_bytes(cls, data: bytes) -> PrekeyBundle:
        """Read a bundle without verifying it; raises DecodeError."""
        fields = Fields(unpack(data, max_bytes=MAX_BUNDLE_BYTES), "a prekey bundle")
        identity = fields.fixed(ed25519.PUBLIC_BYTES)
        signed_prekey = SignedPrekey.from_bytes(fields.blob(MAX_PREKEY_BYTES))
        pq_prekey = PqPrekey.from_bytes(fields.blob(MAX_PREKEY_BYTES))
        one_time = [OneTimePrekey.from_bytes(raw) for raw in fields.blob_array(1, MAX_PREKEY_BYTES)]
        fields.end()
        return cls(identity, signed_prekey, pq_prekey, one_time[0] if one_time else None)

    def to_bytes(self) -> bytes:
        """Return the encoding that `from_bytes` reads."""
        one_time = [] if self.one_time is None else [self.one_time.to_bytes()]
        return pack(
            [self.identity, self.signed_prekey.to_bytes(), self.pq_prekey.to_bytes(), one_time]
        )

    def verify(self) -> None:
        """Check every signature against `identity`.

        Raises AuthenticationError if one does not verify. Whether `identity` is the
        one expected is the caller's question.
        """
        self.signed_prekey.verify(self.identity)
        self.pq_prekey.verify(self.identity)
        if self.one_time is not None:
            self.one_time.verify(self.identity)


def _sign(owner: SigningKey, label: Label, key_id: int, *publics: bytes) -> tuple[bytes, bytes]:
    _require(0 <= key_id <= MAX_KEY_ID)
    signed = pack([key_id, *publics])
    return signed, owner.sign(label, signed)


def _open(data: bytes, what: str) -> tuple[bytes, bytes, Fields]:
    """Split a record into signed bytes, signature and the fields inside the signed bytes."""
    outer = Fields(unpack(data, max_bytes=MAX_PREKEY_BYTES), what)
    signed, signature = outer.blob(MAX_PREKEY_BYTES), outer.fixed(ed25519.SIGNATURE_BYTES)
    outer.end()
    return signed, signature, Fields(unpack(signed, max_bytes=MAX_PREKEY_BYTES), what)


def _require(shape_is_right: bool) -> None:
    if not shape_is_right:
        raise LocalProtocolError("a prekey has the wrong length or id")
