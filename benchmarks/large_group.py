"""What one text costs in a large group: its sender, all relays together, and each member.

Real nodes and relays in one process and virtual time, over cables of 25 ms. Bytes are all that a
host sends or gets, packets those that leave a node or are passed on by a relay. CPU is that of the
tasks of each host, on this machine. Everything less what the same hosts do in the same time while
nobody writes. How long it takes is virtual: a processor takes no time there.
"""

from __future__ import annotations

import functools
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

import trio
from trio.testing import MockClock

from benchmarks.rounds import Row
from zentalk.ids import GroupId, UserAddress
from zentalk.node.messages.groups.commands import GroupWish
from zentalk.node.node import Node
from zentalk.node.packets.sender import PacketSender
from zentalk.node.packets.waiting import OutboundPacket
from zentalk.sim.watched import HOST, WatchedNetwork, watched_network
from zentalk.store.history.groups import GroupStanding

MEMBERS: Final = 256
TEXTS: Final = 3
QUIET_SECONDS: Final = 200.0
"""Once all have it, until everything about a text is confirmed. Three of them are the ten minutes
after which nodes look after their mailboxes."""
PATIENCE_SECONDS: Final = 4 * 3_600.0
FAST, STRONG = "fast", "strong"


class Spent(NamedTuple):
    """CPU in milliseconds, bytes both ways and packets that some hosts have used in some time."""

    cpu: float
    size: float
    packets: float

    def less(self, idle: Spent, share: float) -> Spent:
        """Return what is left of it without what is used anyway."""
        return Spent(*(own - share * other for own, other in zip(self, idle, strict=True)))


class Meter(trio.abc.Instrument):
    """CPU seconds by host, and packets that have left each node."""

    def __init__(self) -> None:
        self.cpu: Counter[str] = Counter()
        self.packets: Counter[str] = Counter()
        self._began = 0.0

    def before_task_step(self, _task: trio.lowlevel.Task) -> None:
        self._began = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.cpu[task.context.get(HOST, "")] += time.thread_time() - self._began  # type: ignore[assignment]  # a Counter counts fractions too

    def count_packets(self) -> None:
        """Count the packets of all nodes from now on."""
        leave = PacketSender.leave

        def counted(sender: PacketSender, packet: OutboundPacket) -> bool:
            left = leave(sender, packet)
            self.packets[HOST.get()] += left
            return left

        setattr(PacketSender, "leave", counted)  # noqa: B010 - mypy takes no other method


def rows(members: int = MEMBERS) -> list[Row]:
    """Return what a text costs, and how long it takes in `strong`."""
    with tempfile.TemporaryDirectory() as folder:
        meter = Meter()
        meter.count_packets()
        clock = MockClock(autojump_threshold=0)
        run = functools.partial(measure, Path(folder), members, meter)
        return trio.run(run, clock=clock, instruments=[meter])


async def measure(folder: Path, members: int, meter: Meter) -> list[Row]:
    """Let everybody join whom the first one invites, and this one write: `fast`, then `strong`."""
    async with watched_network(folder, profile=FAST, people=members) as network:
        began = trio.current_time()
        group = await _found(network)
        made = trio.current_time() - began
        await trio.sleep(QUIET_SECONDS)
        first = await _say(network, group)
        idle = await _spent(network, meter, functools.partial(trio.sleep, TEXTS * QUIET_SECONDS))
        began = trio.current_time()
        spent = await _spent(network, meter, functools.partial(_talk, network, group))
        share = (trio.current_time() - began) / (TEXTS * QUIET_SECONDS)
        await network.change_profile(network.people[0], STRONG)
        later = await _say(network, group)
    return [
        _row(f"until {members} people have met and joined", made, "s"),
        _row("until the last member has a text", first, "s"),
        *_rows_of("its sender", spent[0].less(idle[0], share)),
        *_rows_of("all relays", spent[1].less(idle[1], share)),
        *_rows_of("a member", spent[2].less(idle[2], share)),
        _row(f"the same, of a sender in `{STRONG}`", later / 60, "min"),
    ]


async def _talk(network: WatchedNetwork, group: UserAddress) -> None:
    for _ in range(TEXTS):
        await _say(network, group)


def _rows_of(whose: str, spent: Spent) -> list[Row]:
    return [
        _row(f"one text, {whose}: CPU", spent.cpu / TEXTS, "ms"),
        _row(f"one text, {whose}: bytes", spent.size / TEXTS / 1024, "KiB"),
        _row(f"one text, {whose}: packets", spent.packets / TEXTS, ""),
    ]


async def _found(network: WatchedNetwork) -> UserAddress:
    """Let the first person meet all others, and found a group that they join."""
    host = network.people[0]
    founder, others = host.node, [one.node for one in network.people[1:]]
    for other in others:
        await founder.add_contact(other.address, "")
        await other.add_contact(founder.address, "")
        await network.say(host, other.address)
    row = await founder.groups.found(
        GroupWish("All", members=tuple(other.address for other in others))
    )
    for other in others:
        await _until(functools.partial(_stands, other, row.id))
        await other.groups.accept(row.id)
    for person in network.people:
        await _until(functools.partial(_all_joined, person.node, row.id, len(network.people)))
    return UserAddress(row.id)


async def _say(network: WatchedNetwork, group: UserAddress) -> float:
    """Let the first person write; return after how long the last member had it."""
    writer, *others = network.people
    had = [len(other.arrived_after) for other in others]

    async def all_have_it() -> bool:
        return all(len(one.arrived_after) > count for one, count in zip(others, had, strict=True))

    await network.say(writer, group)
    await _until(all_have_it)
    await trio.sleep(QUIET_SECONDS)
    return max(one.arrived_after[-1] for one in others)


async def _stands(node: Node, group: GroupId) -> bool:
    found = [one for one in await node.groups.every() if one.id == group]
    return bool(found) and found[0].stands is GroupStanding.INVITED


async def _all_joined(node: Node, group: GroupId, people: int) -> bool:
    members = (await node.groups.get(group)).view["members"]
    return len([one for one in members if one["status"] == "joined"]) == people


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    with trio.fail_after(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - it is many nodes that this looks at
            await trio.sleep(1.0)


async def _spent(
    network: WatchedNetwork, meter: Meter, job: Callable[[], Awaitable[None]]
) -> tuple[Spent, Spent, Spent]:
    """Return what the writer, all relays, and each other member on average use while a job runs."""
    network.look_anew()
    meter.cpu.clear()
    meter.packets.clear()
    carried = sum(one.stats().forwarded + one.stats().delivered for one in network.relays)
    await job()
    carried = sum(one.stats().forwarded + one.stats().delivered for one in network.relays) - carried
    writer, *others = [
        Spent(
            meter.cpu[person.name] * 1e3,
            person.bytes_out + person.bytes_in,
            meter.packets[person.name],
        )
        for person in network.people
    ]
    people = {person.name for person in network.people}
    relays = Spent(
        sum(value for host, value in meter.cpu.items() if host and host not in people) * 1e3,
        sum(value for host, value in network.bytes_sent.items() if host not in people),
        carried,
    )
    member = Spent(*(statistics.mean(column) for column in zip(*others, strict=True)))
    return writer, relays, member


def _row(name: str, value: float, unit: str) -> Row:
    return {"name": name, "value": value, "unit": unit, "target": None}
