"""`zentalk relay`: set a relay up, run it, show how it does."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zentalk.cli.arguments import relay_uris
from zentalk.cli.output import announce, say, say_json
from zentalk.cli.setup import check_not_set_up, checked


def init(
    directory: Path,
    host: str,
    port: int,
    bootstraps: list[str],
    network: dict[str, Any],
) -> int:
    """Make identity and settings; prints the URI and nothing else.

    `network` has what was said about the network: `network`, `id_difficulty`.
    """
    from zentalk.config import RelaySettings, write_config  # noqa: PLC0415
    from zentalk.relay.keys.identity import load_or_create_relay_identity  # noqa: PLC0415

    values = {"host": host, "port": port, "bootstraps": relay_uris(bootstraps)} | network
    settings = checked(RelaySettings, directory, values)
    check_not_set_up(directory)
    entropy = os.urandom  # noqa: TID251 - the edge
    identity = load_or_create_relay_identity(directory, entropy, settings.id_difficulty)
    write_config(settings)
    say(identity.uri(host, port))
    return 0


def run(directory: Path) -> int:
    """Run the relay until a signal."""
    import trio  # noqa: PLC0415

    from zentalk.cli.programs import run_program, stop_on_signal  # noqa: PLC0415
    from zentalk.config import load_relay_settings  # noqa: PLC0415
    from zentalk.net.runtime import Runtime  # noqa: PLC0415
    from zentalk.net.tcp import TcpNetwork  # noqa: PLC0415
    from zentalk.relay.relay import Relay  # noqa: PLC0415

    settings = load_relay_settings(directory)

    async def serve() -> None:
        runtime = Runtime.real()
        relay = Relay(settings, runtime, TcpNetwork())
        async with trio.open_nursery() as signals:
            await signals.start(stop_on_signal, relay.stop)
            async with trio.open_nursery() as programs:
                uri = await programs.start(relay.run)
                lines = [f"ready {uri}"]
                if settings.http:
                    from zentalk.relay_http.server import serve_door  # noqa: PLC0415 - only then

                    url = await programs.start(serve_door, relay, settings, runtime)
                    lines.append(f"http {url}")
                for line in lines:
                    announce(line)
            signals.cancel_scope.cancel()

    return run_program(directory, serve)


def status(directory: Path, *, as_json: bool) -> int:
    """Show what a running relay writes about itself."""
    from zentalk.config import load_relay_settings  # noqa: PLC0415
    from zentalk.relay.status import read_status  # noqa: PLC0415

    load_relay_settings(directory)
    seen = read_status(directory)
    if as_json:
        say_json(asdict(seen))
        return 0
    say(f"{seen.state}  {seen.uri}")
    for warning in seen.warnings:
        say(f"warning   {warning}")
    for title, numbers in (
        ("counters", seen.counters),
        ("refused", seen.refused),
        ("mailbox", seen.mailbox),
    ):
        for name, number in numbers.items():
            say(f"{title:9} {name:24} {number}")
    return 0
