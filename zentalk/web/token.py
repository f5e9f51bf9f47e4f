"""The bearer token of an API node: one file, readable by its owner only.

Whoever can read the file is the owner. The token is compared in constant time and never
appears in a log, an error or a command line.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Final

from zentalk.config import read_private, write_private
from zentalk.crypto.types import Entropy
from zentalk.errors import ConfigError

TOKEN_FILE: Final = "token"  # noqa: S105 - a file's name
_TOKEN_BYTES: Final = 32
_FORM: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def bearer_token(credentials: bytes) -> bytes:
    """Return the token in the value of `Authorization`, b"" if there is none.

    The scheme has no case, and one space or more follow it (RFC 9110 section 11.1, RFC 6750 2.1).
    """
    scheme, _, rest = credentials.partition(b" ")
    return rest.strip(b" ") if scheme.lower() == b"bearer" else b""


def create_token(directory: Path, entropy: Entropy) -> str:
    """Make a token of 32 random bytes (base64url) and write it.

    Raises ConflictError if the folder has one already, ConfigError if it cannot be written.
    """
    token = base64.urlsafe_b64encode(entropy(_TOKEN_BYTES)).rstrip(b"=")
    write_private(directory / TOKEN_FILE, token + b"\n")
    return token.decode("ascii")


def load_or_create_token(directory: Path, entropy: Entropy) -> str:
    """Read the token of a folder, or make one if there is none."""
    if (directory / TOKEN_FILE).exists():
        return load_token(directory)
    return create_token(directory, entropy)


def load_token(directory: Path) -> str:
    """Read a folder's token; raises ConfigError if it is missing, open to others or damaged."""
    return read_token(directory / TOKEN_FILE)


def read_token(path: Path) -> str:
    """Read the token in a file; raises what `load_token` raises."""
    token = read_private(path).decode("ascii", errors="replace").strip()
    if not _FORM.fullmatch(token):
        raise ConfigError(f"{path} is damaged: it does not hold a token; restore it from a backup")
    return token
