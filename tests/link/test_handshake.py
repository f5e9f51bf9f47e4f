"""The link's handshake as two whole links see it: who is refused, and how much is answered."""

import dataclasses

import pytest

from tests.link.support import (
    DIALLER,
    LOCAL,
    NK_PLAIN,
    RELAY,
    credentials,
    descriptor_of,
    drain,
    initiator,
    open_pair,
    responder,
    seeded,
)
from zentalk.crypto import mlkem
from zentalk.crypto.labels import Label
from zentalk.errors import (
    AuthenticationError,
    DecodeError,
    HandshakeError,
    LocalProtocolError,
)
from zentalk.link import handshake as handshake_module
from zentalk.link import link as link_module
from zentalk.link.events import LinkOpened
from zentalk.link.geometry import UNIT_SMALL_BYTES, cell_bytes
from zentalk.link.handshake import NK_HYBRID, LinkSettings, start_initiator, start_responder
from zentalk.link.hello import LinkPeer, RelayCredentials
from zentalk.link.link import Link, LinkState
from zentalk.link.noise import Pattern
from zentalk.wire.descriptor import node_id_of
from zentalk.wire.frames import Hello, Ping


def opened(events: list[object]) -> LinkOpened:
    assert len(events) == 1
    assert isinstance(events[0], LinkOpened)
    return events[0]


def test_a_client_learns_the_relay_and_stays_anonymous() -> None:
    left, right = initiator(), responder()
    assert right.receive(drain(left)) == []
    here = opened(left.receive(drain(right)))  # type: ignore[arg-type]
    there = opened(right.receive(drain(left)))  # type: ignore[arg-type]
    assert here.peer == LinkPeer("relay", None, node_id_of(RELAY.public))
    assert there.peer == LinkPeer("client")
    assert here.handshake_hash == there.handshake_hash
    assert len(here.handshake_hash) == 64
    assert left.state is right.state is LinkState.OPEN


def test_a_relay_proves_itself_with_its_descriptor() -> None:
    left, right = initiator(credentials()), responder()
    right.receive(drain(left))
    left.receive(drain(right))
    peer = opened(right.receive(drain(left))).peer  # type: ignore[arg-type]
    assert peer.kind == "relay"
    assert peer.descriptor == descriptor_of(DIALLER)
    assert peer.node_id == node_id_of(DIALLER.public)


OTHERS = [
    dataclasses.replace(LOCAL, version=2),
    dataclasses.replace(LOCAL, version=0),
    dataclasses.replace(LOCAL, network="main"),
    dataclasses.replace(LOCAL, network="local2"),
    dataclasses.replace(LOCAL, pattern=dataclasses.replace(LOCAL.pattern, protocol_name="Noise_x")),
]


@pytest.mark.parametrize("other", OTHERS)
def test_k17_another_version_network_or_suite_is_refused(other: LinkSettings) -> None:
    right = responder()
    with pytest.raises(HandshakeError):
        right.receive(drain(initiator(settings=other)))
    assert right.state is LinkState.CLOSED
    assert drain(right) == b""
    with pytest.raises(LocalProtocolError):
        right.receive(b"more")


@pytest.mark.parametrize("other", OTHERS)
def test_k17_control_without_the_prologue_the_downgrade_passes(
    other: LinkSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LinkSettings, "prologue", lambda _self: b"")
    if other.pattern != LOCAL.pattern:
        other = dataclasses.replace(other, pattern=LOCAL.pattern)
    right = responder()
    right.receive(drain(initiator(settings=other)))
    assert right.state is LinkState.AWAITS_HELLO


@pytest.mark.parametrize("name", [NK_PLAIN.protocol_name, NK_HYBRID.protocol_name])
def test_k17_a_first_message_without_ml_kem_is_refused(name: str) -> None:
    """Not under its own name, and not under the name of the hybrid suite either."""
    stripped = dataclasses.replace(LOCAL, pattern=Pattern(name, NK_PLAIN.messages))
    state = start_initiator(stripped, RELAY.public, seeded(b"stripped"))
    with pytest.raises(HandshakeError):
        responder().receive(state.write(bytes(UNIT_SMALL_BYTES - 48)))


def test_k17_an_answer_without_ml_kem_is_refused() -> None:
    """A middleman who broke the relay's X25519 key still cannot leave ML-KEM out."""
    first, _ = NK_HYBRID.messages
    stripped = Pattern(NK_HYBRID.protocol_name, (first, ("e", "ee")))
    state = start_responder(dataclasses.replace(LOCAL, pattern=stripped), RELAY, seeded(b"m"))
    left = initiator()
    state.read(drain(left))
    with pytest.raises(HandshakeError):
        left.receive(state.write(bytes(UNIT_SMALL_BYTES - 48)))


def test_k17_a_swapped_kem_key_is_refused() -> None:
    left, right = initiator(), responder()
    first = bytearray(drain(left))
    first[32 : 32 + mlkem.PUBLIC_BYTES] = mlkem.generate(seeded(b"middleman")).public
    with pytest.raises(HandshakeError):
        right.receive(bytes(first))


def test_k17_a_middleman_with_another_key_is_refused() -> None:
    left = initiator()
    other = Link.respond(LOCAL, DIALLER, seeded(b"m"))
    with pytest.raises(HandshakeError):
        other.receive(drain(left))


def test_every_changed_bit_of_a_handshake_unit_is_noticed() -> None:
    for at in (0, 31, 32, 600, 1215, 1216, 1247, 1248, 2000, UNIT_SMALL_BYTES - 1):
        left, right = initiator(), responder()
        first = bytearray(drain(left))
        first[at] ^= 1
        with pytest.raises(HandshakeError):
            right.receive(bytes(first))
    for at in (0, 31, 32, 1135, 1136, 1151, 1152, 2000, UNIT_SMALL_BYTES - 1):
        left, right = initiator(), responder()
        right.receive(drain(left))
        second = bytearray(drain(right))
        second[at] ^= 1
        with pytest.raises(HandshakeError):
            left.receive(bytes(second))


