"""Where a program's folder is when nobody says: `ZENTALK_DIR`, else the platform's place for data.

Each program has a folder of its own there, so that a relay and an API node of one person never
meet. `--dir` comes before all of this.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from zentalk.errors import ConfigError

DIRECTORY_VARIABLE: Final = "ZENTALK_DIR"


def relay_folder() -> Path:
    """Return the folder of a relay; raises ConfigError if there is no home folder."""
    return _folder("relay")


def api_folder() -> Path:
    """Return the folder of an API node; raises ConfigError if there is no home folder."""
    return _folder("api")


def _folder(program: str) -> Path:
    said = os.environ.get(DIRECTORY_VARIABLE)
    return Path(said) if said else _data_folder() / "zentalk" / program


def _data_folder() -> Path:
    """Return where programs of this platform keep what belongs to a person."""
    if sys.platform == "darwin":
        return _home() / "Library" / "Application Support"
    # The XDG base directory specification: a relative path is to be passed over.
    said = Path(os.environ.get("XDG_DATA_HOME", ""))
    return said if said.is_absolute() else _home() / ".local" / "share"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        raise ConfigError(
            f"there is no home folder; name the folder with --dir or {DIRECTORY_VARIABLE}"
        ) from None
