"""Local networks in memory: ports and groups of the machines in one house, and what was sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import trio

from zentalk.net.datagrams import Address, Datagrams
from zentalk.net.memory_datagrams import DatagramNetwork, MemoryDatagrams
from zentalk.net.multicast import GROUP_PORT, LocalGroup
from zentalk.wire.beacon import BEACON, NEAR_OFFER


class House:
    """One local network. While `is_open` is not set nothing goes through it."""

    def __init__(self) -> None:
        self.net = DatagramNetwork()
        self.net.on_send = self._look
        self.is_open = True
        self.sent: list[tuple[Address, Address, bytes]] = []
        self.members: list[HouseGroup] = []
        self.bound: list[str] = []
        self.joined: list[str] = []
        self.fault: OSError | None = None

    def binds(self, host: str) -> Callable[[], Awaitable[Datagrams]]:
        """Return what binds the port for direct connections of a machine."""

        async def bind() -> Datagrams:
            await trio.lowlevel.checkpoint()
            self.bound.append(host)
            return self.net.bind(host)

        return bind

    def joins(self, host: str) -> Callable[[], Awaitable[Sequence[LocalGroup]]]:
        """Return what joins the group of the house."""

        async def join() -> Sequence[LocalGroup]:
            await trio.lowlevel.checkpoint()
            if self.fault is not None:
                raise self.fault
            self.joined.append(host)
            group = HouseGroup(self, self.net.bind(host, GROUP_PORT))
            self.members.append(group)
            return [group]

        return join

    def leave(self) -> None:
        """Let nothing be left of programs that were killed."""
        for member in list(self.members):
            member.leave()

    @property
    def beacons(self) -> list[tuple[Address, Address, bytes]]:
        """What was sent to the group, once for each member."""
        return [one for one in self.sent if one[2][0] == BEACON]

    @property
    def offers(self) -> list[tuple[Address, Address, bytes]]:
        """What was sent without a relay."""
        return [one for one in self.sent if one[2][0] == NEAR_OFFER]

    def _look(self, source: Address, target: Address, data: bytes) -> bool:
        self.sent.append((source, target, data))
        return self.is_open


class HouseGroup:
    """All machines of a house: satisfies `LocalGroup`. Programs on one machine hear each other."""

    def __init__(self, house: House, port: MemoryDatagrams) -> None:
        self._house = house
        self._port = port

    @property
    def host(self) -> str:
        return self._port.address[0]

    def own_addresses(self) -> list[str]:
        return [self.host]

    async def send(self, data: bytes, own: str) -> None:
        assert own == self.host
        for member in self._house.members:
            await self._port.send(data, (member.host, GROUP_PORT))

    async def receive(self) -> tuple[bytes, Address]:
        return await self._port.receive()

    async def aclose(self) -> None:
        self.leave()
        await self._port.aclose()

    def leave(self) -> None:
        if self in self._house.members:
            self._house.members.remove(self)
