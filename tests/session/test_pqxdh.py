"""PQXDH: agreement, refusals, and what a drained prekey pool means."""

import dataclasses

import pytest

from tests.session.support import S_ENVELOPE_BYTES, Person, Seeded
from zentalk.crypto import ed25519, mlkem
from zentalk.errors import AuthenticationError, LocalProtocolError
from zentalk.session import pqxdh
from zentalk.session.pqxdh import Initiated
from zentalk.session.ratchet import Ratchet
from zentalk.wire.prekeys import PrekeyBundle
from zentalk.wire.ratchet import InitialHeader

ALICE, BOB, EVE = Person.named("alice"), Person.named("bob"), Person.named("eve")


def first_envelope(begun: Initiated, content: bytes = b"hello") -> bytes:
    ratchet = Ratchet.initiate(begun.root, begun.peer_ratchet_public, begun.associated_data)
    return ratchet.encrypt(content, Seeded("first"), S_ENVELOPE_BYTES)[1]


def read_first(header: InitialHeader, envelope: bytes) -> bytes:
    keys = BOB.responder_keys(one_time=header.one_time_id is not None)
    answered = pqxdh.respond(BOB.identity, header, keys)
    ratchet = Ratchet.respond(answered.root, keys.signed_prekey, answered.associated_data)
    return ratchet.decrypt(envelope)[1]


@pytest.mark.parametrize("one_time", [True, False])
def test_both_sides_derive_the_same_secret_and_binding(one_time: bool) -> None:
    begun = pqxdh.initiate(ALICE.identity, BOB.bundle(one_time=one_time), Seeded("x"))
    answered = pqxdh.respond(BOB.identity, begun.header, BOB.responder_keys(one_time=one_time))
    assert answered == (begun.root, begun.associated_data)
    assert begun.peer_ratchet_public == BOB.keys.signed_prekey.public


def test_e8_first_message_names_identity_signed_and_one_time_prekeys() -> None:
    """E8: identity, signed and one-time prekeys all take part in the first message."""
    begun = pqxdh.initiate(ALICE.identity, BOB.bundle(), Seeded("x"), generation=7)
    header = begun.header
    assert (header.identity, header.generation) == (ALICE.identity.public, 7)
    assert (header.signed_prekey_id, header.pq_prekey_id, header.one_time_id) == (11, 22, 33)
    assert read_first(header, first_envelope(begun)) == b"hello"


def test_e8_every_key_of_the_responder_matters() -> None:
    """E8, control: with any one key pair replaced, the first message does not open."""
    begun = pqxdh.initiate(ALICE.identity, BOB.bundle(), Seeded("x"))
    keys, others = BOB.keys, EVE.keys
    assert keys.one_time is not None
    assert others.one_time is not None
    variants = [
        (EVE.identity, keys),
        (BOB.identity, keys._replace(signed_prekey=others.signed_prekey)),
        (BOB.identity, keys._replace(one_time=others.one_time)),
        (BOB.identity, keys._replace(one_time=keys.one_time._replace(x25519=others.one_time[0]))),
        (BOB.identity, keys._replace(one_time=keys.one_time._replace(mlkem=others.one_time[1]))),
    ]
    roots = {pqxdh.respond(own, begun.header, pairs).root for own, pairs in variants}
    assert begun.root not in roots
    assert len(roots) == len(variants)


def test_k13_a_drained_pool_still_gives_a_conversation_and_says_so() -> None:
    """K13, crypto part: without a one-time key the header is flagged and still works."""
    begun = pqxdh.initiate(ALICE.identity, BOB.bundle(one_time=False), Seeded("x"))
    header = InitialHeader.from_bytes(begun.header.to_bytes())
    assert header.one_time_id is None
    assert read_first(header, first_envelope(begun)) == b"hello"


def test_k13_a_last_resort_first_message_has_a_key_to_remember_it_by() -> None:
    """K13: copies have one replay key; a copy with anything else changed does not open."""
    begun = pqxdh.initiate(ALICE.identity, BOB.bundle(one_time=False), Seeded("x"))
    again = pqxdh.initiate(ALICE.identity, BOB.bundle(one_time=False), Seeded("y"))
    copy = InitialHeader.from_bytes(begun.header.to_bytes())
    assert copy.replay_key() == begun.header.replay_key() != again.header.replay_key()
    envelope = first_envelope(begun)
    ephemeral = bytearray(begun.header.ephemeral)
    ephemeral[31] ^= 0x80  # X25519 ignores this bit: the exchanges stay the same
    twin = begun.header._replace(ephemeral=bytes(ephemeral))
    assert pqxdh.respond(BOB.identity, twin, BOB.responder_keys(one_time=False)).root == begun.root
    with pytest.raises(AuthenticationError):
        read_first(twin, envelope)


def test_k13_control_without_the_binding_the_changed_copy_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """K13, control: if the header is not bound, a replayer makes endless fresh copies."""
    monkeypatch.setattr(pqxdh, "_associated_data", lambda header, publics: bytes(32))
    begun = pqxdh.initiate(ALICE.identity, BOB.bundle(one_time=False), Seeded("x"))
    ephemeral = bytearray(begun.header.ephemeral)
    ephemeral[31] ^= 0x80
    twin = begun.header._replace(ephemeral=bytes(ephemeral))
    assert twin.replay_key() != begun.header.replay_key()
    assert read_first(twin, first_envelope(begun)) == b"hello"


