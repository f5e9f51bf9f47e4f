"""From what was typed to a running API node: where it serves, and the token.

Both are in the node's folder, unless `--url` or `--token-file` says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from zentalk.cli.errors import UsageError
from zentalk.cli.folders import api_folder
from zentalk.cli.node_client import (
    NodeClient,
    ServedAt,
    TokenRefusedError,
    read_url,
)
from zentalk.cli.output import telling
from zentalk.config import CONFIG_FILE
from zentalk.errors import ConfigError, ConnectFailedError, StrangerError, UnavailableError
from zentalk.web.address_file import noted_url
from zentalk.web.token import TOKEN_FILE, load_token, read_token


class At(NamedTuple):
    """Which node is meant, as it was typed; None is what was not."""

    directory: Path | None
    url: str | None
    token_file: Path | None


@contextmanager
def running_node(at: At) -> Iterator[NodeClient]:
    """Give a client of the node. Print inside: an answer that is lost then says what was done.

    Raises UsageError if the URL is none, ConfigError if the folder or the token's file is none,
    UnavailableError if the folder's node does not run, StrangerError if what answers at the URL
    that was given is not the node whose token this is.
    """
    if at.url is not None:
        place = read_url(at.url)
        if place is None:
            raise UsageError(f"--url takes http://HOST:PORT, not '{at.url}'")
        with _open(NodeClient(place, _token(at))) as client:
            yield client
        return
    directory = at.directory or api_folder()
    _check_set_up(directory)
    token = _token(at)
    place = read_url(noted_url(directory) or "")
    if place is None:
        raise _not_running(directory)
    try:
        with _open(NodeClient(place, token)) as client:
            yield client
    except ConnectFailedError:
        raise _not_running(directory) from None
    except (StrangerError, TokenRefusedError):
        # After a crash, another program may serve at the address that was noted.
        raise _not_running(directory, instead=place) from None


@contextmanager
def _open(client: NodeClient) -> Iterator[NodeClient]:
    with closing(client), telling(lambda: "it was done" if client.has_changed else ""):
        yield client


def _token(at: At) -> str:
    if at.token_file is not None:
        return read_token(at.token_file)
    directory = at.directory or api_folder()
    _check_set_up(directory)
    if not (directory / TOKEN_FILE).exists():
        from zentalk.config import load_api_settings

        load_api_settings(directory)  # It names the program whose folder this is.
    return load_token(directory)


def _check_set_up(directory: Path) -> None:
    if not (directory / CONFIG_FILE).exists():
        raise ConfigError(
            f"{directory} is not set up yet; run: zentalk api init --dir {directory}"
            " --bootstrap URI"
        )


def _not_running(directory: Path, instead: ServedAt | None = None) -> UnavailableError:
    other = ""
    if instead is not None:
        other = f" (another program, or one with another token, answers at {instead.url})"
    return UnavailableError(
        f"no API node is running in {directory}{other};"
        f" start it with: zentalk api run --dir {directory}"
    )
