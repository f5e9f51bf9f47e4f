"""The ports of a relay's lanes, bound all or none.

Nothing is accepted here; whoever holds the listeners serves them.
"""

from __future__ import annotations

import errno
import socket
from typing import Final

import trio

from zentalk.errors import ConfigError
from zentalk.logs import quiet_logger
from zentalk.net.transport import Listener, Network

RETRY_SECONDS: Final = 5.0
_LOG: Final = quiet_logger("zentalk.relay")


class UnresolvedHostError(ConfigError):
    """The name to listen on has no address, for now or for good."""


async def bind_when_resolved(
    network: Network, host: str, port: int, lanes: int, stopping: trio.Event
) -> list[Listener]:
    """Bind as `bind_lanes`, but wait for the name: machines start before their name service does.

    Says once in the log that it waits. Raises ConfigError, also if `stopping` is set meanwhile.
    """
    waits = False
    while True:
        try:
            return await bind_lanes(network, host, port, lanes)
        except UnresolvedHostError:
            if stopping.is_set():
                raise
            if not waits:
                _LOG.warning("own_host_does_not_resolve", retry_seconds=RETRY_SECONDS)
            waits = True
        with trio.move_on_after(RETRY_SECONDS):
            await stopping.wait()


async def bind_lanes(network: Network, host: str, port: int, lanes: int) -> list[Listener]:
    """Bind one port per lane, from `port` on, or any free ports if it is 0.

    Raises ConfigError with one sentence for the operator.
    """
    listeners: list[Listener] = []
    for lane in range(lanes):
        wanted = port + lane if port else 0
        try:
            listeners.append(await network.listen(host, wanted))
        except OSError as error:
            for listener in listeners:
                await listener.aclose()
            raise _error(host, wanted, error) from None
    return listeners


def _error(host: str, port: int, error: OSError) -> ConfigError:
    if isinstance(error, socket.gaierror):
        return UnresolvedHostError(
            f"the name {host} has no address now: correct `host`, or look at this machine's DNS"
        )
    return ConfigError(_sentence(host, port, error))


def _sentence(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use: stop the other program, or choose another port"
    if error.errno == errno.EACCES:
        return f"port {port} on {host} needs more rights: choose a port above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine: set `host` to one that is"
    reason = (error.strerror or str(error)).lower()
    return f"cannot listen on {host} port {port}: {reason}; check `host` and `port`"
