"""Pictures of people, groups and stickers: small files, in base64 as REST has them."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Final

from zentalk.cli.errors import UsageError

_PRIVATE: Final = 0o600
_MOST_BYTES: Final = 2**20
"""More is not read; the node says how much a picture may have."""


def read_picture(file: Path) -> str:
    """Return the picture of a file in base64; raises UsageError if there is none to be read."""
    try:
        with file.open("rb") as opened:
            picture = opened.read(_MOST_BYTES)
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise UsageError(f"{file} cannot be read: {reason}") from None
    if not picture:
        raise UsageError(f"{file} is empty: name a file with a picture")
    return base64.b64encode(picture).decode("ascii")


def write_picture(file: Path, picture: str) -> None:
    """Write a picture in base64 to a new file; raises UsageError if it cannot be made."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    except FileExistsError:
        raise UsageError(f"{file} is there already: name another file") from None
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise UsageError(f"{file} cannot be written: {reason}") from None
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(base64.b64decode(picture))
