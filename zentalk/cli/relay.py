"""`zentalk relay`: set a relay up, run it, show how it does."""

from __future__ import annotations

import logging
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zentalk.cli.arguments import relay_uris
from zentalk.cli.output import announce, say, say_json, say_or_json, telling
from zentalk.cli.setup import check_not_set_up, checked


def init(
    directory: Path,
    places: dict[str, Any],
    bootstraps: list[str],
    network: dict[str, Any],
    *,
    as_json: bool,
) -> int:
    """Make identity and settings; prints the URI and nothing else.

    `places` has what was said of addresses (`host`, `port`, `announce_host`, `announce_port`),
    `network` what was said about the network: `network`, `id_difficulty`.
    """
    from zentalk.config import RelaySettings, write_config
    from zentalk.relay.keys.identity import load_or_create_relay_identity

    values = places | {"bootstraps": relay_uris(bootstraps)} | network
    settings = checked(RelaySettings, directory, values)
    check_not_set_up(directory)
    entropy = os.urandom  # noqa: TID251 - the edge
    identity = load_or_create_relay_identity(directory, entropy, settings.id_difficulty)
    write_config(settings)
    uri = identity.uri(settings.announced_hosts[0], settings.announce_port or settings.port)
    with telling(lambda: f"the relay is set up in {directory}"):
        say_or_json(uri, {"uri": uri}, as_json=as_json)
    return 0


def run(directory: Path, log_level: str = "info") -> int:
    """Run the relay until a signal."""
    import trio

    from zentalk.cli.programs import run_program, stop_on_signal
    from zentalk.config import load_relay_settings
    from zentalk.net.runtime import Runtime
    from zentalk.net.tcp import TcpNetwork
    from zentalk.relay.announced import unreachable
    from zentalk.relay.relay import Relay

    settings = load_relay_settings(directory)

    async def serve() -> None:
        runtime = Runtime.real()
        relay = Relay(settings, runtime, TcpNetwork(), await unreachable(settings))

        def reload() -> None:
            relay.reload(load_relay_settings(directory))

        async with trio.open_nursery() as signals:
            await signals.start(stop_on_signal, relay.stop, reload)
            async with trio.open_nursery() as programs:
                uri = await programs.start(relay.run)
                lines = [f"ready {uri}"]
                if settings.http:
                    from zentalk.relay_http.server import serve_door

                    url = await programs.start(serve_door, relay, settings, runtime)
                    lines.append(f"http {url}")
                for line in lines:
                    announce(line)
            signals.cancel_scope.cancel()

    return run_program(directory, serve, log_level)


def check(directory: Path, *, as_json: bool) -> int:
    """Say whether the relay would start; raises what it would end with."""
    import trio

    from zentalk.cli.logs import configure_logging
    from zentalk.config import load_relay_settings
    from zentalk.net.tcp import TcpNetwork
    from zentalk.relay.check import check as checked_relay

    configure_logging(logging.ERROR)  # what is found is printed
    settings = load_relay_settings(directory)
    uri, warnings = trio.run(checked_relay, settings, TcpNetwork())
    if settings.http_certificate:
        from zentalk.relay_http.server import certificate_of

        certificate_of(settings)
    if as_json:
        say_json({"uri": uri, "warnings": warnings})
        return 0
    for warning in warnings:
        say(f"warning   {warning}")
    say(f"ok  {uri}")
    return 0


def status(directory: Path, *, as_json: bool) -> int:
    """Show what a running relay writes about itself; raises UnavailableError if it does not run."""
    from zentalk.config import load_relay_settings
    from zentalk.errors import UnavailableError
    from zentalk.relay.shown import lines
    from zentalk.relay.status import read_status

    load_relay_settings(directory)
    seen = read_status(directory)
    if as_json:
        say_json(asdict(seen))
    else:
        for line in lines(seen):
            say(line)
    if not seen.running:
        raise UnavailableError(
            f"the relay in {directory} does not run; start it with: "
            f"zentalk relay run --dir {directory}"
        )
    return 0
