"""The network that is measured: whose bytes and tasks are whose, and a node that starts again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock as Clock

from zentalk.sim.watched import HOST, watched_network

pytestmark = pytest.mark.e2e


class Tasks(trio.abc.Instrument):
    """Counts the steps of each host's tasks."""

    def __init__(self) -> None:
        self.steps: Counter[str] = Counter()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.steps[task.context.get(HOST, "")] += 1


async def test_bytes_and_tasks_are_those_of_a_host_also_after_another_profile(
    tmp_path: Path, autojump_clock: Clock
) -> None:
    tasks = Tasks()
    async with watched_network(tmp_path, profile="fast", people=2, relays=4) as network:
        writer, reader = network.people
        before = writer.node
        await network.change_profile(writer, "balanced")
        assert writer.node is not before
        assert writer.node.status().profile == "balanced"
        network.look_anew()
        trio.lowlevel.add_instrument(tasks)
        await network.write(writer)
        await trio.sleep(60)
        trio.lowlevel.remove_instrument(tasks)
        assert len(reader.arrived_after) == 1
        hosts = {"p0", "p1", "r0", "r1", "r2", "r3"}
        assert set(network.bytes_sent) == hosts
        assert set(tasks.steps) == hosts | {""}
        assert network.bytes_sent["p0"] == writer.bytes_out
        assert HOST.get() == ""