def test_k19_no_more_is_answered_than_was_sent() -> None:
    """Bytes out <= bytes in, at each byte, until the initiator's hello ends the handshake."""
    left, right = initiator(), responder()
    taken = sent = 0
    for byte in drain(left):
        right.receive(bytes([byte]))
        taken += 1
        sent += len(drain(right))
        assert sent <= taken
    assert sent == taken == UNIT_SMALL_BYTES


def test_k19_garbage_is_answered_with_nothing() -> None:
    right = responder()
    with pytest.raises(HandshakeError):
        right.receive(b"\xff" * 3 * UNIT_SMALL_BYTES)
    assert drain(right) == b""


def test_k19_control_an_unpadded_first_message_would_be_amplified(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the responder took the bare Noise message, it would answer twice what it was sent."""
    monkeypatch.setattr(LinkSettings, "unit_bytes", property(lambda _self: 1248))
    monkeypatch.setattr(
        handshake_module,
        "write_second",
        lambda state, _unit: state.write(bytes(UNIT_SMALL_BYTES - 1152)),
    )
    right = responder()
    first = drain(initiator())
    right.receive(first)
    assert len(drain(right)) > 2 * len(first)


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_k3_handshake_and_hello_are_one_unit_each(depth: int) -> None:
    settings = LinkSettings("local", depth)
    left, right = initiator(settings=settings), responder(settings)
    first = drain(left)
    right.receive(first)
    second = drain(right)
    left.receive(second)
    third = drain(left)
    right.receive(third)
    assert {len(first), len(second), len(third)} == {cell_bytes(depth)}
    assert left.unit_sizes == {cell_bytes(depth)}
    # A relay's first three units do not differ from a client's.
    if depth == 0:
        left, right = initiator(credentials()), responder()
        right.receive(drain(left))
        left.receive(drain(right))
        assert len(drain(left)) == UNIT_SMALL_BYTES
        assert left.unit_sizes == set()


def hello_with(hello: Hello) -> Link:
    """A responder that is given `hello` by an initiator of ours."""
    left, right = initiator(), responder()
    right.receive(drain(left))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link_module, "make_hello", lambda _credentials, _hash: hello)
        left.receive(drain(right))
    right.receive(drain(left))
    return right


def test_a_relay_without_its_key_is_refused() -> None:
    """A descriptor is public: showing someone else's proves nothing."""
    stolen = RelayCredentials(descriptor_of(RELAY).raw, DIALLER)
    left, right = initiator(stolen), responder()
    right.receive(drain(left))
    left.receive(drain(right))
    with pytest.raises(AuthenticationError):
        right.receive(drain(left))


def test_a_proof_of_another_link_is_refused() -> None:
    other, _ = open_pair()
    signature = DIALLER.sign(Label.LINK_RELAY_PROOF, other._noise.hash)
    with pytest.raises(AuthenticationError):
        hello_with(Hello(descriptor_of(DIALLER).raw, signature))


def test_control_without_the_handshake_hash_a_proof_could_be_shown_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("zentalk.link.noise.HandshakeState.hash", property(lambda _self: b"same"))
    signature = DIALLER.sign(Label.LINK_RELAY_PROOF, b"same")
    assert hello_with(Hello(descriptor_of(DIALLER).raw, signature)).state is LinkState.OPEN


def test_a_relay_of_another_network_is_refused() -> None:
    left, right = initiator(credentials(network="main")), responder()
    right.receive(drain(left))
    left.receive(drain(right))
    with pytest.raises(HandshakeError, match="another network"):
        right.receive(drain(left))


def test_a_malformed_descriptor_is_refused() -> None:
    with pytest.raises(DecodeError):
        hello_with(Hello(b"not a descriptor", bytes(64)))


def test_a_relay_inside_a_tunnel_is_refused() -> None:
    settings = LinkSettings("local", 1)
    with pytest.raises(LocalProtocolError):
        initiator(credentials(), settings)
    left, right = initiator(settings=settings), responder(settings)
    right.receive(drain(left))
    hello = Hello(
        descriptor_of(DIALLER).raw, DIALLER.sign(Label.LINK_RELAY_PROOF, right._noise.hash)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link_module, "make_hello", lambda _credentials, _hash: hello)
        left.receive(drain(right))
    with pytest.raises(HandshakeError, match="inside a tunnel"):
        right.receive(drain(left))


def test_the_first_unit_must_be_a_hello() -> None:
    with pytest.raises(HandshakeError, match="not a hello"):
        hello_with(Ping(1))  # type: ignore[arg-type]


def test_a_second_hello_is_refused() -> None:
    left, right = open_pair()
    left.traffic._outbox.put(0, b"\x01\0\0\x01\0", 100)
    with pytest.raises(DecodeError):
        right.receive(drain(left))


def test_a_handshake_with_a_payload_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Message 1 can be replayed, so nothing may ever stand in it."""
    monkeypatch.setattr(
        handshake_module,
        "write_first",
        lambda state, unit: state.write(b"\1" + bytes(unit - 1249)),
    )
    with pytest.raises(HandshakeError, match="payload"):
        responder().receive(drain(initiator()))


def test_an_unusable_identity_key_is_a_handshake_error() -> None:
    with pytest.raises(HandshakeError):
        Link.initiate(LOCAL, bytes(32), None, seeded(b""))


def test_nothing_travels_before_the_handshake() -> None:
    with pytest.raises(LocalProtocolError):
        _ = initiator().traffic
