"""The ports of a relay's lanes, and its UDP port, bound all or none, each at all its addresses.

Nothing is accepted here; whoever holds the listeners serves them.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from typing import Final

import trio

from zentalk.errors import ConfigError
from zentalk.logs import quiet_logger
from zentalk.net.datagrams import Datagrams, UdpDatagrams
from zentalk.net.transport import Handler, Listener, Network

RETRY_SECONDS: Final = 5.0
_FREE_PORT_TRIES: Final = 8
"""A port that is free at the first address may be taken at another one."""
_LOG: Final = quiet_logger("zentalk.relay")


class UnresolvedHostError(ConfigError):
    """The name to listen on has no address, for now or for good."""


class SharedPort:
    """One port at several addresses: a listener made of one listener for each."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)

    @property
    def port(self) -> int:
        """The port, the same at each address."""
        return self._listeners[0].port

    async def serve(self, handler: Handler) -> None:
        """Run `handler` for each stream at any address, until closed or cancelled."""
        async with trio.open_nursery() as nursery:
            for listener in self._listeners:
                nursery.start_soon(listener.serve, handler)

    async def aclose(self) -> None:
        """Stop listening everywhere."""
        for listener in self._listeners:
            await listener.aclose()


async def bind_when_resolved(
    network: Network, hosts: Sequence[str], port: int, lanes: int, stopping: trio.Event
) -> list[Listener]:
    """Bind as `bind_lanes`, but wait for the name: machines start before their name service does.

    Says once in the log that it waits. Raises ConfigError, also if `stopping` is set meanwhile.
    """
    waits = False
    while True:
        try:
            return await bind_lanes(network, hosts, port, lanes)
        except UnresolvedHostError:
            if stopping.is_set():
                raise
            if not waits:
                _LOG.warning("own_host_does_not_resolve", retry_seconds=RETRY_SECONDS)
            waits = True
        with trio.move_on_after(RETRY_SECONDS):
            await stopping.wait()


async def bind_lanes(
    network: Network, hosts: Sequence[str], port: int, lanes: int
) -> list[Listener]:
    """Bind one port per lane at every host, from `port` on, or any free ports if it is 0.

    Raises ConfigError with one sentence for the operator.
    """
    listeners: list[Listener] = []
    for lane in range(lanes):
        try:
            listeners.append(await _bind_port(network, hosts, port + lane if port else 0))
        except ConfigError:
            for listener in listeners:
                await listener.aclose()
            raise
    return listeners


async def _bind_port(network: Network, hosts: Sequence[str], port: int) -> Listener:
    """Bind one port at every host, if it is 0 one that is free at all of them."""
    for tries_left in reversed(range(_FREE_PORT_TRIES)):
        bound: list[Listener] = []
        for host in hosts:
            wanted = bound[0].port if bound else port
            try:
                bound.append(await network.listen(host, wanted))
            except OSError as error:
                await SharedPort(bound).aclose()
                if port or not bound or error.errno != errno.EADDRINUSE or not tries_left:
                    raise _error(host, wanted, error) from None
                break
        else:
            return bound[0] if len(bound) == 1 else SharedPort(bound)
    raise AssertionError("the last try returns or raises")


async def bind_udp(network: Network, hosts: Sequence[str], port: int) -> list[Datagrams]:
    """Bind one UDP port at every host; raises ConfigError with one sentence for the operator."""
    bound: list[Datagrams] = []
    # `::` is all addresses of both families: nothing is left for 0.0.0.0.
    wanted = [host for host in hosts if host != "0.0.0.0" or "::" not in _bare(hosts)]  # noqa: S104
    for host in wanted:
        try:
            for address in await network.resolve(host):
                bound += [await UdpDatagrams.bind(address, port)]
        except OSError as error:
            for datagrams in bound:
                await datagrams.aclose()
            raise _error(host, port, error) from None
    return bound


def _bare(hosts: Sequence[str]) -> list[str]:
    return [host.strip("[]") for host in hosts]


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
