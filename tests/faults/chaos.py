"""Somebody who kills programs at a steady pace and starts them again.

Draws from a seed which one is killed next; when exactly is up to the machine.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from zentalk.sim.processes import ProcessNetwork, ProcessRelay, ProcessUser

LEAST_RUNNING_RELAYS: Final = 3


class Chaos:
    """Kills one program after the other; each is started again at once."""

    def __init__(self, network: ProcessNetwork, seed: int, every_seconds: float) -> None:
        self.kills = 0
        self._network = network
        self._random = random.Random(seed)  # repeatable, not secret
        self._every_seconds = every_seconds
        self._down: set[str] = set()

    async def kill_relays(self) -> None:
        """Kill a random running relay every so often, until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                await trio.sleep(self._every_seconds)
                running = [r for r in self._network.relays if r.name not in self._down]
                if len(running) > LEAST_RUNNING_RELAYS:
                    nursery.start_soon(self._restart_relay, self._random.choice(running))

    async def kill_users(self) -> None:
        """Kill a random running API node every so often, until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                await trio.sleep(self._every_seconds)
                running = [u for u in self._network.users if u.name not in self._down]
                if running:
                    nursery.start_soon(self._restart_user, self._random.choice(running))

    async def _restart_relay(self, relay: ProcessRelay) -> None:
        async def start() -> None:
            await relay.start(self._network.nursery)

        await self._restart(relay.name, relay.kill, start)

    async def _restart_user(self, user: ProcessUser) -> None:
        await self._restart(user.name, user.kill, user.start)

    async def _restart(
        self, name: str, kill: Callable[[], Awaitable[None]], start: Callable[[], Awaitable[None]]
    ) -> None:
        """Kill and start again; what was killed comes back also after the chaos."""
        self._down.add(name)
        self.kills += 1
        with trio.CancelScope(shield=True):
            await kill()
            await start()
        self._down.discard(name)
