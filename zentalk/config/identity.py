"""The identity key on disk: `identity.key`, one line, readable by its owner only.

The key is the relay or the person; whoever loses the file loses the identity. Nothing here
logs, prints or changes a key that exists.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Final

from zentalk.config.files import read_private, write_private
from zentalk.crypto.ed25519 import SEED_BYTES, SigningKey
from zentalk.crypto.types import Entropy, Secret
from zentalk.errors import ConfigError

IDENTITY_FILE: Final = "identity.key"


def create_identity(directory: Path, entropy: Entropy) -> SigningKey:
    """Make a key and write it; raises ConflictError if the folder has one already."""
    key = SigningKey.generate(entropy)
    write_private(directory / IDENTITY_FILE, base64.urlsafe_b64encode(key.seed) + b"\n")
    return key


def load_identity(directory: Path) -> SigningKey:
    """Read the key of a folder.

    Raises ConfigError if the file is missing, unreadable, open to others or damaged.
    """
    path = directory / IDENTITY_FILE
    text = read_private(path).strip()
    try:
        seed = Secret(base64.b64decode(text, altchars=b"-_", validate=True))
    except binascii.Error:
        seed = Secret(b"")
    if len(seed) != SEED_BYTES:
        raise ConfigError(f"{path} is damaged: it does not hold a key; restore it from a backup")
    return SigningKey(seed)
