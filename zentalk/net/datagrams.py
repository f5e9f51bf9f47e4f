"""Datagrams: what protocols that bring their own order and repetition run on.

A datagram may be lost, come twice, late or changed, and whoever owns an address can send one;
nothing here may trust what is in one. A `Datagrams` is one bound port, and everything that must
be seen to come from one port (QUIC, and what opens ways through NATs) shares it.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, Protocol, TypeAlias

import trio

Address: TypeAlias = tuple[str, int]
"""An IP address, not a name, and a port. One of a link (fe80::) has the number of its interface
behind it, as in fe80::1%2: without that it leads nowhere."""
SocketAddress: TypeAlias = tuple[str, int] | tuple[str, int, int, int]

DATAGRAM_BYTES: Final = 1_472
"""The most that a datagram holds: what Ethernet carries over IPv4 in one piece. Longer ones are
dropped in both directions: who sends fragments only makes work."""
RECEIVE_BYTES: Final = 1_048_576
"""The buffer that is asked for; a system may give less. Many have room for a hundred datagrams by
default, and lose what comes beyond that while this program is busy."""
_MAPPED: Final = "::ffff:"
_TARGETS_KEPT: Final = 256
"""Addresses that were looked at before: thousands of datagrams go to the same few."""


class Datagrams(Protocol):
    """One bound port. One task may receive at a time; any number may send."""

    @property
    def local_port(self) -> int:
        """The port, also when 0 was asked for."""
        ...

    async def send(self, data: bytes, address: Address) -> None:
        """Send a datagram, or lose it: what the network refuses is lost, and raises nothing.

        Raises trio.ClosedResourceError once this is closed.
        """
        ...

    async def receive(self) -> tuple[bytes, Address]:
        """Return a datagram and where it says it is from; raises trio.ClosedResourceError."""
        ...

    async def aclose(self) -> None:
        """Let go of the port; who waits to receive gets trio.ClosedResourceError."""
        ...


class UdpDatagrams:
    """A UDP port of IPv4 or IPv6, or of both with `::`."""

    def __init__(self, bound: trio.socket.SocketType) -> None:
        self._socket = bound
        self._is_v6 = bound.family == socket.AF_INET6
        self._port = int(bound.getsockname()[1])

    @classmethod
    async def bind(cls, host: str, port: int) -> UdpDatagrams:
        """Bind a port of an IP address, 0 for any; raises OSError if it is taken, or ValueError.

        `::` means every address of both families, where the system has both.
        """
        address = ipaddress.ip_address(host.strip("[]"))
        is_v6 = address.version == 6
        made = trio.socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            if is_v6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not address.is_unspecified)
            with suppress(OSError):  # some systems refuse what they do not have
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
            await made.bind((str(address), port))
        except BaseException:
            made.close()
            raise
        return cls(made)

    @property
    def local_port(self) -> int:
        """The port, also when 0 was asked for."""
        return self._port

    async def send(self, data: bytes, address: Address) -> None:
        """Send a datagram, or lose it; raises trio.ClosedResourceError."""
        target = _target(address, is_v6=self._is_v6)
        if target is None or len(data) > DATAGRAM_BYTES:
            await trio.lowlevel.checkpoint()
            return
        try:
            await self._socket.sendto(data, target)
        except OSError as error:
            # No route, a full queue, a firewall, an ICMP error of an earlier one: it is lost.
            self._check(error)

    async def receive(self) -> tuple[bytes, Address]:
        """Return a datagram and where it says it is from; raises trio.ClosedResourceError."""
        while True:
            try:
                data, source = await self._socket.recvfrom(DATAGRAM_BYTES + 1)
            except OSError as error:
                # Somebody's "port unreachable" to what we sent; the port itself is well.
                self._check(error)
                continue
            if len(data) <= DATAGRAM_BYTES:
                return data, from_socket(source)

    async def aclose(self) -> None:
        """Let go of the port."""
        self._socket.close()
        await trio.lowlevel.checkpoint()

    def _check(self, error: OSError) -> None:
        """Raise ClosedResourceError if the error means that this is closed."""
        if error.errno == errno.EBADF or self._socket.fileno() < 0:
            raise trio.ClosedResourceError("this port is closed") from None


@lru_cache(maxsize=_TARGETS_KEPT)
def _target(address: Address, *, is_v6: bool) -> SocketAddress | None:
    """Return an address as a socket of that family takes it, None if there is no way to it.

    A name is no address: looking one up here would tell a resolver who is sent to.
    """
    host, port = address
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return None
    if not 0 < port < 65_536 or (parsed.version == 6 and not is_v6):
        return None
    if isinstance(parsed, ipaddress.IPv4Address):
        return (_MAPPED + host if is_v6 else host), port
    if parsed.scope_id is not None and parsed.scope_id.isdecimal():
        return host.partition("%")[0], port, 0, int(parsed.scope_id)
    return host, port


def from_socket(source: tuple[Any, ...]) -> Address:
    """Return where a socket says that a datagram is from."""
    host, port, *more = source
    host = str(host).partition("%")[0].removeprefix(_MAPPED)
    if len(more) > 1 and more[1]:
        host += f"%{more[1]}"
    return host, int(port)
