"""The workload of a run: people write to each other, and things go wrong meanwhile.

Messages go round: person k writes to the next one, and every second message goes back.
Phases: all online; then the last person's node is killed, relays die and the first
person moves to another entry while messages go on; then everybody is back. Nothing is
taken from a relay's word: `Ledger` compares what was written with what people see.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

import trio

from zentalk.errors import ZentalkError
from zentalk.sim.ledger import Ledger, Shown, Times, Verdict
from zentalk.sim.network import SimNetwork, SimRelay
from zentalk.sim.scenario import Scenario

PATIENCE_SECONDS: Final = 120.0
"""After this long without an arrival a run stops waiting and counts missing messages as lost."""
QUIET_SECONDS: Final = 10.0
"""The longest wait for acks and confirmations after the last message."""
POLL_SECONDS: Final = 0.2
SEND_RETRY_SECONDS: Final = 0.25
PINNED_ENTRIES: Final = 2


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run, for the display."""

    phase: str
    relays_running: int
    users_running: int
    sent: int = 0
    delivered: int = 0


@dataclass(slots=True)
class WorkloadResult:
    """The findings of a workload; latencies in seconds."""

    verdict: Verdict
    latencies: list[float]
    disturbed_latencies: list[float]
    unit_sizes: set[int] = field(default_factory=set)
    killed: tuple[str, ...] = ()
    envelopes_left: int = 0
    faults: tuple[str, ...] = ()


