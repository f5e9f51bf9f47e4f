"""The ports of a relay's lanes, bound all or none.

Nothing is accepted here; whoever holds the listeners serves them.
"""

from __future__ import annotations

import errno

from zentalk.errors import ConfigError
from zentalk.net.transport import Listener, Network


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
            raise ConfigError(_sentence(host, wanted, error)) from None
    return listeners


def _sentence(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use: stop the other program, or choose another port"
    if error.errno == errno.EACCES:
        return f"port {port} on {host} needs more rights: choose a port above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine: set `host` to one that is"
    reason = (error.strerror or str(error)).lower()
    return f"cannot listen on {host} port {port}: {reason}; check `host` and `port`"
