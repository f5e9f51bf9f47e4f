"""The hello: what the initiator says of itself in the first unit after the handshake.

Spec: docs/spec/link.md section 2.4. A client stays anonymous, or shows a proof that it holds an
access token, which the relay checks; a relay shows its descriptor and signs the handshake hash,
which no other link has. A relay must never be believed without that signature, and a token itself
must never be sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from zentalk.crypto import ed25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.hashing import salted_digests
from zentalk.crypto.labels import Label
from zentalk.errors import AuthenticationError, HandshakeError
from zentalk.ids import NodeId
from zentalk.wire.descriptor import Descriptor, decode_descriptor, node_id_of
from zentalk.wire.frames import ACCESS_PROOF_BYTES, Hello


@dataclass(frozen=True, slots=True)
class LinkPeer:
    """The peer at the other end; a client has neither descriptor nor id.

    A relay that was dialled is known by its id only: its key is proved, its descriptor
    was not shown.
    """

    kind: Literal["client", "relay"]
    descriptor: Descriptor | None = None
    node_id: NodeId | None = None
    access_proof: bytes = field(default=b"", repr=False)
    """The proof that a client holds an access token, not checked yet; empty if it shows none."""

    @property
    def is_client(self) -> bool:
        """Whether the peer is anonymous."""
        return self.kind == "client"


@dataclass(frozen=True, slots=True)
class RelayCredentials:
    """The proof of a relay that dials: its current raw descriptor and its key."""

    descriptor: bytes
    identity: SigningKey


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """The access token of a client, for the one relay that gave it out."""

    secret: bytes = field(repr=False)


Credentials: TypeAlias = RelayCredentials | ClientCredentials


class AccessProver:
    """Makes the proof that one access token is held, for any link.

    It is a hash keyed by the token over the handshake hash, so it is worth nothing on another
    link or at another relay, and whoever has seen it knows nothing of the token.
    """

    __slots__ = ("_digest",)

    def __init__(self, secret: bytes) -> None:
        self._digest = salted_digests(Label.LINK_ACCESS_PROOF, secret, ACCESS_PROOF_BYTES)

    def proof(self, handshake_hash: bytes) -> bytes:
        """Return the proof for the link with that hash."""
        return self._digest(handshake_hash)


def dialled_relay(identity: bytes) -> LinkPeer:
    """Return the peer that a finished handshake with that identity key proves."""
    return LinkPeer("relay", None, node_id_of(identity))


def make_hello(credentials: Credentials | None, handshake_hash: bytes) -> Hello:
    """Return a client's hello, or one with the proof that the credentials allow."""
    if credentials is None:
        return Hello()
    if isinstance(credentials, ClientCredentials):
        return Hello(proof=AccessProver(credentials.secret).proof(handshake_hash))
    signature = credentials.identity.sign(Label.LINK_RELAY_PROOF, handshake_hash)
    return Hello(credentials.descriptor, signature)


def check_hello(hello: Hello, handshake_hash: bytes, network: str) -> LinkPeer:
    """Return who says hello; whether a client's proof holds is for the relay to say.

    Raises DecodeError if the descriptor is malformed, AuthenticationError if it or the
    proof does not verify, HandshakeError if it is of another network.
    """
    if not hello.descriptor:
        return LinkPeer("client", access_proof=hello.proof)
    descriptor = decode_descriptor(hello.descriptor)
    if descriptor.network != network:
        raise HandshakeError("the relay belongs to another network")
    try:
        ed25519.verify(descriptor.identity, Label.LINK_RELAY_PROOF, handshake_hash, hello.signature)
    except AuthenticationError:
        raise AuthenticationError("the relay does not own the descriptor it shows") from None
    return LinkPeer("relay", descriptor, descriptor.node_id)
