"""K18 as a promise of the whole program: a crowd at the relay that everybody enters by.

Relays and people have the settings that they come with. The crowd takes all
that the relay has for its 4,096 connections, from a hundred addresses: half of them handshakes that
never end, half links that are never idle, and what it loses it takes again within two seconds. It
holds places in the relay without the tasks and bytes of a connection; the people's links are real.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.config import RelaySettings
from zentalk.relay.links.admission import Admission, ConnectionSlot

pytestmark = pytest.mark.e2e

HUNDRED = [f"{20 + number % 10}.{number}.7.1" for number in range(100)]
"""A hundred IPv4 addresses, each in a /16 of its own."""
ONE_48 = [f"2001:db8:7:{number:x}::1" for number in range(64)]
EACH = 42
MESSAGES = 3
MOST_TIMES_SLOWER = 2.0
AGAIN_SECONDS = 2.0
ALICE, BOB, CAROL = "203.0.113.1", "203.0.113.2", "203.0.113.3"
"""People at addresses, as the relay counts by them."""


class BusyLink:
    """A client's link that was used just now, whenever it is asked."""

    is_clients = True
    may_be_evicted = True

    @property
    def last_used(self) -> float:
        return trio.current_time()


class Crowd:
    """Everybody who bothers the relay `r1`."""

    def __init__(self, world: World, addresses: Sequence[str]) -> None:
        self.admission = world.relays["r1"].wiring.capacity.admission
        self._outside = [address for address in addresses for _ in range(EACH)]
        self._held: dict[ConnectionSlot, None] = {}

    def __len__(self) -> int:
        return len(self._held)

    async def stay(self) -> None:
        """Take what can be had, again and again, until cancelled."""
        while True:
            wanted, self._outside = self._outside, []
            for number, address in enumerate(wanted):
                self._enter(address, opens=number % 2 == 0)
            await trio.sleep(AGAIN_SECONDS)

    def _enter(self, address: str, *, opens: bool) -> None:
        entered: list[ConnectionSlot] = []

        def leave() -> None:
            del self._held[entered[0]]
            self._outside.append(address)

        slot = self.admission.enter(address, leave)
        if isinstance(slot, str):
            self._outside.append(address)
            return
        entered.append(slot)
        self._held[slot] = None
        if opens:
            self.admission.opened(slot, BusyLink())


async def slowest(world: World, sender: str, reader: str) -> float:
    """Write some messages one after the other; return the longest time until one was delivered."""
    times = []
    for number in range(MESSAGES):
        began = trio.current_time()
        message = await world.send(sender, reader, f"{began} {number}")
        await world.until_state(sender, message, "delivered")
        times.append(trio.current_time() - began)
    return max(times)


async def friends_behind_r1(world: World) -> None:
    await world.relay_net(4)
    for name in (ALICE, BOB):
        await world.person(name, guards=(world.uris["r1"],))
    await world.friends(ALICE, BOB)
    await slowest(world, ALICE, BOB)


@pytest.mark.parametrize(
    ("addresses", "fills"),
    [(HUNDRED[:1], False), (ONE_48, False), (HUNDRED, True)],
    ids=["one host", "one /48", "100 addresses"],
)
async def test_k18_a_crowd_at_everybodys_relay_keeps_nobody_out_and_slows_nobody_down(
    world: World,
    autojump_clock: Clock,
    nursery: trio.Nursery,
    addresses: list[str],
    fills: bool,
) -> None:
    await friends_behind_r1(world)
    before = await slowest(world, ALICE, BOB)
    crowd = Crowd(world, addresses)
    nursery.start_soon(crowd.stay)
    await trio.sleep(8)
    settings = RelaySettings(directory=world.folder)
    assert bool(crowd.admission.evicted) == fills
    assert await slowest(world, ALICE, BOB) <= MOST_TIMES_SLOWER * before
    await world.person(CAROL, guards=(world.uris["r1"],))
    hello = await world.send(CAROL, ALICE, "hello")
    await world.until_state(CAROL, hello, "sent")
    assert not fills or len(crowd) > 0.7 * settings.max_links, "they are there all the time"
    assert world.relays["r1"].stats().memory_bytes <= settings.memory_bytes


async def test_k18_control_if_nobody_gave_way_the_crowd_would_keep_newcomers_out(
    world: World, autojump_clock: Clock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    await friends_behind_r1(world)
    monkeypatch.setattr(Admission, "_evict", lambda _self, _held: False)
    crowd = Crowd(world, HUNDRED)
    nursery.start_soon(crowd.stay)
    await trio.sleep(8)
    carol = await world.person(CAROL, guards=(world.uris["r1"],), ready=False)
    await trio.sleep(60)
    assert not carol.status().ready
