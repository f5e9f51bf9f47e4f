"""The collect proof of one HTTP request: a signature of the collect key over all that it is.

Spec: docs/spec/mailbox.md section 14. HTTP has no handshake to be bound to, so the proof names
the relay it is for and a nonce that this relay made and takes once. Whoever gets to see a proof,
another relay included, can show it nowhere and never again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from zentalk.crypto import ed25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.ids import MailboxId, NodeId

NONCE_BYTES: Final = 32
_GENERATION_BYTES: Final = 8
_METHOD_BYTES: Final = 1
_TARGET_BYTES: Final = 2


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request to a relay: `target` is path and query as they stand in the request line."""

    method: bytes
    target: bytes = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HttpClaim:
    """A claim to own a mailbox, as the session of a generation, under a nonce."""

    mailbox: MailboxId = field(repr=False)
    generation: int
    nonce: bytes = field(repr=False)


def sign_http(
    key: SigningKey, relay: NodeId, generation: int, nonce: bytes, request: HttpRequest
) -> bytes:
    """Return the 64-byte proof of one request."""
    claim = HttpClaim(MailboxId(key.public), generation, nonce)
    return key.sign(Label.HTTP_PROOF, _signed(relay, claim, request))


def verify_http(relay: NodeId, claim: HttpClaim, signature: bytes, request: HttpRequest) -> None:
    """Check a proof; raises AuthenticationError. Whether the nonce is fresh is not known here."""
    ed25519.verify(claim.mailbox, Label.HTTP_PROOF, _signed(relay, claim, request), signature)


def _signed(relay: NodeId, claim: HttpClaim, request: HttpRequest) -> bytes:
    """Return what is signed: parts of fixed length, the last of them a hash of the request."""
    digest = blake2b_256(
        Label.HTTP_REQUEST,
        len(request.method).to_bytes(_METHOD_BYTES, "big"),
        request.method,
        len(request.target).to_bytes(_TARGET_BYTES, "big"),
        request.target,
        request.body,
    )
    generation = claim.generation.to_bytes(_GENERATION_BYTES, "big")
    return relay + claim.mailbox + generation + claim.nonce + digest
