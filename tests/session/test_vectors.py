"""Frozen conversations: today's code reads and writes what it did when they were made."""

import json
from typing import Any

import pytest

from tests.session.make_vectors import PATH
from tests.session.support import Seeded
from zentalk.crypto import mlkem, x25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.hashing import sha256
from zentalk.crypto.mlkem import KemKeyPair
from zentalk.crypto.types import Secret
from zentalk.session import pqxdh
from zentalk.session.pqxdh import OneTimeSecrets, ResponderKeys
from zentalk.session.ratchet import Ratchet
from zentalk.wire.ratchet import InitialHeader

CASES: list[dict[str, Any]] = json.loads(PATH.read_text("utf-8"))["cases"]


def kem(seed: str) -> KemKeyPair:
    raw = bytes.fromhex(seed)
    return KemKeyPair(Secret(raw), mlkem.public_of(raw))


def bob_of(case: dict[str, Any]) -> tuple[SigningKey, ResponderKeys]:
    stored = {name: bytes.fromhex(value) for name, value in case["bob"].items()}
    one_time = OneTimeSecrets(
        x25519.from_secret(stored["one_time_secret"]), kem(case["bob"]["one_time_seed"])
    )
    keys = ResponderKeys(
        x25519.from_secret(stored["signed_prekey_secret"]),
        kem(case["bob"]["pq_prekey_seed"]),
        one_time if case["one_time"] else None,
    )
    return SigningKey(stored["identity_seed"]), keys


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_frozen_agreement_gives_the_frozen_secret(case: dict[str, Any]) -> None:
    identity, keys = bob_of(case)
    header = InitialHeader.from_bytes(bytes.fromhex(case["initial_header"]))
    assert header.generation == 5
    answered = pqxdh.respond(identity, header, keys)
    assert answered.root.hex() == case["root"]
    assert answered.associated_data.hex() == case["associated_data"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_frozen_conversation_reads_and_writes_the_same_bytes(case: dict[str, Any]) -> None:
    _, keys = bob_of(case)
    binding = bytes.fromhex(case["associated_data"])
    bob = Ratchet.respond(bytes.fromhex(case["root"]), keys.signed_prekey, binding)
    entropy = Seeded(f"{case['name']} bob ratchet")
    for entry in case["transcript"]:
        content, envelope = bytes.fromhex(entry["content"]), bytes.fromhex(entry["envelope"])
        if entry["from"] == "bob":
            bob, written = bob.encrypt(content, entropy, len(envelope))
            assert written == envelope
        elif not entry["lost"]:
            bob, read = bob.decrypt(envelope)
            assert read == content
    assert sha256(bob.to_bytes()).hex() == case["bob_state_sha256"]
    assert bob.pq_epoch == case["bob_pq_epoch"] >= 1


def test_what_was_lost_is_still_readable_at_the_end() -> None:
    """The frozen state holds the frozen skipped keys."""
    case = CASES[0]
    _, keys = bob_of(case)
    bob = Ratchet.respond(
        bytes.fromhex(case["root"]), keys.signed_prekey, bytes.fromhex(case["associated_data"])
    )
    entropy, late = Seeded(f"{case['name']} bob ratchet"), []
    for entry in case["transcript"]:
        content, envelope = bytes.fromhex(entry["content"]), bytes.fromhex(entry["envelope"])
        if entry["from"] == "bob":
            bob, _ = bob.encrypt(content, entropy, len(envelope))
        elif entry["lost"]:
            late.append((content, envelope))
        else:
            bob, _ = bob.decrypt(envelope)
    assert len(late) == 2
    for content, envelope in late:
        bob, read = bob.decrypt(envelope)
        assert read == content
