"""The folder `linked` of a replica: its own identity, and the code that says whom it follows.

The secret of the code is worth nothing once the first has seen it; the address is needed for good.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from zentalk.config.files import make_private_directory, read_private, remove_file, write_private
from zentalk.crypto.types import Entropy
from zentalk.errors import ConfigError, DecodeError
from zentalk.store.key_file import KEY_FILE_NAME, create_identity
from zentalk.wire.invite import InviteLink, format_link_code, parse_link_code

LINKED_FOLDER: Final = "linked"
_CODE_FILE: Final = "code"


def linked_folder(directory: Path) -> Path:
    """Return the folder of a replica's link."""
    return directory / LINKED_FOLDER


def is_replica(directory: Path) -> bool:
    """Tell whether a folder is a replica's: it follows somebody, and has no owner's identity."""
    has_code = (linked_folder(directory) / _CODE_FILE).exists()
    return has_code and not (directory / KEY_FILE_NAME).exists()


def set_up_replica(directory: Path, code: InviteLink, entropy: Entropy) -> None:
    """Make a folder a replica's, with a fresh identity; raises ConfigError or ConflictError."""
    folder = linked_folder(directory)
    make_private_directory(folder)
    write_private(folder / _CODE_FILE, format_link_code(code).encode() + b"\n")
    create_identity(folder, entropy)


def load_invitation(directory: Path) -> InviteLink:
    """Read whom a replica follows; raises ConfigError if the file is missing or damaged."""
    path = linked_folder(directory) / _CODE_FILE
    try:
        return parse_link_code(read_private(path).decode("ascii", errors="replace").strip())
    except DecodeError:
        raise ConfigError(
            f"{path} is damaged: remove the folder {directory} and link this node again"
        ) from None


def forget_link(directory: Path) -> None:
    """Remove what a replica's link needed, once it is none any more."""
    folder = linked_folder(directory)
    if folder.is_dir():
        for path in folder.iterdir():
            remove_file(path)
        try:
            folder.rmdir()
        except OSError:
            return  # something else lies there; without its code it is no replica's
