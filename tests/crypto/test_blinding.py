import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.crypto import blinding, ed25519
from zentalk.crypto.blinding import BlindedSigner, blind_public, blinded_key, blinding_factor, clamp
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.labels import Label
from zentalk.errors import AuthenticationError

ORDER = 2**252 + 27742317777372353535851937790883648493
IDENTITY = SigningKey(hashlib.sha256(b"identity").digest())
BODY = b"the same body on two days"


def load_cases() -> list[dict[str, Any]]:
    path = Path(__file__).parent.parent / "vectors" / "ed25519_blinding.json"
    cases: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["cases"]
    return cases


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: str(case["seed"])[:8])
def test_the_group_operation_agrees_with_tor(case: dict[str, str]) -> None:
    parameter = bytes.fromhex(case["blinding_parameter"])
    derived = hashlib.sha512(b"Derive temporary signing key" + parameter).digest()[:32]
    public = bytes.fromhex(case["public_key"])
    assert blind_public(public, clamp(derived)).hex() == case["blinded_public_key"]


def test_there_are_vectors() -> None:
    assert len(load_cases()) == 8


class Counting:
    """An entropy source that never repeats; `constant` makes one that always does."""

    def __init__(self, constant: bool = False) -> None:
        self.calls = 0
        self.constant = constant

    def __call__(self, size: int) -> bytes:
        self.calls += not self.constant
        return hashlib.shake_256(self.calls.to_bytes(8, "big")).digest(size)


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**40), st.binary(max_size=200))
def test_a_blinded_signature_is_a_plain_ed25519_one(seed: bytes, day: int, body: bytes) -> None:
    key = SigningKey(seed)
    signer = BlindedSigner(key, day)
    assert signer.public == blinded_key(key.public, day)
    signature = signer.sign(Label.RECORD_SIGN, body, Counting())
    ed25519.verify(signer.public, Label.RECORD_SIGN, body, signature)


def test_a_signature_is_for_one_label_body_and_day() -> None:
    signer, tomorrow = BlindedSigner(IDENTITY, 1), BlindedSigner(IDENTITY, 2)
    signature = signer.sign(Label.RECORD_SIGN, BODY, Counting())
    for public, label, body in (
        (signer.public, Label.DESCRIPTOR, BODY),
        (signer.public, Label.RECORD_SIGN, BODY + b"!"),
        (tomorrow.public, Label.RECORD_SIGN, BODY),
        (IDENTITY.public, Label.RECORD_SIGN, BODY),
    ):
        with pytest.raises(AuthenticationError):
            ed25519.verify(public, label, body, signature)


def test_blinded_keys_of_two_days_and_people_all_differ() -> None:
    other = SigningKey(hashlib.sha256(b"other").digest())
    keys = {blinded_key(key.public, day) for key in (IDENTITY, other) for day in range(10)}
    assert len(keys) == 20


@pytest.mark.parametrize("identity", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32])
def test_a_broken_identity_is_refused(identity: bytes) -> None:
    with pytest.raises(AuthenticationError):
        blinded_key(identity, 1)


def test_a_signer_shows_nothing_of_itself() -> None:
    assert repr(BlindedSigner(IDENTITY, 1)) == "<blinded signer>"


# K32: two signatures with one nonce under two blinded keys give the identity scalar away.


def number(data: bytes) -> int:
    return int.from_bytes(data, "little")


def identity_scalar() -> int:
    return number(clamp(hashlib.sha512(IDENTITY.seed).digest()[:32])) % ORDER


def recover(days: tuple[int, int], signatures: tuple[bytes, bytes]) -> int:
    """Solve s1 - s2 = a (c1 f1 - c2 f2) for a, which holds if both nonces are the same."""
    weights = []
    for day, signature in zip(days, signatures, strict=True):
        public = blinded_key(IDENTITY.public, day)
        text = signature[:32] + public + Label.RECORD_SIGN.value + BODY
        challenge = number(hashlib.sha512(text).digest()) % ORDER
        weights.append(challenge * number(blinding_factor(IDENTITY.public, day)))
    difference = number(signatures[0][32:]) - number(signatures[1][32:])
    return difference * pow(weights[0] - weights[1], -1, ORDER) % ORDER


def sign_on(days: tuple[int, int], entropy: Counting) -> tuple[bytes, bytes]:
    first, second = (
        BlindedSigner(IDENTITY, day).sign(Label.RECORD_SIGN, BODY, entropy) for day in days
    )
    return first, second


@pytest.mark.parametrize("constant", [False, True], ids=["fresh entropy", "stuck entropy"])
def test_k32_the_same_body_on_two_days_has_two_nonces(constant: bool) -> None:
    """Even a stuck entropy source does not repeat a nonce under another blinded key."""
    days = (20_000, 20_001)
    signatures = sign_on(days, Counting(constant))
    assert signatures[0][:32] != signatures[1][:32]
    assert recover(days, signatures) != identity_scalar()


def test_k32_the_same_body_twice_on_one_day_has_two_nonces() -> None:
    signatures = sign_on((20_000, 20_000), Counting())
    assert signatures[0][:32] != signatures[1][:32]


def test_k32_without_key_and_randomness_in_the_nonce_the_identity_is_recovered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Control: a nonce over secret and body alone, as plain Ed25519 would do it."""
    real = blinding._wide_reduce

    def weak(data: bytes) -> bytes:
        is_nonce = data.startswith(Label.RECORD_NONCE.value)
        return real(b"the secret prefix" + BODY if is_nonce else data)

    monkeypatch.setattr(blinding, "_wide_reduce", weak)
    days = (20_000, 20_001)
    signatures = sign_on(days, Counting())
    for day, signature in zip(days, signatures, strict=True):
        ed25519.verify(blinded_key(IDENTITY.public, day), Label.RECORD_SIGN, BODY, signature)
    assert recover(days, signatures) == identity_scalar()
