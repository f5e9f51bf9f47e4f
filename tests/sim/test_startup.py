"""The order in which a network starts."""

from collections.abc import Sequence
from typing import NamedTuple

import pytest
import trio

from zentalk.sim.startup import STARTS_AT_ONCE, start_all


class Relay(NamedTuple):
    uri: str
    bootstraps: tuple[str, ...]


async def test_each_relay_knows_those_that_run(autojump_clock: trio.testing.MockClock) -> None:
    at_once, most, told = 0, 0, []

    async def relay(index: int, bootstraps: Sequence[str]) -> Relay:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        # Later ones are quicker: the result is in order all the same.
        await trio.sleep(100 - index)
        at_once -= 1
        return Relay(f"uri-{index}", tuple(bootstraps))

    async def person(index: int, bootstraps: Sequence[str]) -> tuple[int, tuple[str, ...]]:
        return index, tuple(bootstraps)

    relays, people = await start_all(30, 3, relay, person, lambda *up: told.append(up))
    assert [item.uri for item in relays] == [f"uri-{index}" for index in range(30)]
    first, three = ("uri-0",), ("uri-0", "uri-1", "uri-2")
    assert [item.bootstraps for item in relays] == [(), first, first] + [three] * 27
    assert people == [(index, three) for index in range(3)]
    assert most == STARTS_AT_ONCE
    assert told == [(n, 0) for n in range(1, 31)] + [(30, n) for n in range(1, 4)]


async def test_one_that_cannot_start_ends_the_start(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def relay(index: int, bootstraps: Sequence[str]) -> Relay:
        if index == 4:
            raise ValueError(index)
        await trio.sleep(1)
        return Relay("uri", ())

    async def person(index: int, bootstraps: Sequence[str]) -> None:
        raise AssertionError("nobody comes into half a network")

    with pytest.RaisesGroup(ValueError):
        await start_all(9, 2, relay, person, lambda *_: None)
