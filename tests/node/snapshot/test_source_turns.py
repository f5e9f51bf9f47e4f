"""Turns of sources: one at a time, and a slow one gives up its turn to the next alone."""

import trio
from trio.testing import MockClock

from zentalk.node.snapshot.source_turns import TURN_SECONDS, SourceTurns


class Line:
    """Notes when each of those in line begins."""

    def __init__(self) -> None:
        self.turns = SourceTurns()
        self.began: dict[str, float] = {}

    async def take(self, name: str, seconds: float) -> None:
        async with self.turns.turn():
            self.began[name] = trio.current_time()
            await trio.sleep(seconds)

    async def run(self, **lasting: float) -> dict[str, float]:
        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            for name, seconds in lasting.items():
                nursery.start_soon(self.take, name, seconds)
                await trio.testing.wait_all_tasks_blocked()
        return {name: at - start for name, at in self.began.items()}


async def test_the_next_begins_when_the_one_before_is_done(autojump_clock: MockClock) -> None:
    assert await Line().run(a=1, b=2, c=1) == {"a": 0, "b": 1, "c": 3}


async def test_a_slow_one_loses_its_turn_to_one_only(autojump_clock: MockClock) -> None:
    began = await Line().run(a=100, b=1, c=1)
    assert began == {"a": 0, "b": TURN_SECONDS, "c": TURN_SECONDS + 1}


async def test_several_slow_ones_cost_a_turn_each(autojump_clock: MockClock) -> None:
    began = await Line().run(a=100, b=100, c=1)
    assert began == {"a": 0, "b": TURN_SECONDS, "c": 2 * TURN_SECONDS}


async def test_who_leaves_the_line_holds_up_nobody(autojump_clock: MockClock) -> None:
    line = Line()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.take, "a", 3)
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(1):
            await line.take("left", 1)
        await line.take("b", 1)
    assert line.began == {"a": 0, "b": 3}


async def test_an_empty_line_takes_no_time(autojump_clock: MockClock) -> None:
    line = Line()
    for name in ("a", "b"):
        await line.take(name, 1)
    assert line.began == {"a": 0, "b": 1}
