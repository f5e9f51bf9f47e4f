"""From a folder to its running API node: where it serves, and the token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from zentalk.api.address_file import noted_url
from zentalk.cli.node_client import NodeClient, TokenRefusedError, read_url
from zentalk.config import CONFIG_FILE
from zentalk.errors import ConfigError, ConnectFailedError, UnavailableError
from zentalk.web.token import load_token


@contextmanager
def running_node(directory: Path) -> Iterator[NodeClient]:
    """Give a client of the folder's API node.

    Raises ConfigError if the folder is none, UnavailableError if its node does not run.
    """
    if not (directory / CONFIG_FILE).exists():
        raise ConfigError(
            f"{directory} is not set up yet; run: zentalk api init --dir {directory}"
            " --bootstrap URI"
        )
    token = load_token(directory)
    place = read_url(noted_url(directory) or "")
    if place is None:
        raise _not_running(directory)
    try:
        with closing(NodeClient(place, token)) as client:
            yield client
    except (ConnectFailedError, TokenRefusedError):
        # Refused: after a crash, another node may serve at the address that was noted.
        raise _not_running(directory) from None


def _not_running(directory: Path) -> UnavailableError:
    return UnavailableError(
        f"no API node is running in {directory}; start it with: zentalk api run --dir {directory}"
    )
