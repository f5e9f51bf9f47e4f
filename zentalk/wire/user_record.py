"""The user record: where a person's mailboxes are, for those who know the address.

Spec: docs/spec/directory.md section 6. The outside names a key blinded for one day and is
signed by it; the inside is sealed to whoever can compute that key, which takes the
address. Behind the signature stands proof of work, which decides what a full holder keeps;
anybody who has the record can add to it, and nobody can move it to another record. All
records have one size. Whether a record is due, newer or wanted is for the directory to say.
The layout is binary:

| offset | bytes | field |
|---|---|---|
| 0 | 1 | format |
| 1 | 32 | blinded key |
| 33 | 4 | day |
| 37 | 8 | sequence |
| 45 | 32 | salt |
| 77 | 1,808 | sealed contents: length 2, record, zeros, tag 16 |
| 1885 | 64 | signature over everything before it |
| 1949 | 8 | nonce of the work, over everything before it |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from zentalk.crypto import aead, ed25519, work
from zentalk.crypto.blinding import BlindedSigner, blinded_key
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.hashing import blake2b_256, derive
from zentalk.crypto.labels import Label
from zentalk.crypto.types import Entropy
from zentalk.errors import AuthenticationError, DecodeError, LocalProtocolError
from zentalk.ids import NODE_ID_BYTES, SEND_ID_BYTES, Day, NodeId, SendId, UserAddress
from zentalk.wire.codec import Fields, Value, pack, unpack

FORMAT: Final = 1
MAX_MAILBOXES: Final = 2
MAX_SIGNED_PREKEY_BYTES: Final = 160
MAX_PQ_PREKEY_BYTES: Final = 1320
DEPOSIT_KEY_BYTES: Final = 32
CONTENTS_BYTES: Final = 1792
"""Length field, contents and padding: two mailboxes and both prekeys fill at most 1,660."""

_SALT_BYTES: Final = 32
_LENGTH_BYTES: Final = 2
_HEADER_BYTES: Final = 1 + 32 + 4 + 8
_SEALED_BYTES: Final = CONTENTS_BYTES + aead.TAG_BYTES
_SIGNED_BYTES: Final = _HEADER_BYTES + _SALT_BYTES + _SEALED_BYTES
_WORKED_BYTES: Final = _SIGNED_BYTES + ed25519.SIGNATURE_BYTES
RECORD_BYTES: Final = _WORKED_BYTES + work.NONCE_BYTES
_FIELDS_WITHOUT_TERM: Final = 3
_MAX_U32: Final = 2**32 - 1
_MAX_U64: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class MailboxEntry:
    """One mailbox: its relay, the day's public send id, the 32-byte key to seal deposits to."""

    relay: NodeId
    send_id: SendId
    deposit_key: bytes


@dataclass(frozen=True, slots=True)
class RecordContents:
    """What a record tells those who know the address; the prekeys are opaque here.

    `term` is that of the node which sealed it. A record of term 0 does not show it, so that it is
    the same as in earlier versions; those cannot read any other.
    """

    mailboxes: tuple[MailboxEntry, ...]
    signed_prekey: bytes
    pq_prekey: bytes
    term: int = 0


@dataclass(frozen=True, slots=True)
class OuterRecord:
    """A record whose signature was verified: what its holders see, and its work in bits."""

    blinded_key: bytes = field(repr=False)
    day: Day
    sequence: int
    work: int
    raw: bytes = field(repr=False)

    @property
    def statement(self) -> bytes:
        """What the owner signed, with the signature and without the work."""
        return self.raw[:_WORKED_BYTES]


def seal_record(
    identity: SigningKey, day: Day, sequence: int, contents: RecordContents, entropy: Entropy
) -> bytes:
    """Seal and sign the record of one day, without work; the sequence starts again each day.

    Raises LocalProtocolError if the contents are too large or a number is out of range.
    """
    if not (0 <= day <= _MAX_U32 and 0 <= sequence <= _MAX_U64):
        raise LocalProtocolError("a record's day or sequence is out of range")
    signer = BlindedSigner(identity, day)
    header = b"".join(
        (bytes([FORMAT]), signer.public, day.to_bytes(4, "big"), sequence.to_bytes(8, "big"))
    )
    salt = entropy(_SALT_BYTES)
    key = _contents_key(UserAddress(identity.public), day, salt)
    sealed = aead.chacha_seal(key, aead.ZERO_NONCE, _pad(_encode_contents(contents)), header)
    signed = header + salt + sealed
    return signed + signer.sign(Label.RECORD_SIGN, signed, entropy) + bytes(work.NONCE_BYTES)


