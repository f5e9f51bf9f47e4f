"""The handshake machinery against the public vectors of Noise_NK_25519_ChaChaPoly_BLAKE2b."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.link.support import NK_PLAIN, seeded
from zentalk.crypto import x25519
from zentalk.errors import HandshakeError, LocalProtocolError
from zentalk.link.handshake import NK_HYBRID
from zentalk.link.noise import HandshakeState, Pattern, SymmetricState

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors/noise_nk_25519_chachapoly_blake2b.json").read_text()
)
STATIC = x25519.generate(seeded(b"static"))


def from_vector(vector: dict[str, Any]) -> tuple[HandshakeState, HandshakeState]:
    def key(name: str) -> bytes:
        return bytes.fromhex(vector[name])

    return (
        HandshakeState(
            NK_PLAIN,
            key("init_prologue"),
            lambda _size: key("init_ephemeral"),
            remote_static=key("init_remote_static"),
        ),
        HandshakeState(
            NK_PLAIN,
            key("resp_prologue"),
            lambda _size: key("resp_ephemeral"),
            static=x25519.from_secret(key("resp_static")),
        ),
    )


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["source"])
def test_public_vectors(vector: dict[str, Any]) -> None:
    left, right = from_vector(vector)
    messages = [
        (bytes.fromhex(message["payload"]), bytes.fromhex(message["ciphertext"]))
        for message in vector["messages"]
    ]
    assert vector["protocol_name"] == NK_PLAIN.protocol_name
    for writer, reader, (payload, ciphertext) in zip(
        (left, right), (right, left), messages[:2], strict=True
    ):
        assert writer.write(payload) == ciphertext
        assert reader.read(ciphertext) == payload
    assert left.done
    assert right.done
    assert left.hash == right.hash
    if "handshake_hash" in vector:
        assert left.hash.hex() == vector["handshake_hash"]
    (left_out, left_in), (right_out, right_in) = left.split(), right.split()
    for number, (payload, ciphertext) in enumerate(messages[2:]):
        seal, opener = (left_out, right_in) if number % 2 == 0 else (right_out, left_in)
        assert seal.seal(payload) == ciphertext
        assert opener.open(ciphertext) == payload
    assert len(messages) > 3


def pair(pattern: Pattern) -> tuple[HandshakeState, HandshakeState]:
    return (
        HandshakeState(pattern, b"p", seeded(b"1"), remote_static=STATIC.public),
        HandshakeState(pattern, b"p", seeded(b"2"), static=STATIC),
    )


@pytest.mark.parametrize("pattern", [NK_PLAIN, NK_HYBRID], ids=lambda p: p.protocol_name)
def test_both_sides_agree(pattern: Pattern) -> None:
    left, right = pair(pattern)
    assert right.read(left.write(b"one")) == b"one"
    assert left.read(right.write(b"two")) == b"two"
    assert left.hash == right.hash
    (out, _), (_, into) = left.split(), right.split()
    assert into.open(out.seal(b"hello")) == b"hello"


def test_the_kem_secret_is_part_of_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """K17: whoever has all X25519 secrets but not the ML-KEM secret gets other keys."""
    left, right = pair(NK_HYBRID)
    right.read(left.write(b""))
    monkeypatch.setattr("zentalk.crypto.mlkem.EphemeralKey.decapsulate", lambda *_: bytes(32))
    with pytest.raises(HandshakeError):
        left.read(right.write(b""))


def test_every_byte_of_both_messages_is_authenticated() -> None:
    """K17: one changed bit anywhere, in either message, ends the handshake."""
    first_size = len(pair(NK_HYBRID)[0].write(b"x" * 40))
    for at in (*range(0, first_size, 41), first_size - 1):
        left, right = pair(NK_HYBRID)
        message = bytearray(left.write(b"x" * 40))
        message[at] ^= 1
        with pytest.raises(HandshakeError):
            right.read(bytes(message))
    left, right = pair(NK_HYBRID)
    right.read(left.write(b""))
    second = right.write(b"y" * 40)
    for at in (*range(0, len(second), 41), len(second) - 1):
        left, right = pair(NK_HYBRID)
        right.read(left.write(b""))
        message = bytearray(right.write(b"y" * 40))
        message[at] ^= 0x80 if at != 31 else 1  # X25519 ignores the top bit of a key
        with pytest.raises(HandshakeError):
            left.read(bytes(message))


@pytest.mark.parametrize("size", [0, 31, 32, 1000, 1247])
def test_a_short_message_is_refused(size: int) -> None:
    left, right = pair(NK_HYBRID)
    with pytest.raises(HandshakeError):
        right.read(left.write(b"")[:size])


def test_a_low_order_ephemeral_is_refused() -> None:
    _, right = pair(NK_HYBRID)
    with pytest.raises(HandshakeError):
        right.read(bytes(1248))


def test_out_of_turn_is_our_own_mistake() -> None:
    left, right = pair(NK_HYBRID)
    with pytest.raises(LocalProtocolError):
        right.write(b"")
    with pytest.raises(LocalProtocolError):
        left.read(b"")
    with pytest.raises(LocalProtocolError):
        left.split()
    left.write(b"")
    with pytest.raises(LocalProtocolError):
        left.write(b"")
    with pytest.raises(LocalProtocolError):
        HandshakeState(NK_HYBRID, b"", seeded(b""))


@pytest.mark.parametrize("tokens", [("e", "ekem1"), ("ee",), ("e", "ee")])
def test_a_nonsense_pattern_is_our_own_mistake(tokens: tuple[str, ...]) -> None:
    state = HandshakeState(
        Pattern("nonsense", (tokens,)), b"", seeded(b""), remote_static=STATIC.public
    )
    with pytest.raises(LocalProtocolError):
        state.write(b"")


def test_long_protocol_names_are_hashed() -> None:
    assert SymmetricState("x" * 64).hash == b"x" * 64
    assert SymmetricState("x" * 65).hash != b"x" * 64
    assert len(SymmetricState("x" * 65).hash) == 64


def test_secrets_do_not_show() -> None:
    left, _ = pair(NK_HYBRID)
    left.write(b"")
    assert repr(left._kem_pair) == "<ephemeral ML-KEM key>"
    assert "secret" in repr(left._ephemeral)
