"""When what a relay has learned is on its disk: soon enough for one that is killed at its start."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.relay.harness import World, table_rows, world
from zentalk.directory.observations import Observation
from zentalk.relay.directory.persistence import NewsWriter
from zentalk.relay.directory.service import SOON_SECONDS, TICK_SECONDS
from zentalk.store.directory_store import FILE_NAME

LEARNED_SECONDS = TICK_SECONDS + SOON_SECONDS + 0.5
"""In the middle between two writes of what can wait."""


async def kept_of_the_second_relay(net: World) -> tuple[int, int]:
    """Start two relays; return how many descriptors and observations r1 has written of r2.

    Right after it reached r2 for the first time.
    """
    r1 = await net.start("r1")
    await trio.sleep(LEARNED_SECONDS)
    r2 = await net.start("r2")
    known = r1.relay.wiring.directory.state.known
    while known.descriptor_of(r2.node_id) is None:  # noqa: ASYNC110 - nobody is told
        await trio.sleep(0.01)
    await trio.sleep(0.1)
    rows = table_rows(net.folder("r1") / FILE_NAME)
    descriptors, observations = (
        sum(row[0] == r2.node_id for row in rows[table]) for table in ("descriptor", "observation")
    )
    return descriptors, observations


async def test_who_was_reached_for_the_first_time_is_written_at_once(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        assert await kept_of_the_second_relay(net) == (1, 1)


async def test_control_written_at_the_usual_times_a_relay_that_is_killed_knows_nobody(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = NewsWriter.note_observation

    def at_leisure(self: NewsWriter, found: Observation, *, is_first: bool) -> None:
        note(self, found, is_first=False)

    monkeypatch.setattr(NewsWriter, "note_observation", at_leisure)
    async with world(tmp_path) as net:
        assert await kept_of_the_second_relay(net) == (0, 0)


async def test_however_many_are_reached_it_writes_once_a_second_and_all_in_the_end(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: dict[NewsWriter, list[float]] = {}
    write = NewsWriter._write_now

    def counting(self: NewsWriter, *news: Any) -> None:
        written.setdefault(self, []).append(trio.current_time())
        write(self, *news)

    monkeypatch.setattr(NewsWriter, "_write_now", counting)
    async with world(tmp_path) as net:
        await net.start("r1")
        names = [f"r{number}" for number in range(2, 10)]
        for name in names:
            await net.start(name)
        await net.settle(len(net.relays))
        await trio.sleep(2 * SOON_SECONDS)
        rows = table_rows(net.folder("r1") / FILE_NAME)["observation"]
        assert len({row[0] for row in rows}) == len(names)
        times = written[net.relays["r1"].relay.wiring.directory._tasks.news]
        assert len(times) > 1
        assert all(later - at >= SOON_SECONDS for at, later in pairwise(times))
