"""The collect proof: a signature of the collect key over this link, relay and generation.

Spec: docs/spec/mailbox.md section 3. Bound to the handshake hash of the innermost link,
so that whoever sees a proof, a relay included, cannot show it on another link.
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto import ed25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.labels import Label
from zentalk.ids import MailboxId, NodeId

_GENERATION_BYTES: Final = 8


def sign_collect(key: SigningKey, handshake_hash: bytes, relay: NodeId, generation: int) -> bytes:
    """Return the 64-byte proof that the holder of a collect key is at this link's end."""
    return key.sign(Label.COLLECT_PROOF, _signed(handshake_hash, relay, generation))


def verify_collect(
    mailbox: MailboxId, signature: bytes, handshake_hash: bytes, relay: NodeId, generation: int
) -> None:
    """Check a proof; raises AuthenticationError, the same for known and unknown mailboxes."""
    data = _signed(handshake_hash, relay, generation)
    ed25519.verify(mailbox, Label.COLLECT_PROOF, data, signature)


def _signed(handshake_hash: bytes, relay: NodeId, generation: int) -> bytes:
    return handshake_hash + relay + generation.to_bytes(_GENERATION_BYTES, "big")
