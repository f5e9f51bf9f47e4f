"""The link core against an independent initiator written from the specification, and vectors."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.link.make_vectors import entropy_of
from tests.link.reference_initiator import ReferenceInitiator
from tests.link.support import DIALLER, LOCAL, RELAY, descriptor_of, drain, responder
from zentalk.errors import HandshakeError
from zentalk.link.events import LinkOpened
from zentalk.link.geometry import cell_bytes
from zentalk.link.handshake import LinkSettings
from zentalk.link.hello import AccessProver, ClientCredentials
from zentalk.link.link import Link
from zentalk.wire.descriptor import node_id_of
from zentalk.wire.frames import PACKET_SMALL_BYTES, Packet, Ping, encode_frame
from zentalk.wire.text import parse_access_token

TEXTS = ("network", "access_token")
VECTOR = {
    name: text if name in TEXTS else bytes.fromhex(text)
    for name, text in json.loads(
        (Path(__file__).parents[1] / "vectors/link.json").read_text()
    ).items()
}
PACKET = b"p" * PACKET_SMALL_BYTES
CLIENT_HELLO = bytes([1, 0, 0, 1, 0])


def reference(**changes: object) -> ReferenceInitiator:
    settings = {
        "relay_identity": RELAY.public,
        "network": b"local",
        "ephemeral": b"e" * 32,
        "kem_seed": b"k" * 64,
    }
    return ReferenceInitiator(**(settings | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_the_reference_client_and_our_relay_understand_each_other(depth: int) -> None:
    theirs = reference(unit_bytes=cell_bytes(depth))
    ours = responder(LinkSettings("local", depth))
    ours.receive(theirs.first())
    theirs.second(drain(ours))
    (opened,) = ours.receive(theirs.unit(CLIENT_HELLO))
    assert isinstance(opened, LinkOpened)
    assert opened.handshake_hash == theirs.hash
    assert ours.receive(theirs.unit(encode_frame(Ping(9)))) == []
    pong = theirs.open_unit(drain(ours))
    assert pong == bytes([10, 0, 0, 4, 0, 0, 0, 9]).ljust(cell_bytes(depth) - 17, b"\0")


def test_the_reference_client_shows_that_it_holds_a_token() -> None:
    theirs, ours, secret = reference(), responder(), b"s" * 32
    ours.receive(theirs.first())
    theirs.second(drain(ours))
    label = b"zt-link-access-proof-v1"
    proof = hashlib.blake2b(label + theirs.hash, digest_size=32, key=secret).digest()
    (opened,) = ours.receive(theirs.unit(bytes([1, 0, 0, 33, 2]) + proof))
    assert isinstance(opened, LinkOpened)
    assert opened.peer.is_client
    assert opened.peer.access_proof == AccessProver(secret).proof(opened.handshake_hash)


def test_the_reference_relay_and_our_relay_understand_each_other() -> None:
    theirs, ours = reference(), responder()
    ours.receive(theirs.first())
    theirs.second(drain(ours))
    descriptor = descriptor_of(DIALLER)
    from nacl import bindings  # noqa: PLC0415 - raw, as everything of the reference

    _, secret = bindings.crypto_sign_seed_keypair(bytes(DIALLER.seed))
    signed = b"zt-link-relay-proof-v1" + theirs.hash
    proof = bindings.crypto_sign(signed, secret)[:64]
    payload = b"\1" + proof + descriptor.raw
    hello = b"\1" + len(payload).to_bytes(3, "big") + payload
    (opened,) = ours.receive(theirs.unit(hello))
    assert isinstance(opened, LinkOpened)
    assert opened.peer.descriptor == descriptor
    packet = b"\2" + len(PACKET).to_bytes(3, "big") + PACKET
    assert ours.receive(theirs.record(packet * 3)) == [Packet(PACKET)] * 3
    ours.traffic.send_packet(PACKET)
    assert theirs.open_record(drain(ours)) == packet


def test_the_reference_is_refused_with_another_version() -> None:
    with pytest.raises(HandshakeError):
        responder().receive(reference(version=2).first())


def test_the_vector_as_the_initiator() -> None:
    entropy = entropy_of(VECTOR["initiator_ephemeral"], VECTOR["initiator_kem_seed"])
    link = Link.initiate(LOCAL, VECTOR["relay_identity"], None, entropy)
    assert drain(link) == VECTOR["message_1"]
    (opened,) = link.receive(VECTOR["message_2"])
    assert isinstance(opened, LinkOpened)
    assert opened.handshake_hash == VECTOR["handshake_hash"]
    assert drain(link) == VECTOR["hello_unit"]
    link.traffic.send_packet(VECTOR["packet"])
    link.traffic.ping(7)
    assert drain(link) == VECTOR["packet_and_ping_7_unit"]
    assert link.receive(VECTOR["pong_7_unit"]) == []


def test_the_vector_as_the_reference() -> None:
    theirs = reference(
        relay_identity=VECTOR["relay_identity"],
        ephemeral=VECTOR["initiator_ephemeral"],
        kem_seed=VECTOR["initiator_kem_seed"],
    )
    assert theirs.first() == VECTOR["message_1"]
    theirs.second(VECTOR["message_2"])
    assert theirs.hash == VECTOR["handshake_hash"]
    assert theirs.unit(CLIENT_HELLO) == VECTOR["hello_unit"]
    assert theirs.open_unit(VECTOR["pong_7_unit"])[:8] == bytes([10, 0, 0, 4, 0, 0, 0, 7])


def test_the_vector_of_a_hello_with_a_token_as_the_initiator() -> None:
    entropy = entropy_of(VECTOR["initiator_ephemeral"], VECTOR["initiator_kem_seed"])
    token = parse_access_token(str(VECTOR["access_token"]))
    assert (token.relay, token.secret) == (
        node_id_of(VECTOR["relay_identity"]),
        VECTOR["access_secret"],
    )
    credentials = ClientCredentials(token.secret)
    link = Link.initiate(LOCAL, VECTOR["relay_identity"], credentials, entropy)
    assert drain(link) == VECTOR["message_1"]
    link.receive(VECTOR["message_2"])
    assert drain(link) == VECTOR["hello_with_access_unit"] != VECTOR["hello_unit"]
    assert len(VECTOR["hello_with_access_unit"]) == len(VECTOR["hello_unit"]), (
        "it looks like others"
    )


def test_the_vector_of_a_hello_with_a_token_as_the_reference() -> None:
    theirs = reference(
        relay_identity=VECTOR["relay_identity"],
        ephemeral=VECTOR["initiator_ephemeral"],
        kem_seed=VECTOR["initiator_kem_seed"],
    )
    theirs.first()
    theirs.second(VECTOR["message_2"])
    signed = b"zt-link-access-proof-v1" + theirs.hash
    proof = hashlib.blake2b(signed, digest_size=32, key=VECTOR["access_secret"]).digest()
    assert proof == VECTOR["access_proof"]
    assert theirs.unit(bytes([1, 0, 0, 33, 2]) + proof) == VECTOR["hello_with_access_unit"]
