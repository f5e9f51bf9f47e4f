"""The link's handshake: NKhfs with X25519 and ML-KEM-768, one padded unit each way.

Spec: docs/spec/link.md section 2. Nothing is negotiated: suite, version and network id
stand in the prologue, and whoever has another prologue fails. A handshake message must
never carry information in its payload; the payload is zeros up to the unit's size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zentalk.crypto import ed25519, mlkem, x25519
from zentalk.crypto.aead import TAG_BYTES
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.labels import Label
from zentalk.crypto.types import Entropy
from zentalk.errors import AuthenticationError, HandshakeError
from zentalk.link.geometry import cell_bytes
from zentalk.link.noise import HandshakeState, Pattern

LINK_VERSION: Final = 1
NK_HYBRID: Final = Pattern(
    "Noise_NKhfs_25519+ML-KEM-768_ChaChaPoly_BLAKE2b",
    (("e", "es", "e1"), ("e", "ee", "ekem1")),
)
"""The one suite of version 1."""

_FIRST_BYTES: Final = x25519.KEY_BYTES + mlkem.PUBLIC_BYTES + 2 * TAG_BYTES
_SECOND_BYTES: Final = x25519.KEY_BYTES + mlkem.CIPHERTEXT_BYTES + 2 * TAG_BYTES


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """The settings that both ends of a link share beforehand; `depth` 0 is not in a tunnel."""

    network: str
    depth: int = 0
    version: int = LINK_VERSION
    pattern: Pattern = NK_HYBRID

    @property
    def unit_bytes(self) -> int:
        """Size of a handshake message and of a small unit."""
        return cell_bytes(self.depth)

    def prologue(self) -> bytes:
        """Return label | name length 1, name | version 2 | network length 1, network."""
        name = self.pattern.protocol_name.encode("ascii")
        network = self.network.encode("utf-8")
        return b"".join(
            (
                Label.LINK_PROLOGUE.value,
                len(name).to_bytes(1, "big"),
                name,
                self.version.to_bytes(2, "big"),
                len(network).to_bytes(1, "big"),
                network,
            )
        )


def start_initiator(
    settings: LinkSettings, relay_identity: bytes, entropy: Entropy
) -> HandshakeState:
    """Begin towards the relay with that Ed25519 identity key.

    Raises HandshakeError if the key is not a usable point.
    """
    try:
        static = ed25519.to_x25519_public(relay_identity)
    except AuthenticationError:
        raise HandshakeError("the relay's identity key is not usable") from None
    return HandshakeState(settings.pattern, settings.prologue(), entropy, remote_static=static)


def start_responder(
    settings: LinkSettings, identity: SigningKey, entropy: Entropy
) -> HandshakeState:
    """Begin as the relay with that identity, waiting for the first message."""
    pair = identity.to_x25519()
    return HandshakeState(settings.pattern, settings.prologue(), entropy, static=pair)


def write_first(state: HandshakeState, unit_bytes: int) -> bytes:
    """Return message 1, exactly one unit long."""
    return state.write(bytes(unit_bytes - _FIRST_BYTES))


def write_second(state: HandshakeState, unit_bytes: int) -> bytes:
    """Return message 2, exactly one unit long."""
    return state.write(bytes(unit_bytes - _SECOND_BYTES))


def read_message(state: HandshakeState, unit: bytes) -> None:
    """Read the other side's message; raises HandshakeError, also if padding is not zero."""
    if any(state.read(unit)):
        raise HandshakeError("a handshake message carries a payload")
