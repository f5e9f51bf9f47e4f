"""Prekey records: shape, raw signed bytes, every signature under its own label."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.crypto import mlkem, x25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.labels import Label
from zentalk.errors import AuthenticationError, DecodeError, LocalProtocolError
from zentalk.wire.codec import pack
from zentalk.wire.prekeys import (
    MAX_BUNDLE_BYTES,
    MAX_KEY_ID,
    MAX_PREKEY_BYTES,
    OneTimePrekey,
    PqPrekey,
    PrekeyBundle,
    SignedPrekey,
)

OWNER, OTHER = SigningKey(bytes(range(32))), SigningKey(bytes(range(1, 33)))
X25519_PUBLIC = x25519.from_secret(bytes(range(32))).public
MLKEM_PUBLIC = mlkem.public_of(bytes(range(64)))


def records(key_id: int = 7) -> dict[str, Any]:
    return {
        "signed": SignedPrekey.create(OWNER, key_id, X25519_PUBLIC),
        "pq": PqPrekey.create(OWNER, key_id, MLKEM_PUBLIC),
        "one-time": OneTimePrekey.create(OWNER, key_id, X25519_PUBLIC, MLKEM_PUBLIC),
    }


NAMES = sorted(records())


def bundle(*, one_time: bool = True) -> PrekeyBundle:
    made = records()
    return PrekeyBundle(
        OWNER.public, made["signed"], made["pq"], made["one-time"] if one_time else None
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("key_id", [0, 1, 2**16, MAX_KEY_ID])
def test_records_come_back_and_verify(name: str, key_id: int) -> None:
    record = records(key_id)[name]
    data = record.to_bytes()
    again = type(record).from_bytes(data)
    assert again == record
    assert again.key_id == key_id
    assert len(data) <= MAX_PREKEY_BYTES
    again.verify(OWNER.public)
    with pytest.raises(AuthenticationError):
        again.verify(OTHER.public)


@pytest.mark.parametrize("one_time", [True, False])
def test_bundles_come_back_and_verify(one_time: bool) -> None:
    made = bundle(one_time=one_time)
    data = made.to_bytes()
    assert len(data) <= MAX_BUNDLE_BYTES
    assert PrekeyBundle.from_bytes(data) == made
    PrekeyBundle.from_bytes(data).verify()


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_any_changed_byte_is_noticed(name: str, data: st.DataObject) -> None:
    record = records()[name]
    raw = bytearray(record.to_bytes())
    at, bit = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(0, 7))
    raw[at] ^= 1 << bit
    try:
        changed = type(record).from_bytes(bytes(raw))
    except DecodeError:
        return
    assert changed.to_bytes() == bytes(raw)
    with pytest.raises(AuthenticationError):
        changed.verify(OWNER.public)


def test_a_signature_for_one_kind_is_none_for_another() -> None:
    made = records()
    signed = made["signed"].signed
    assert OWNER.sign(Label.PREKEY_SIGNED, signed) == made["signed"].signature
    elsewhere = SignedPrekey(7, X25519_PUBLIC, OWNER.sign(Label.PREKEY_PQ, signed), signed)
    with pytest.raises(AuthenticationError):
        elsewhere.verify(OWNER.public)


def test_the_signature_covers_the_bytes_that_were_read() -> None:
    """Fields and signed bytes come from one decoding: they cannot say different things."""
    made = records()["signed"]
    other = SignedPrekey.create(OTHER, 7, x25519.from_secret(bytes(32)).public)
    spliced = SignedPrekey.from_bytes(pack([other.signed, made.signature]))
    with pytest.raises(AuthenticationError):
        spliced.verify(OWNER.public)


@pytest.mark.parametrize(
    "value",
    [
        [],
        [b"", bytes(64)],
        [pack([7, X25519_PUBLIC]), bytes(63)],
        [pack([7, X25519_PUBLIC, 0]), bytes(64)],
        [pack([7, X25519_PUBLIC[:-1]]), bytes(64)],
        [pack([MAX_KEY_ID + 1, X25519_PUBLIC]), bytes(64)],
        [pack([-1, X25519_PUBLIC]), bytes(64)],
        [pack([7, X25519_PUBLIC]), bytes(64), 0],
    ],
)
def test_other_shapes_are_refused(value: list[object]) -> None:
    with pytest.raises(DecodeError):
        SignedPrekey.from_bytes(pack(value))


@given(data=st.binary(max_size=200))
def test_garbage_is_a_decode_error(data: bytes) -> None:
    for kind in (SignedPrekey, PqPrekey, OneTimePrekey, PrekeyBundle):
        with pytest.raises(DecodeError):
            kind.from_bytes(data)


def test_a_bundle_with_two_one_time_keys_is_refused() -> None:
    made = bundle()
    assert made.one_time is not None
    raw = made.one_time.to_bytes()
    data = pack(
        [made.identity, made.signed_prekey.to_bytes(), made.pq_prekey.to_bytes(), [raw] * 2]
    )
    with pytest.raises(DecodeError):
        PrekeyBundle.from_bytes(data)


def test_the_owner_cannot_sign_another_shape() -> None:
    for wrong in (
        lambda: SignedPrekey.create(OWNER, 1, bytes(31)),
        lambda: SignedPrekey.create(OWNER, MAX_KEY_ID + 1, X25519_PUBLIC),
        lambda: PqPrekey.create(OWNER, 1, bytes(32)),
        lambda: OneTimePrekey.create(OWNER, 1, bytes(32), bytes(32)),
        lambda: OneTimePrekey.create(OWNER, -1, X25519_PUBLIC, MLKEM_PUBLIC),
    ):
        with pytest.raises(LocalProtocolError):
            wrong()
