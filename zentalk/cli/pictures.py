"""Pictures of people, groups and stickers: small files, in base64 as REST has them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

from zentalk.cli.errors import UsageError
from zentalk.errors import ConfigError, ConflictError

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
    from zentalk.config import write_private

    try:
        write_private(file, base64.b64decode(picture))
    except ConflictError:
        raise UsageError(f"{file} is there already: name another file") from None
    except ConfigError as error:
        raise UsageError(f"{error}: name another file, or make room") from None