def record_work(raw: bytes) -> int:
    """Return the bits of work in a record: one hash pair, before anything else is looked at.

    Raises DecodeError if it has not the size of a record.
    """
    if len(raw) != RECORD_BYTES:
        raise DecodeError("a user record has not the size of this version")
    task = blake2b_256(Label.RECORD_WORK, raw[:_WORKED_BYTES])
    return work.work_bits(Label.RECORD_WORK_TRY, task, raw[_WORKED_BYTES:])


def find_record_work(raw: bytes, bits: int, start: int, tries: int) -> bytes | None:
    """Try some nonces, from number `start` on; return the record with one worth `bits`, or None."""
    task = blake2b_256(Label.RECORD_WORK, raw[:_WORKED_BYTES])
    nonce = work.find_work(Label.RECORD_WORK_TRY, task, bits, start, tries)
    return None if nonce is None else raw[:_WORKED_BYTES] + nonce


def decode_record(raw: bytes) -> OuterRecord:
    """Decode a record and verify its signature.

    Raises DecodeError if it is malformed, AuthenticationError if the signature is wrong.
    """
    if len(raw) != RECORD_BYTES or raw[0] != FORMAT:
        raise DecodeError("a user record has not the size or format of this version")
    public = raw[1:33]
    signature = raw[_SIGNED_BYTES:_WORKED_BYTES]
    ed25519.verify(public, Label.RECORD_SIGN, raw[:_SIGNED_BYTES], signature)
    return OuterRecord(
        blinded_key=public,
        day=Day(int.from_bytes(raw[33:37], "big")),
        sequence=int.from_bytes(raw[37:45], "big"),
        work=record_work(raw),
        raw=raw,
    )


def open_record(record: OuterRecord, address: UserAddress) -> RecordContents:
    """Open a record of the person `address`.

    Raises AuthenticationError if it is another person's or was not sealed by them,
    DecodeError if its contents are malformed.
    """
    if blinded_key(address, record.day) != record.blinded_key:
        raise AuthenticationError("a user record belongs to another address")
    header, rest = record.raw[:_HEADER_BYTES], record.raw[_HEADER_BYTES:_SIGNED_BYTES]
    key = _contents_key(address, record.day, rest[:_SALT_BYTES])
    padded = aead.chacha_open(key, aead.ZERO_NONCE, rest[_SALT_BYTES:], header)
    return _decode_contents(_unpad(padded))


def _contents_key(address: UserAddress, day: Day, salt: bytes) -> bytes:
    """The salt is fresh for every record, so the key seals once and the nonce may be zero."""
    return derive(Label.RECORD_SEAL, address, day.to_bytes(8, "big"), salt, length=aead.KEY_BYTES)


def _pad(contents: bytes) -> bytes:
    padded = len(contents).to_bytes(_LENGTH_BYTES, "big") + contents
    if len(padded) > CONTENTS_BYTES:
        raise LocalProtocolError("a user record's contents do not fit its constant size")
    return padded + bytes(CONTENTS_BYTES - len(padded))


def _unpad(padded: bytes) -> bytes:
    length = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    end = _LENGTH_BYTES + length
    if end > len(padded) or any(padded[end:]):
        raise DecodeError("a user record's padding is not valid")
    return padded[_LENGTH_BYTES:end]


def _encode_contents(contents: RecordContents) -> bytes:
    mailboxes = [[item.relay, item.send_id, item.deposit_key] for item in contents.mailboxes]
    shown = [contents.term] if contents.term else []
    encoded = pack([mailboxes, contents.signed_prekey, contents.pq_prekey, *shown])
    try:
        _decode_contents(encoded)
    except DecodeError as error:
        raise LocalProtocolError(f"a user record cannot hold this: {error}") from None
    return encoded


def _decode_contents(data: bytes) -> RecordContents:
    value = unpack(data, max_bytes=CONTENTS_BYTES, max_items=8)
    fields = Fields(value, "a user record")
    has_term = isinstance(value, list) and len(value) > _FIELDS_WITHOUT_TERM
    contents = RecordContents(
        mailboxes=tuple(_mailbox(item) for item in fields.array(MAX_MAILBOXES)),
        signed_prekey=fields.blob(MAX_SIGNED_PREKEY_BYTES),
        pq_prekey=fields.blob(MAX_PQ_PREKEY_BYTES),
        term=fields.uint(_MAX_U32) if has_term else 0,
    )
    fields.end()
    if has_term and not contents.term:
        raise DecodeError("a user record shows a term of zero")
    return contents


def _mailbox(value: Value) -> MailboxEntry:
    fields = Fields(value, "a mailbox of a user record")
    entry = MailboxEntry(
        NodeId(fields.fixed(NODE_ID_BYTES)),
        SendId(fields.fixed(SEND_ID_BYTES)),
        fields.fixed(DEPOSIT_KEY_BYTES),
    )
    fields.end()
    return entry
