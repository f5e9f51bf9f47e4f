"""K43: whoever opens all the links and streams that there are, and holds them."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from tests.strangers.ground import Ground
from tests.strangers.made_up_relays import hello, made_up
from zentalk.errors import LINK_FAULTS, RefusedError, TransportError
from zentalk.ids import NodeId
from zentalk.link.geometry import cell_bytes
from zentalk.net.connection import Connection

STREAMS_A_LINK = 8


async def relay_link(net: Ground, host: str, target: str, number: int) -> Connection:
    """Say hello as a relay that nobody has ever heard of."""
    own = made_up(net.network_id, number, host, 9001, net.runtime.wall())
    return await hello(net, target, own, number, host)


async def streams_to_the_relay(link: Connection, count: int) -> int:
    """Open streams that end at the relay, and say nothing on them; returns how many it took."""
    taken = 0
    for _ in range(count):
        try:
            await link.open_stream(None, cell_bytes(1))
        except (RefusedError, TransportError):
            break
        taken += 1
    return taken


async def flood(net: Ground, target: str, onward: NodeId, hosts: int, links: int) -> int:
    """Let ordinary clients open all the streams that their links may have."""
    taken = 0
    for number in range(hosts * links):
        try:
            client = await net.client(f"10.{number % hosts}.0.1", target)
            for _ in range(STREAMS_A_LINK):
                await client.open_stream(onward, cell_bytes(1))
                taken += 1
        except (*LINK_FAULTS, RefusedError):
            continue
    return taken


async def claims(net: Ground, target: str, relays: int) -> None:
    """Say hello as so many relays from one address, and open streams as each of them."""
    liars = [await relay_link(net, "192.0.2.1", target, number) for number in range(relays)]
    for liar in liars:
        await streams_to_the_relay(liar, STREAMS_A_LINK)


class Crowd:
    """Hosts that each hold a link to one relay, and tunnels through it to others.

    What is taken from them they open again, one tunnel of each host in every round.
    """

    def __init__(
        self, net: Ground, hosts: Sequence[str], tunnels: int, every_seconds: float
    ) -> None:
        self._net = net
        self._hosts = hosts
        self._tunnels = tunnels
        self._every_seconds = every_seconds
        self._links: dict[str, Connection] = {}
        self._held: dict[str, list[Connection]] = {host: [] for host in hosts}
        self.opened = 0

    @property
    def held(self) -> int:
        """How many tunnels stand."""
        return sum(not one.closed.is_set() for held in self._held.values() for one in held)

    async def run(self) -> None:
        """Take all at once, then go on for good."""
        await self._round(self._tunnels)
        while True:
            await trio.sleep(self._every_seconds)
            await self._round(1)

    async def _round(self, most: int) -> None:
        for number, host in enumerate(self._hosts):
            held = [one for one in self._held[host] if not one.closed.is_set()]
            self._held[host] = held
            for _ in range(min(most, self._tunnels - len(held))):
                try:
                    held.append(await self._open(number, host))
                except (*LINK_FAULTS, RefusedError):
                    break

    async def _open(self, number: int, host: str) -> Connection:
        names = sorted(self._net.relays)
        guard = names[number % len(names)]
        link = self._links.get(host)
        if link is None or link.closed.is_set():
            link = self._links[host] = await self._net.client(host, guard)
        self.opened += 1
        others = [name for name in names if name != guard]
        return await self._net.tunnel(link, [others[self.opened % len(others)]])
