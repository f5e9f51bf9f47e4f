"""Fixed ports for a network that is killed and restarted, as relays have them in earnest.

A relay's database is named after its port in the settings, so the port must be known first.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack

from tests.faults.proxy import Proxy
from zentalk.config import ApiSettings, RelaySettings
from zentalk.sim.launcher import Launcher


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Return ports that nothing uses now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((host, 0))
        return [each.getsockname()[1] for each in sockets]


class FixedPorts:
    """All programs on this machine, each relay on a port that it keeps."""

    def __init__(self, launcher: Launcher, relays: int) -> None:
        self._launcher = launcher
        self._ports = free_ports(relays)

    def of_relay(self, settings: RelaySettings) -> tuple[RelaySettings, Launcher]:
        return with_port(settings, self._ports.pop()), self._launcher

    def of_person(self, settings: ApiSettings) -> tuple[ApiSettings, Launcher]:
        return settings, self._launcher


def with_port(settings: RelaySettings, port: int) -> RelaySettings:
    """Return the settings with another port."""
    return settings.model_copy(update={"port": port})


class OverProxies:
    """All programs on this machine; each relay announces the port of a proxy before it."""

    def __init__(self, launcher: Launcher, proxies: list[Proxy], ports: list[int]) -> None:
        self.proxies = proxies
        self._launcher = launcher
        self._rest = list(zip(proxies, ports, strict=True))

    @classmethod
    async def make(cls, launcher: Launcher, relays: int, seed: int) -> OverProxies:
        """Make a proxy for each relay; somebody has to run them."""
        ports = free_ports(relays)
        proxies = [await Proxy.listen(("127.0.0.1", port), seed) for port in ports]
        return cls(launcher, proxies, ports)

    def of_relay(self, settings: RelaySettings) -> tuple[RelaySettings, Launcher]:
        proxy, port = self._rest.pop()
        return settings.model_copy(
            update={"port": port, "announce_port": proxy.port}
        ), self._launcher

    def of_person(self, settings: ApiSettings) -> tuple[ApiSettings, Launcher]:
        return settings, self._launcher
