"""The hello: what the initiator says of itself in the first unit after the handshake.

Spec: docs/spec/link.md section 2.4. A client stays anonymous; a relay shows its
descriptor and signs the handshake hash, which no other link has. A relay must never be
believed without that signature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zentalk.crypto import ed25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.labels import Label
from zentalk.errors import AuthenticationError, HandshakeError
from zentalk.ids import NodeId
from zentalk.wire.descriptor import Descriptor, decode_descriptor, node_id_of
from zentalk.wire.frames import Hello


@dataclass(frozen=True, slots=True)
class LinkPeer:
    """The peer at the other end; a client has neither descriptor nor id.

    A relay that was dialled is known by its id only: its key is proved, its descriptor
    was not shown.
    """

    kind: Literal["client", "relay"]
    descriptor: Descriptor | None = None
    node_id: NodeId | None = None

    @property
    def is_client(self) -> bool:
        """Whether the peer is anonymous."""
        return self.kind == "client"


@dataclass(frozen=True, slots=True)
class RelayCredentials:
    """The proof of a relay that dials: its current raw descriptor and its key."""

    descriptor: bytes
    identity: SigningKey


def dialled_relay(identity: bytes) -> LinkPeer:
    """Return the peer that a finished handshake with that identity key proves."""
    return LinkPeer("relay", None, node_id_of(identity))


def make_hello(credentials: RelayCredentials | None, handshake_hash: bytes) -> Hello:
    """Return a client's hello, or a relay's with its proof."""
    if credentials is None:
        return Hello()
    signature = credentials.identity.sign(Label.LINK_RELAY_PROOF, handshake_hash)
    return Hello(credentials.descriptor, signature)


def check_hello(hello: Hello, handshake_hash: bytes, network: str) -> LinkPeer:
    """Return who says hello.

    Raises DecodeError if the descriptor is malformed, AuthenticationError if it or the
    proof does not verify, HandshakeError if it is of another network.
    """
    if not hello.descriptor:
        return LinkPeer("client")
    descriptor = decode_descriptor(hello.descriptor)
    if descriptor.network != network:
        raise HandshakeError("the relay belongs to another network")
    try:
        ed25519.verify(descriptor.identity, Label.LINK_RELAY_PROOF, handshake_hash, hello.signature)
    except AuthenticationError:
        raise AuthenticationError("the relay does not own the descriptor it shows") from None
    return LinkPeer("relay", descriptor, descriptor.node_id)
