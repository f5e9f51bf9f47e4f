"""Datagrams to everybody in the local network, one family of addresses each.

What goes out ends at the first router. Whoever is in that network can send here and hear it all;
nothing here may trust what is in a datagram.

Spec: docs/spec/direct.md section 8.2.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

import trio

from zentalk.net.datagrams import DATAGRAM_BYTES, Address, from_socket
from zentalk.net.interfaces import LocalInterface, local_interfaces

GROUP_PORT: Final = 29_084
GROUP_V4: Final = "239.255.90.84"
"""A group of the block for one site, RFC 2365."""
GROUP_V6: Final = "ff12::fa74:1"
"""A group of one link, among those that nobody has been assigned: RFC 4291 section 2.7."""


class LocalGroup(Protocol):
    """All machines of the local networks, in one family. One task may receive, and one send."""

    def own_addresses(self) -> list[str]:
        """Return our addresses from which `send` can send now, with their scopes."""
        ...

    async def send(self, data: bytes, own: str) -> None:
        """Send a datagram from one of our addresses, or lose it."""
        ...

    async def receive(self) -> tuple[bytes, Address]:
        """Return a datagram and where it says it is from; raises trio.ClosedResourceError."""
        ...

    async def aclose(self) -> None:
        """Leave the group; who waits to receive gets trio.ClosedResourceError."""
        ...


class _Family:
    """The differences between IPv4 and IPv6."""

    def __init__(self, *, is_v6: bool) -> None:
        self.is_v6 = is_v6
        self.family = socket.AF_INET6 if is_v6 else socket.AF_INET
        self.group = GROUP_V6 if is_v6 else GROUP_V4
        self._packed = socket.inet_pton(self.family, self.group)

    def prepare(self, made: trio.socket.SocketType) -> None:
        """Let several programs have the port, and what is sent end at the first router."""
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform != "linux":  # there the line above is enough, and this asks for one owner
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if self.is_v6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 1)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 1)
        else:
            made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
            made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)

    def join(self, made: trio.socket.SocketType, index: int) -> None:
        """Hear what is sent to the group on an interface; raises OSError."""
        if self.is_v6:
            wanted = self._packed + struct.pack("@I", index)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, wanted)
        else:
            wanted = struct.pack("@4s4si", self._packed, bytes(4), index)
            made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, wanted)

    def send_from(self, made: trio.socket.SocketType, own: str, index: int) -> None:
        """Let what is sent next leave on an interface, from our address; raises OSError."""
        if self.is_v6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        else:
            wanted = struct.pack("@4s4si", bytes(4), socket.inet_aton(own), index)
            made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, wanted)

    def own_address(self, interface: LocalInterface) -> str:
        """Return from where we send on an interface; empty if we cannot."""
        if not self.is_v6:
            return interface.address
        with socket.socket(self.family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((self.group, GROUP_PORT, 0, interface.number))
            except OSError:
                return ""
            address = str(probe.getsockname()[0]).partition("%")[0]
        # Beacons come from the address of the link; the machine's own interface has none.
        return f"{address}%{interface.number}" if address.startswith("fe80:") else ""


class MulticastGroup:
    """The group in one family: satisfies `LocalGroup`."""

    def __init__(
        self,
        family: _Family,
        bound: trio.socket.SocketType,
        interfaces: Callable[[], list[LocalInterface]],
    ) -> None:
        self._family = family
        self._socket = bound
        self._interfaces = interfaces
        self._joined: set[int] = set()
        self._indexes: dict[str, int] = {}

    @classmethod
    async def join(
        cls,
        *,
        is_v6: bool,
        interfaces: Callable[[], list[LocalInterface]] = local_interfaces,
    ) -> MulticastGroup:
        """Bind the port of the group; raises OSError."""
        family = _Family(is_v6=is_v6)
        made = trio.socket.socket(family.family, socket.SOCK_DGRAM)
        try:
            family.prepare(made)
            # Bound to the group, a port gets nothing that is sent to the machine alone. Of IPv6
            # that would be one interface's group only.
            await made.bind(("::" if is_v6 else GROUP_V4, GROUP_PORT))
        except BaseException:
            made.close()
            raise
        return cls(family, made, interfaces)

    def own_addresses(self) -> list[str]:
        """Look at the interfaces, join on new ones, and return our addresses there."""
        self._indexes.clear()
        for interface in self._interfaces():
            if interface.number not in self._joined:
                with suppress(OSError):
                    self._family.join(self._socket, interface.number)
                    self._joined.add(interface.number)
            address = self._family.own_address(interface)
            if interface.number in self._joined and address:
                self._indexes[address] = interface.number
        return list(self._indexes)

    async def send(self, data: bytes, own: str) -> None:
        """Send a datagram from one of our addresses, or lose it."""
        index = self._indexes.get(own)
        if index is None:
            await trio.lowlevel.checkpoint()
            return
        scope = (0, index) if self._family.is_v6 else ()
        with suppress(OSError):  # it is gone since, or a firewall is in the way
            self._family.send_from(self._socket, own, index)
            await self._socket.sendto(data, (self._family.group, GROUP_PORT, *scope))

    async def receive(self) -> tuple[bytes, Address]:
        """Return a datagram and where it says it is from; raises trio.ClosedResourceError."""
        while True:
            try:
                data, source = await self._socket.recvfrom(DATAGRAM_BYTES + 1)
            except OSError as error:
                if error.errno == errno.EBADF or self._socket.fileno() < 0:
                    raise trio.ClosedResourceError("this port is closed") from None
                continue
            return data, from_socket(source)

    async def aclose(self) -> None:
        """Leave the group."""
        self._socket.close()
        await trio.lowlevel.checkpoint()


async def join_local_groups() -> list[LocalGroup]:
    """Join in both families, or in the one that there is; raises OSError if there is none."""
    groups = list[LocalGroup]()
    fault: OSError | None = None
    for is_v6 in (False, True):
        try:
            groups.append(await MulticastGroup.join(is_v6=is_v6))
        except OSError as error:
            fault = fault or error
    if not groups and fault is not None:
        raise fault
    return groups
