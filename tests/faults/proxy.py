"""A TCP proxy that is a bad line: slow, uneven, cut in the middle of a record, dead but open.

It stands between real programs and knows nothing of what it carries. Each fault can be
switched on and off while it runs.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio

_CHUNK = 16 * 1024
_IN_FLIGHT = 256
"""Chunks that are under way in one direction while they are delayed."""
_FAULTS = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)


class _Pair:
    """One connection through the proxy: both of its streams, and what is wrong with it."""

    def __init__(self, near: trio.SocketStream, far: trio.SocketStream) -> None:
        self.streams = (near, far)
        self.is_dead = False
        self.is_cut = False
        self.scope = trio.CancelScope()


class Proxy:
    """Forwards one port to another. `delay_seconds` and `jitter_seconds` may change at any time.

    Chunks are delayed by `delay_seconds` and up to `jitter_seconds` more, and never overtake
    each other.
    """

    def __init__(self, listener: trio.SocketListener, target: tuple[str, int], seed: int) -> None:
        self.port: int = listener.socket.getsockname()[1]
        self.delay_seconds = 0.0
        self.jitter_seconds = 0.0
        self.connections = 0
        self._listener = listener
        self._target = target
        self._random = random.Random(seed)
        self._pairs: set[_Pair] = set()
        self._flows = trio.Event()
        self._flows.set()

    @classmethod
    async def listen(cls, target: tuple[str, int], seed: int = 0) -> Proxy:
        """Make a proxy to a port of this machine, on a free port of its own."""
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        return cls(listener, target, seed)

    async def run(self) -> None:
        """Forward until cancelled."""
        await trio.serve_listeners(self._serve, [self._listener])

    def cut(self) -> None:
        """End every connection of this moment after half of the next piece that it carries."""
        for pair in self._pairs:
            pair.is_cut = True

    def half_open(self) -> None:
        """Let every connection of this moment swallow all that is sent, without ending it."""
        for pair in self._pairs:
            pair.is_dead = True

    def stall(self) -> None:
        """Take nothing more from anybody; who sends is held up."""
        self._flows = trio.Event()

    def flow(self) -> None:
        """Go on after `stall`."""
        self._flows.set()

    async def _serve(self, near: trio.SocketStream) -> None:
        self.connections += 1
        try:
            far = await trio.open_tcp_stream(*self._target)
        except OSError:
            await trio.aclose_forcefully(near)
            return
        pair = _Pair(near, far)
        self._pairs.add(pair)
        try:
            with pair.scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._forward, pair, near, far)
                    nursery.start_soon(self._forward, pair, far, near)
        finally:
            self._pairs.discard(pair)
            for stream in pair.streams:
                with trio.CancelScope(shield=True):
                    await trio.aclose_forcefully(stream)

    async def _forward(
        self, pair: _Pair, source: trio.SocketStream, sink: trio.SocketStream
    ) -> None:
        """Read one direction into a queue with due times; a second task writes it out."""
        put, take = trio.open_memory_channel[tuple[float, bytes]](_IN_FLIGHT)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write, pair, take, sink)
            await self._read(pair, source, put)

    async def _read(
        self,
        pair: _Pair,
        source: trio.SocketStream,
        put: trio.MemorySendChannel[tuple[float, bytes]],
    ) -> None:
        due = 0.0
        with suppress(*_FAULTS):
            while True:
                await self._flows.wait()
                data = await source.receive_some(_CHUNK)
                jitter = self._random.random() * self.jitter_seconds
                due = max(due, trio.current_time() + self.delay_seconds + jitter)
                if not pair.is_dead:
                    await put.send((due, data))
                if not data:
                    if pair.is_dead:
                        break
                    return
        pair.scope.cancel()

    async def _write(
        self,
        pair: _Pair,
        take: trio.MemoryReceiveChannel[tuple[float, bytes]],
        sink: trio.SocketStream,
    ) -> None:
        with suppress(*_FAULTS):
            async for due, data in take:
                await trio.sleep_until(due)
                await self._flows.wait()
                if pair.is_dead:
                    continue
                if pair.is_cut:
                    await sink.send_all(data[: len(data) // 2])
                    break
                if not data:
                    break
                await sink.send_all(data)
        if not pair.is_dead:
            pair.scope.cancel()


Trouble = Callable[[list[Proxy], random.Random], Awaitable[None]]


async def delays(proxies: list[Proxy], _chance: random.Random) -> None:
    """Every line takes 200 ms and up to 100 ms more, in both directions."""
    for proxy in proxies:
        proxy.delay_seconds, proxy.jitter_seconds = 0.2, 0.1
    await trio.sleep_forever()


async def cuts(proxies: list[Proxy], chance: random.Random) -> None:
    """Every second all connections of one relay are cut within a record."""
    while True:
        await trio.sleep(1)
        chance.choice(proxies).cut()


async def half_opens(proxies: list[Proxy], chance: random.Random) -> None:
    """Every half minute all connections of one relay die without anybody being told."""
    while True:
        await trio.sleep(2)
        chance.choice(proxies).half_open()
        await trio.sleep(28)


async def stalls(proxies: list[Proxy], chance: random.Random) -> None:
    """Every four seconds the lines of one relay stand still for three."""
    while True:
        await trio.sleep(1)
        proxy = chance.choice(proxies)
        proxy.stall()
        await trio.sleep(3)
        proxy.flow()


TROUBLES: dict[str, Trouble] = {
    "delays": delays,
    "cuts": cuts,
    "half-opens": half_opens,
    "stalls": stalls,
}
