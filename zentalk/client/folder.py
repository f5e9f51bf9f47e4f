"""From a node's folder to its running program: where REST answers, and the owner's token.

It reads two files that the program writes, and never writes one.
"""

from __future__ import annotations

from pathlib import Path

from zentalk.errors import ConfigError, UnavailableError
from zentalk.web.address_file import noted_url
from zentalk.web.token import load_token


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
