"""The identity of a relay: its Ed25519 key and what follows from it.

It never shows a key and never makes one without being asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.types import Entropy
from zentalk.directory.identity_work import make_identity, work_bits
from zentalk.errors import ConfigError
from zentalk.ids import NodeId
from zentalk.store.key_file import KEY_FILE_NAME, create_identity, load_identity
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


def load_or_create_relay_identity(
    directory: Path, entropy: Entropy, id_difficulty: int = 0
) -> RelayIdentity:
    """Read the identity, or make one if there is none: 2^id_difficulty keys are drawn for it.

    Raises ConfigError if it cannot be read, or is worth less than the network asks for.
    """
    path = directory / KEY_FILE_NAME
    if not path.exists():
        make = partial(make_identity, id_difficulty)
        return RelayIdentity.of(create_identity(directory, entropy, make))
    return load_relay_identity(directory, id_difficulty)


def load_relay_identity(directory: Path, id_difficulty: int = 0) -> RelayIdentity:
    """Read the identity; raises ConfigError if that fails or it is worth too little."""
    path = directory / KEY_FILE_NAME
    identity = RelayIdentity.of(load_identity(directory))
    bits = work_bits(identity.node_id)
    if bits < id_difficulty:
        raise ConfigError(
            f"the identity {path} is worth {bits} bits of work and this network asks for "
            f"{id_difficulty}, so every relay would ignore it: make a relay in another folder "
            "with `zentalk relay init`, or correct `network` or `id_difficulty`"
        )
    return identity
