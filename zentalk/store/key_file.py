"""A node's Ed25519 identity key on disk: made once, readable by its owner only.

Nothing here prints, logs, shows or replaces a key. A key that others could have read is
refused instead of used, and so is a damaged one: a single flipped bit would be another
identity.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from zentalk.config.files import make_private_directory, read_private, write_private
from zentalk.crypto.ed25519 import SEED_BYTES, SigningKey
from zentalk.crypto.types import Entropy
from zentalk.errors import ConfigError

KEY_FILE_NAME: Final = "identity.key"
_HEADER: Final = "zentalk identity key 1"
_LINES: Final = 4


def create_identity(
    directory: Path,
    entropy: Entropy,
    make: Callable[[Entropy], SigningKey] = SigningKey.generate,
) -> SigningKey:
    """Make an identity and write it (0600); the folder is made (0700) if it is missing.

    `make` draws the key. Raises ConflictError if there is one already, ConfigError if it
    cannot be written.
    """
    make_private_directory(directory)
    _check_folder(directory)
    key = make(entropy)
    write_private(directory / KEY_FILE_NAME, _encode(key))
    return key


def write_identity(directory: Path, key: SigningKey) -> None:
    """Write an identity that was made elsewhere (0600).

    Raises ConflictError if there is one already, ConfigError if it cannot be written.
    """
    _check_folder(directory)
    write_private(directory / KEY_FILE_NAME, _encode(key))


def load_identity(directory: Path) -> SigningKey:
    """Read the identity of `directory`.

    Raises ConfigError if it is missing, unreadable, open to others, or damaged.
    """
    path = directory / KEY_FILE_NAME
    if not path.exists():
        raise ConfigError(f"there is no identity key {path}: create it with `init`")
    _check_folder(directory)
    return _decode(path, read_private(path))


def load_or_create_identity(directory: Path, entropy: Entropy) -> SigningKey:
    """Read the identity of `directory`, or make one if there is none."""
    if (directory / KEY_FILE_NAME).exists():
        return load_identity(directory)
    return create_identity(directory, entropy)


def _check_folder(directory: Path) -> None:
    """Refuse a folder in which others could replace the key."""
    if directory.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(
            f"other users can write to the folder {directory}; close it with: chmod 700 {directory}"
        )


def _encode(key: SigningKey) -> bytes:
    return f"{_HEADER}\n{bytes(key.seed).hex()}\n{key.public.hex()}\n".encode("ascii")


def _decode(path: Path, content: bytes) -> SigningKey:
    """Read seed and public key; the second shows whether the first is undamaged."""
    damaged = ConfigError(
        f"the identity key {path} is damaged: restore it from a backup, "
        "or remove it and create a new identity"
    )
    lines = content.decode("ascii", errors="replace").split("\n")
    if len(lines) != _LINES or lines[0] != _HEADER:
        raise damaged
    try:
        seed = bytes.fromhex(lines[1])
    except ValueError:
        raise damaged from None
    if len(seed) != SEED_BYTES:
        raise damaged
    key = SigningKey(seed)
    if _encode(key) != content:
        raise damaged
    return key