class Workload:
    """One run of a scenario over a network that is up."""

    def __init__(
        self, scenario: Scenario, network: SimNetwork, watch: Callable[[Progress], None]
    ) -> None:
        self._scenario = scenario
        self._network = network
        self._users = network.users
        self._watch = watch
        self._random = random.Random(scenario.seed)  # noqa: S311  # repeatable, not secret
        self._ledger = Ledger(scenario.text_bytes)
        self._phase = "adding contacts"
        self._calm = True
        self._killed: list[str] = []
        self._online = [True] * len(network.users)
        self._slots = trio.Semaphore(scenario.in_flight)
        self._arrival = trio.Event()

    async def run(self) -> WorkloadResult:
        """Run all phases; return once everything arrived or patience is over."""
        async with trio.open_nursery() as nursery:
            for index in range(len(self._users)):
                nursery.start_soon(self._listen, index)
            nursery.start_soon(self._report_progress)
            await self._meet()
            await self._phases()
            await self._settle()
            nursery.cancel_scope.cancel()
        histories = await self._histories()
        outcome = WorkloadResult(
            verdict=self._ledger.judge(histories),
            latencies=self._ledger.latencies("calm"),
            disturbed_latencies=self._ledger.latencies("disturbed"),
            killed=tuple(self._killed),
            envelopes_left=await self._envelopes_left(),
            faults=tuple(self._ledger.faults(histories)),
        )
        for user in self._users:
            outcome.unit_sizes |= await user.unit_sizes()
        self._tell()
        return outcome

    def _pairs(self) -> list[tuple[int, int]]:
        """Return everybody with each neighbour in the circle."""
        count = len(self._users)
        steps = (1, count - 1) if count > 2 else (1,)  # of two, each has one
        return [(index, (index + step) % count) for index in range(count) for step in steps]

    async def _meet(self) -> None:
        for index, other in self._pairs():
            await self._users[index].add_contact(
                self._users[other].address, self._users[other].name
            )

    async def _phases(self) -> None:
        scenario = self._scenario
        disturbed = scenario.offline or scenario.switch or scenario.killed
        first = scenario.messages * 2 // 5 if disturbed else scenario.messages
        second = first + scenario.messages * 3 // 10
        self._phase = "everybody online"
        await self._send_range(0, first)
        if not disturbed:
            return
        self._calm = False
        away = len(self._users) - 1
        if scenario.offline:
            self._phase = f"{self._users[away].name} is away"
            self._online[away] = False
            self._arrived()
            await self._users[away].stop()
        await _together(self._send_range(first, second), self._disturb())
        if scenario.offline:
            self._phase = f"{self._users[away].name} comes back"
            await self._users[away].start()
            self._online[away] = True
        self._phase = "everybody back"
        await self._send_range(second, scenario.messages)

    async def _disturb(self) -> None:
        """Relays die, and the first person moves to other entries, while messages fly."""
        if self._scenario.kill_entry:
            entries = await self._users[0].entries()
            await self._kill([relay for relay in self._living() if relay.uri in entries[:1]])
        await self._kill(self._random.sample(self._living(), self._scenario.kill_relays))
        if self._scenario.switch:
            await self._switch_entries()

    def _living(self) -> list[SimRelay]:
        return [relay for relay in self._network.relays if relay.name not in self._killed]

    async def _kill(self, relays: list[SimRelay]) -> None:
        for relay in relays:
            self._killed.append(relay.name)
            await relay.kill()

    async def _switch_entries(self) -> None:
        """The first person stops, pins other living relays as entries, and goes on.

        One is new; a second is kept or new: a node reaches no mailbox at its only entry.
        """
        user = self._users[0]
        entries = await user.entries()
        living = self._random.sample(self._living(), len(self._living()))
        fresh = [relay.uri for relay in living if relay.uri not in entries]
        others = [relay.uri for relay in living if relay.uri in entries]
        await user.stop()
        await user.use_entries([*fresh, *others][:PINNED_ENTRIES])
        await user.start()

    async def _send_range(self, start: int, stop: int) -> None:
        """Send messages; return once all arrived whose recipients are there."""
        lanes: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for number in range(start, stop):
            sender, recipient = self._parties(number)
            lanes[sender].append((number, recipient))
        async with trio.open_nursery() as nursery:
            for sender, lane in lanes.items():
                nursery.start_soon(self._write_lane, nursery, sender, lane)

    def _parties(self, number: int) -> tuple[int, int]:
        count = len(self._users)
        sender = (number // 2) % count
        recipient = (sender + 1) % count
        if number % 2:
            sender, recipient = recipient, sender
        if not self._online[sender]:
            sender, recipient = recipient, sender
        return sender, recipient

    async def _write_lane(
        self, waiters: trio.Nursery, sender: int, lane: list[tuple[int, int]]
    ) -> None:
        """One person writes one message after the other: their order is then defined."""
        for number, recipient in lane:
            await self._slots.acquire()
            if not await self._write(number, sender, recipient):
                self._slots.release()
                return
            waiters.start_soon(self._hold_slot, number, recipient)

    async def _write(self, number: int, sender: int, recipient: int) -> bool:
        """Hand a message to the sender's node, again until it is taken; False if never.

        The key makes a repetition harmless whose first try was taken after all.
        """
        times: Times = "calm" if self._calm else "disturbed"
        if not self._online[recipient]:
            times = "absent"
        entry = self._ledger.write(number, sender, recipient, trio.current_time(), times)
        address = self._users[recipient].address
        with trio.move_on_after(PATIENCE_SECONDS):
            while True:
                try:
                    taken = await self._users[sender].send(address, entry.text, f"n{number}")
                except ZentalkError:
                    await trio.sleep(SEND_RETRY_SECONDS)
                else:
                    self._ledger.accepted(number, taken)
                    return True
        return False

    async def _hold_slot(self, number: int, recipient: int) -> None:
        while self._online[recipient] and self._ledger.waiting(number):
            if not await self._some_arrival():
                break
        self._slots.release()

    async def _some_arrival(self) -> bool:
        """Wait for any message to arrive; False if none did for a long time."""
        with trio.move_on_after(PATIENCE_SECONDS) as patience:
            await self._arrival.wait()
        return not patience.cancelled_caught

    def _arrived(self) -> None:
        self._arrival.set()
        self._arrival = trio.Event()

    async def _listen(self, index: int) -> None:
        """Read one person's event log for ever, over restarts."""
        after = 0
        while True:
            try:
                after, messages = await self._users[index].received(after)
            except ZentalkError:
                await trio.sleep(POLL_SECONDS)
                continue
            now = trio.current_time()
            for message in messages:
                self._ledger.noticed(index, message.id, message.text, now)
            if messages:
                self._arrived()

    async def _settle(self) -> None:
        self._phase = "waiting for the last ones"
        while self._ledger.arrived < self._ledger.sent:
            if not await self._some_arrival():
                break
        self._phase = "waiting for acks and confirmations"
        with trio.move_on_after(QUIET_SECONDS):
            while not await self._is_quiet():  # noqa: ASYNC110  # other processes set no event
                await trio.sleep(POLL_SECONDS)

    async def _is_quiet(self) -> bool:
        """Tell whether relays hold nothing and every sender knows what arrived.

        A confirmation that was lost with a dead relay is not repeated for a long time.
        """
        if await self._envelopes_left():
            return False
        try:
            histories = await self._histories()
        except ZentalkError:
            return False  # Somebody's node was killed just before the end and is coming back.
        verdict = self._ledger.judge(histories)
        return verdict.confirmed >= verdict.delivered

    async def _histories(self) -> list[tuple[int, int, list[Shown]]]:
        return [
            (owner, partner, await self._users[owner].history(self._users[partner].address))
            for owner, partner in self._pairs()
        ]

    async def _envelopes_left(self) -> int:
        """Count what lies at living relays."""
        return sum([await relay.envelopes_on_disk() for relay in self._living()])

    async def _report_progress(self) -> None:
        while True:
            self._tell()
            await trio.sleep(POLL_SECONDS)

    def _tell(self) -> None:
        self._watch(
            Progress(
                phase=self._phase,
                relays_running=len(self._living()),
                users_running=sum(self._online),
                sent=self._ledger.sent,
                delivered=self._ledger.arrived,
            )
        )


async def _together(*jobs: Coroutine[Any, Any, None]) -> None:
    async def run(job: Coroutine[Any, Any, None]) -> None:
        await job

    async with trio.open_nursery() as nursery:
        for job in jobs:
            nursery.start_soon(run, job)
