"""`zentalk api`: set an API node up, run it, show its address and token."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zentalk.cli.arguments import relay_uris
from zentalk.cli.link import given_code
from zentalk.cli.output import announce, say, say_or_json, telling
from zentalk.cli.setup import check_not_set_up, checked

if TYPE_CHECKING:
    from zentalk.ids import UserAddress


def init(
    directory: Path,
    said: dict[str, Any],
    bootstraps: list[str],
    replica_of: str | None,
    *,
    as_json: bool,
) -> int:
    """Make identity, token and settings; prints the address and nothing else.

    A replica gets an identity of its own that is shown to nobody, and prints its owner's address.
    """
    from zentalk.config import ApiSettings, write_config
    from zentalk.node.replica.invitation import set_up_replica
    from zentalk.store.key_file import load_or_create_identity
    from zentalk.web.token import load_or_create_token

    code = None if replica_of is None else given_code(replica_of)
    values = {"bootstraps": relay_uris(bootstraps)} | said
    settings = checked(ApiSettings, directory, values)
    check_not_set_up(directory)
    if code is None:
        load_or_create_identity(directory, os.urandom)  # noqa: TID251 - the edge
    else:
        set_up_replica(directory, code, os.urandom)  # noqa: TID251
    load_or_create_token(directory, os.urandom)  # noqa: TID251 - the edge
    write_config(settings)
    with telling(lambda: f"the node is set up in {directory}"):
        _say_address(directory, as_json=as_json)
    return 0


def run(directory: Path, log_level: str = "info") -> int:
    """Run node and REST until a signal."""
    import trio

    from zentalk.api.program import run_api_node
    from zentalk.cli.programs import reload_nothing, run_program, stop_on_signal
    from zentalk.config import load_api_settings
    from zentalk.net.runtime import Runtime
    from zentalk.net.tcp import TcpNetwork
    from zentalk.web.token import load_token

    settings = load_api_settings(directory)
    token = load_token(directory)

    async def serve() -> None:
        stopping = trio.Event()
        async with trio.open_nursery() as signals:
            await signals.start(stop_on_signal, stopping.set, reload_nothing)
            async with trio.open_nursery() as programs:
                url = await programs.start(
                    run_api_node, settings, token, Runtime.real(), TcpNetwork(), stopping
                )
                announce(f"ready {url}")
            signals.cancel_scope.cancel()

    return run_program(directory, serve, log_level)


def address(directory: Path, *, qr: bool, as_json: bool) -> int:
    """Print the address; raises ConfigError for the folder of another program."""
    from zentalk.config import load_api_settings

    load_api_settings(directory)
    _say_address(directory, qr=qr, as_json=as_json)
    return 0


def token(directory: Path, *, as_json: bool) -> int:
    """Print the token; raises ConfigError for the folder of another program."""
    from zentalk.config import load_api_settings
    from zentalk.web.token import load_token

    load_api_settings(directory)
    found = load_token(directory)
    say_or_json(found, {"token": found}, as_json=as_json)
    return 0


def _say_address(directory: Path, *, qr: bool = False, as_json: bool) -> None:
    from zentalk.wire.text import format_address

    shown = format_address(_owner_of(directory))
    if qr and not as_json:
        from zentalk.qr import lines

        for line in lines(shown):
            say(line)
    say_or_json(shown, {"address": shown}, as_json=as_json)


def _owner_of(directory: Path) -> UserAddress:
    from zentalk.ids import UserAddress
    from zentalk.node.replica.invitation import is_replica, load_invitation
    from zentalk.store.key_file import load_identity

    if is_replica(directory):
        return load_invitation(directory).address
    return UserAddress(load_identity(directory).public)
