"""When what others told is probed: not while the machine is busy with other things."""

from __future__ import annotations

import dataclasses

import trio
from trio.testing import MockClock

from tests.directory.support import WALL, descriptor
from zentalk.directory.observations import AddressRules, ObservedRelays
from zentalk.directory.waiting_pool import WaitingDescriptor
from zentalk.net.runtime import Runtime
from zentalk.relay.observing.observer import BUSY_SECONDS, PATIENCE_SECONDS, Observer
from zentalk.relay.observing.observing import Observing
from zentalk.wire.text import RelayUri

TOLD, SHOWED_ITSELF = descriptor(1), descriptor(2, host="[2001:db8::7]")


class Machine:
    """A prober that nobody answers, on a machine that may be busy: looks at its clock say so."""

    def __init__(self, *, busy: bool) -> None:
        self.busy = busy
        self.probed: dict[RelayUri, float] = {}
        self._looks = 0

    def monotonic(self) -> float:
        self._looks += self.busy
        return trio.current_time() + 2 * BUSY_SECONDS * self._looks

    async def resolve(self, uri: RelayUri) -> str:
        await trio.lowlevel.checkpoint()
        return uri.host

    async def reaches(self, uri: RelayUri, _address: str) -> bool:
        await trio.lowlevel.checkpoint()
        self.probed.setdefault(uri, trio.current_time())
        return False

    def reached_at(self, uri: RelayUri, address: str) -> None:
        raise AssertionError("nobody answers")


async def probes_within(machine: Machine, seconds: float) -> dict[RelayUri, float]:
    """Return who was probed, and how long after the start."""
    runtime = dataclasses.replace(Runtime.virtual(1, WALL), monotonic=machine.monotonic)
    observed = ObservedRelays(descriptor(0).node_id, AddressRules())
    observing = Observing(runtime, "local", observed)
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Observer(runtime, machine, observing, machine).run)
        observing.wait(WaitingDescriptor(TOLD), 10)
        observing.wait(WaitingDescriptor(SHOWED_ITSELF, said_hello=True), 10)
        await trio.sleep(seconds)
        nursery.cancel_scope.cancel()
    return {uri: at - began for uri, at in machine.probed.items()}


async def test_on_an_idle_machine_what_was_told_is_probed_at_once(
    autojump_clock: MockClock,
) -> None:
    probed = await probes_within(Machine(busy=False), 2)
    assert probed.keys() == {TOLD.uri, SHOWED_ITSELF.uri}


async def test_what_was_told_gives_way_on_a_busy_machine_and_a_hello_does_not(
    autojump_clock: MockClock,
) -> None:
    probed = await probes_within(Machine(busy=True), PATIENCE_SECONDS / 2)
    assert probed.keys() == {SHOWED_ITSELF.uri}


async def test_a_machine_that_is_always_busy_probes_what_was_told_all_the_same(
    autojump_clock: MockClock,
) -> None:
    probed = await probes_within(Machine(busy=True), 2 * PATIENCE_SECONDS)
    assert TOLD.uri in probed


async def test_what_was_told_is_probed_once_the_machine_is_idle_again(
    autojump_clock: MockClock,
) -> None:
    machine = Machine(busy=True)
    async with trio.open_nursery() as nursery:

        async def rest() -> None:
            await trio.sleep(20)
            machine.busy = False

        nursery.start_soon(rest)
        probed = await probes_within(machine, 60)
    assert 20 <= probed[TOLD.uri] <= 25
