"""From a node's folder to its running program: where REST answers, and the owner's token.

It reads two files that the program writes, and never writes one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from zentalk.errors import ConfigError, UnavailableError
from zentalk.web.token import load_token

RUN_FILE: Final = "run.json"
"""The note of a running program; `zentalk.api.address_file` writes it."""


def find_node(folder: Path) -> tuple[str, str]:
    """Return the URL and the token of the node in a folder.

    Raises ConfigError if the folder has no token, UnavailableError if its node does not run.
    """
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}: name the one given to `zentalk api init`")
    token = load_token(folder)
    url = noted_url(folder)
    if url is None:
        raise UnavailableError(
            f"no API node runs in {folder}; start it with: zentalk api run --dir {folder}"
        )
    return url, token


def noted_url(folder: Path) -> str | None:
    """Return where the node serves, or served last if it was killed; None if nothing says so."""
    try:
        noted = json.loads((folder / RUN_FILE).read_text("utf-8"))
        return str(noted["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
