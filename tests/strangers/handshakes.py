"""K54: whoever sends what others have said again, and comes back for more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack

import trio

from tests.strangers.ground import Ground
from tests.strangers.made_up_relays import many, tell
from zentalk.errors import LINK_FAULTS, RefusedError


async def recorded(net: Ground, host: str, target: str) -> bytes:
    """Record what a client sends first."""
    seen: list[bytes] = []
    before = net.memory.on_wire
    net.memory.on_wire = lambda source, _target, data: seen.append(data) if source == host else None
    await net.client(host, target)
    net.memory.on_wire = before
    return seen[0]


async def replayed(
    net: Ground, target: str, first: bytes, copies: int, host: str = "192.0.2.1"
) -> int:
    """Send a recorded first message again and again; returns how often it was answered."""
    uri = net.relays[target]
    answered = 0
    async with AsyncExitStack() as open_streams:
        for _ in range(copies):
            try:
                stream = await net.memory.host(host).dial(uri.host, uri.port)
                open_streams.push_async_callback(stream.aclose)
                await stream.send_all(first)
                with trio.move_on_after(0.05):
                    answered += bool(await stream.receive_some(4096))
            except (*LINK_FAULTS, trio.BrokenResourceError):
                continue  # it was not even admitted
    return answered


class HandshakeRepeater:
    """Records a handshake with each relay, and sends copies of it, from another host each time."""

    def __init__(
        self, net: Ground, hosts: Sequence[str], copies: int, every_seconds: float
    ) -> None:
        self._net = net
        self._hosts = hosts
        self._copies = copies
        self._every_seconds = every_seconds
        self.sent: Counter[str] = Counter()
        """Copies by relay, with those that were not even admitted."""

    async def run(self) -> None:
        """Go on for good."""
        net, turn = self._net, 0
        first = {name: await recorded(net, self._hosts[0], name) for name in sorted(net.relays)}
        while True:
            for name, message in first.items():
                turn += 1
                host = self._hosts[turn % len(self._hosts)]
                await replayed(net, name, message, self._copies, host)
                self.sent[name] += self._copies
            await trio.sleep(self._every_seconds)


async def bring_news_again(
    net: Ground, hosts: Sequence[str], count: int, every_seconds: float
) -> None:
    """Tell every relay of relays that do not exist, over a new connection every time."""
    turn = 0
    while True:
        for name in sorted(net.relays):
            turn += 1
            try:
                link = await net.client(hosts[turn % len(hosts)], name)
                tell(link, many(net.network_id, count, net.runtime.wall(), first=turn * count))
                await trio.sleep(1)
                link.close()
            except (*LINK_FAULTS, RefusedError):
                continue
        await trio.sleep(every_seconds)
