"""The order in which a network starts, for nodes of either kind.

The first relay starts alone, two more know only that one, all others know these three.
People come last, so that a network is there when they look for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

import trio

from zentalk.sim.folders import MOST_BOOTSTRAPS

STARTS_AT_ONCE: Final = 8


class HasUri(Protocol):
    """A started relay."""

    @property
    def uri(self) -> str:
        """The URI under which it is reached."""
        ...


R = TypeVar("R", bound=HasUri)
U = TypeVar("U")
T = TypeVar("T")
Told = Callable[[int, int], None]
"""Gets how many relays and how many people run by now."""


async def start_all(
    nodes: int,
    users: int,
    start_relay: Callable[[int, Sequence[str]], Awaitable[R]],
    start_user: Callable[[int, Sequence[str]], Awaitable[U]],
    told: Told,
) -> tuple[list[R], list[U]]:
    """Start everything; both functions get an index and relay URIs to bootstrap from.

    Raises what they raise.
    """
    relays: list[R] = []
    people: list[U] = []

    def bootstraps() -> list[str]:
        return [relay.uri for relay in relays[:MOST_BOOTSTRAPS]]

    async def next_relay(index: int) -> R:
        return await start_relay(index, bootstraps())

    for group in (range(1), range(1, MOST_BOOTSTRAPS), range(MOST_BOOTSTRAPS, nodes)):
        relays += await _start_group(group, next_relay, partial(_told_relays, told, len(relays)))
    people += await _start_group(
        range(users), lambda index: start_user(index, bootstraps()), lambda up: told(nodes, up)
    )
    return relays, people


def _told_relays(told: Told, before: int, up: int) -> None:
    told(before + up, 0)


async def _start_group(
    indexes: Iterable[int], start: Callable[[int], Awaitable[T]], told: Callable[[int], None]
) -> list[T]:
    """Start some at a time; return them by index."""
    started: dict[int, T] = {}
    slots = trio.Semaphore(STARTS_AT_ONCE)

    async def one(index: int) -> None:
        async with slots:
            started[index] = await start(index)
        told(len(started))

    async with trio.open_nursery() as nursery:
        for index in indexes:
            nursery.start_soon(one, index)
    return [started[index] for index in sorted(started)]
