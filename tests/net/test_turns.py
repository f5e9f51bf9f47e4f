"""K18: many links that bring work never keep the others waiting for longer than a round."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio

from zentalk.net.turns import QUANTUM, LinkTurn, Turns

CHUNK = QUANTUM - 6
"""Events of one read of 64 KiB, full of small packets."""
GREEDY = 40


class Readers:
    """Readers of links as a relay has them: each is woken, waits for its turn, and works."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.work: list[str] = []

    async def flood(self, name: str, turn: LinkTurn | None, events: int = CHUNK) -> None:
        while True:
            await trio.lowlevel.checkpoint()  # the next 64 KiB are there already
            if turn is not None:
                await turn.begin()
                turn.spent(events)
            self.work.append(name)

    async def waits(self, turn: LinkTurn | None, events: int = 1) -> int:
        """How many handfuls of others are done before one of ours."""
        before = len(self.work)
        await trio.lowlevel.checkpoint()
        if turn is not None:
            await turn.begin()
            turn.spent(events)
        return len(self.work) - before


async def longest_wait(readers: Readers, *, fair: bool, source: str | None) -> int:
    """Let 40 links flood, from one source or from 40, while another brings a packet at times."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(readers.turns.run)
        for number in range(GREEDY):
            key = source or f"source-{number}"
            turn = readers.turns.link(key) if fair else None
            nursery.start_soon(readers.flood, key, turn)
        honest = readers.turns.link("honest") if fair else None
        longest = 0
        for _ in range(20):
            for _ in range(7):
                await trio.lowlevel.checkpoint()
            longest = max(longest, await readers.waits(honest))
        nursery.cancel_scope.cancel()
    return longest


@pytest.mark.parametrize("source", ["one", None])
async def test_k18_an_occasional_packet_never_waits_for_floods(source: str | None) -> None:
    assert await longest_wait(Readers(), fair=True, source=source) <= 4


async def test_k18_control_without_turns_it_waits_for_every_flooding_link() -> None:
    assert await longest_wait(Readers(), fair=False, source="one") >= GREEDY


async def test_k18_a_busy_link_waits_one_round_at_most() -> None:
    """Two sources with ten links each, and a neighbour as busy as they."""
    readers = Readers()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(readers.turns.run)
        for name in ("a", "b") * 10:
            nursery.start_soon(readers.flood, name, readers.turns.link(name))
        nursery.start_soon(readers.flood, "mine", readers.turns.link("mine"))
        while len(readers.work) < 600:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    steady = readers.work[100:]
    own = [at for at, name in enumerate(steady) if name == "mine"]
    assert max(b - a for a, b in pairwise(own)) <= 8
    assert len(own) > len(steady) / 6


async def test_a_neighbours_link_weighs_more_than_one_source() -> None:
    readers = Readers()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(readers.turns.run)
        for number in range(4):
            nursery.start_soon(readers.flood, "client", readers.turns.link(number))
        neighbour = readers.turns.link("address")
        neighbour.move("relay", 8)
        nursery.start_soon(readers.flood, "relay", neighbour)
        while len(readers.work) < 600:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert readers.work.count("relay") > 1.5 * readers.work.count("client") / 4


async def test_who_spends_much_at_once_pays_it_back() -> None:
    readers = Readers()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(readers.turns.run)
        nursery.start_soon(readers.flood, "small", readers.turns.link("small"), QUANTUM)
        nursery.start_soon(readers.flood, "large", readers.turns.link("large"), 10 * QUANTUM)
        while len(readers.work) < 440:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert readers.work.count("small") > 3 * readers.work.count("large")


async def test_one_that_gives_up_waiting_leaves_nothing_behind() -> None:
    turns = Turns()  # nobody gives turns here
    turn, other = turns.link("a"), turns.link("a")
    turn.spent(QUANTUM)
    with trio.move_on_after(0):
        await turn.begin()
    assert not turns._groups["a"].waiting
    turn.leave()
    other.leave()
    assert not turns._groups
