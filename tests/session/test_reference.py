"""The session of zentalk and the one written from the spec's text agree, byte for byte."""

from typing import Any

import pytest

from tests.session import reference_session
from tests.session.support import S_ENVELOPE_BYTES, TIGHT_BYTES, Person, Seeded
from tests.session.test_vectors import CASES
from zentalk.session import pqxdh
from zentalk.session.ratchet import Ratchet


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_reference_reads_and_writes_the_frozen_conversations(case: dict[str, Any]) -> None:
    stored = {name: bytes.fromhex(value) for name, value in case["bob"].items()}
    root, binding = reference_session.agree(
        stored["identity_seed"],
        stored["signed_prekey_secret"],
        stored["one_time_seed" if case["one_time"] else "pq_prekey_seed"],
        stored["one_time_secret"] if case["one_time"] else b"",
        bytes.fromhex(case["initial_header"]),
    )
    assert (root.hex(), binding.hex()) == (case["root"], case["associated_data"])
    bob = reference_session.Responder(root, binding, stored["signed_prekey_secret"])
    entropy = Seeded(f"{case['name']} bob ratchet")
    for entry in case["transcript"]:
        content, envelope = bytes.fromhex(entry["content"]), bytes.fromhex(entry["envelope"])
        if entry["from"] == "bob":
            assert bob.write(content, entropy, len(envelope)) == envelope
        elif not entry["lost"]:
            assert bob.read(envelope) == content
    assert bob.epoch == case["bob_pq_epoch"]


@pytest.mark.parametrize("one_time", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_our_initiator_talks_with_the_reference(seed: int, one_time: bool) -> None:
    alice_person, bob_person = Person.named(f"{seed} alice"), Person.named(f"{seed} bob")
    begun = pqxdh.initiate(
        alice_person.identity, bob_person.bundle(one_time=one_time), Seeded(str(seed))
    )
    pair = bob_person.keys.one_time
    assert pair is not None
    root, binding = reference_session.agree(
        bob_person.identity.seed,
        bob_person.keys.signed_prekey.secret,
        pair.mlkem.seed if one_time else bob_person.keys.pq_prekey.seed,
        pair.x25519.secret if one_time else b"",
        begun.header.to_bytes(),
    )
    bob = reference_session.Responder(root, binding, bob_person.keys.signed_prekey.secret)
    alice = Ratchet.initiate(begun.root, begun.peer_ratchet_public, begun.associated_data)
    entropy = Seeded(f"{seed} talk")
    for turn in range(3):
        for number in range(turn + 1):
            size = S_ENVELOPE_BYTES if turn else TIGHT_BYTES
            alice, envelope = alice.encrypt(b"%d" % number, entropy, size)
            if number != 1:  # the reference keeps no skipped keys: this one is lost
                assert bob.read(envelope) == b"%d" % number
        for number in range(2):
            envelope = bob.write(b"back %d" % number, entropy, S_ENVELOPE_BYTES)
            alice, content = alice.decrypt(envelope)
            assert content == b"back %d" % number
    assert alice.pq_epoch == bob.epoch == 1
