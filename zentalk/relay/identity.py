"""Who a relay is: its Ed25519 identity key and what follows from it.

It never shows a key and never makes one without being asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.types import Entropy
from zentalk.ids import NodeId
from zentalk.store.key_file import load_or_create_identity
from zentalk.wire.descriptor import node_id_of
from zentalk.wire.text import RelayUri, format_relay_uri


@dataclass(frozen=True, slots=True)
class RelayIdentity:
    """A relay's identity key and the id that others know it by."""

    key: SigningKey
    node_id: NodeId

    @classmethod
    def of(cls, key: SigningKey) -> RelayIdentity:
        """Return the identity of a key."""
        return cls(key, node_id_of(key.public))

    def uri(self, host: str, port: int) -> str:
        """Return the `zt-relay:...` text under which others find this relay."""
        return format_relay_uri(RelayUri(self.key.public, host, port))


def load_or_create_relay_identity(directory: Path, entropy: Entropy) -> RelayIdentity:
    """Read the identity, or make one if there is none."""
    return RelayIdentity.of(load_or_create_identity(directory, entropy))