@pytest.mark.parametrize(
    "change",
    [
        {"generation": 2},
        {"identity": EVE.identity.public},
        {"signed_prekey_id": 12},
        {"pq_prekey_id": 23},
        {"one_time_id": 34},
        {"ephemeral": EVE.keys.signed_prekey.public},
        {"kem_ciphertext": bytes(mlkem.CIPHERTEXT_BYTES)},
    ],
)
def test_a_changed_initial_header_never_opens(change: dict[str, object]) -> None:
    begun = pqxdh.initiate(ALICE.identity, BOB.bundle(), Seeded("x"))
    with pytest.raises(AuthenticationError):
        read_first(begun.header._replace(**change), first_envelope(begun))  # type: ignore[arg-type]


def forged(bundle: PrekeyBundle) -> list[PrekeyBundle]:
    """The bundle with each signed key in turn swapped for one that Eve signed."""
    other = EVE.bundle()
    return [
        dataclasses.replace(bundle, signed_prekey=other.signed_prekey),
        dataclasses.replace(bundle, pq_prekey=other.pq_prekey),
        dataclasses.replace(bundle, one_time=other.one_time),
        dataclasses.replace(bundle, identity=EVE.identity.public),
    ]


@pytest.mark.parametrize("index", range(4))
def test_every_signature_of_a_bundle_is_checked(index: int) -> None:
    with pytest.raises(AuthenticationError):
        pqxdh.initiate(ALICE.identity, forged(BOB.bundle())[index], Seeded("x"))


def read_by_eve(bundle: PrekeyBundle) -> bytes:
    """Alice writes to a bundle; Eve has her own prekeys, and has stolen Bob's identity later."""
    begun = pqxdh.initiate(ALICE.identity, bundle, Seeded("x"))
    stolen = pqxdh.respond(BOB.identity, begun.header, EVE.keys)
    ratchet = Ratchet.respond(stolen.root, EVE.keys.signed_prekey, stolen.associated_data)
    return ratchet.decrypt(first_envelope(begun, b"for Bob alone"))[1]


def test_control_without_signature_checks_eve_is_in_the_middle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without verification a directory could hand out Eve's prekeys as Bob's, and Eve reads.

    She needs his identity key for it, but it may be stolen at any later time: his own prekeys,
    which are erased, would have kept the message closed.
    """
    swapped = dataclasses.replace(EVE.bundle(), identity=BOB.identity.public)
    with pytest.raises(AuthenticationError):
        read_by_eve(swapped)
    with pytest.raises(AuthenticationError):
        read_by_eve(BOB.bundle())
    monkeypatch.setattr(ed25519, "verify", lambda *ignored: None)
    assert read_by_eve(swapped) == b"for Bob alone"
    with pytest.raises(AuthenticationError):
        read_by_eve(BOB.bundle())


def test_k17_ml_kem_cannot_be_stripped() -> None:
    """K17, session part: the KEM secret takes part in the root; zeroing it changes it."""
    begun = pqxdh.initiate(ALICE.identity, BOB.bundle(), Seeded("x"))
    pair = BOB.keys.one_time
    assert pair is not None
    exchanged = pqxdh.responder_exchanges(
        BOB.identity.to_x25519(),
        BOB.keys.signed_prekey,
        pair.x25519,
        identity=ed25519.to_x25519_public(ALICE.identity.public),
        ephemeral=begun.header.ephemeral,
    )
    shared = mlkem.decapsulate(pair.mlkem.seed, begun.header.kem_ciphertext)
    assert pqxdh.root_secret(exchanged, shared) == begun.root
    assert pqxdh.root_secret(exchanged, bytes(32)) != begun.root


def test_a_session_needs_two_people() -> None:
    with pytest.raises(LocalProtocolError):
        pqxdh.initiate(BOB.identity, BOB.bundle(), Seeded("x"))
    begun = pqxdh.initiate(ALICE.identity, BOB.bundle(), Seeded("x"))
    reflected = begun.header._replace(identity=BOB.identity.public)
    with pytest.raises(AuthenticationError):
        pqxdh.respond(BOB.identity, reflected, BOB.keys)


def test_unusable_keys_of_a_peer_are_refused() -> None:
    begun = pqxdh.initiate(ALICE.identity, BOB.bundle(), Seeded("x"))
    for changed in (
        begun.header._replace(ephemeral=bytes(32)),
        begun.header._replace(identity=bytes(32)),
    ):
        with pytest.raises(AuthenticationError):
            pqxdh.respond(BOB.identity, changed, BOB.keys)


def test_the_caller_must_bring_the_keys_that_the_header_names() -> None:
    begun = pqxdh.initiate(ALICE.identity, BOB.bundle(), Seeded("x"))
    with pytest.raises(LocalProtocolError):
        pqxdh.respond(BOB.identity, begun.header, BOB.responder_keys(one_time=False))


def test_no_secret_shows_in_a_repr() -> None:
    begun = pqxdh.initiate(ALICE.identity, BOB.bundle(), Seeded("x"))
    text = repr((begun.root, BOB.keys, BOB.identity))
    assert begun.root.hex() not in text
    assert repr(bytes(begun.root)) not in text
    assert repr(bytes(BOB.keys.pq_prekey.seed)) not in text
