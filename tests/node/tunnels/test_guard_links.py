"""How guards are dialled again: soon at first, then ever more rarely, never all at once."""

import itertools
from collections.abc import Sequence

import trio
import trio.testing

from tests.node.descriptors import EPOCH, WALL, make_relays
from zentalk.errors import ConnectFailedError
from zentalk.net.connection import Connection
from zentalk.net.runtime import Runtime
from zentalk.node.relays.view import RelayView, make_view
from zentalk.node.tunnels.guard_links import GuardLinks
from zentalk.node.tunnels.guard_selection import GuardSelection
from zentalk.onion.guard_state import GuardState
from zentalk.wire.text import RelayUri

RELAYS = make_relays(8)
VIEW = make_view(RELAYS, EPOCH, {})


class FakeLink:
    """The little of a Connection that GuardLinks uses."""

    def __init__(self) -> None:
        self.closed = trio.Event()

    def close(self) -> None:
        self.closed.set()


class Guards:
    """GuardLinks over a dial function that fails as told and notes when it was called."""

    def __init__(self, seed: int = 1, pinned: int | None = None) -> None:
        self.dialled: list[tuple[float, str]] = []
        self.down: set[str] = set()
        self.made: dict[str, FakeLink] = {}
        self.returned = 0
        runtime = Runtime.virtual(seed, WALL)
        self.selection = GuardSelection(
            pinned=() if pinned is None else (RELAYS[pinned].uri,),
            state=GuardState(),
            addresses=(),
            wall=runtime.wall,
            entropy=runtime.entropy,
        )
        self.links = GuardLinks(
            runtime, self._dial, self.selection, self, trio.lowlevel.ParkingLot()
        )

    async def _dial(self, uris: Sequence[RelayUri], nursery: trio.Nursery) -> Connection:
        (uri,) = uris
        self.dialled.append((trio.current_time(), uri.host))
        await trio.sleep(0.01)
        if uri.host in self.down:
            raise ConnectFailedError(uri.host, "it is down")
        self.made[uri.host] = FakeLink()
        return self.made[uri.host]  # type: ignore[return-value]

    def view(self) -> RelayView:
        return VIEW

    def refresh_soon(self, *, restarted: bool = False) -> None:
        assert restarted
        self.returned += 1

    def start(self, nursery: trio.Nursery) -> None:
        self.links.follow_view()
        nursery.start_soon(self.links.run)

    def waits(self, host: str) -> list[float]:
        times = [at for at, dialled in self.dialled if dialled == host]
        return [b - a - 0.01 for a, b in itertools.pairwise(times)]


async def test_waits_double_from_a_second_to_thirty_each_drawn_from_its_upper_half(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    guards = Guards(pinned=0)
    guards.down.add("relay0")
    guards.start(nursery)
    await trio.sleep(300)
    waits = guards.waits("relay0")
    for turn, wait in enumerate(waits):
        longest = min(30, 2**turn)
        assert longest / 2 - 1e-6 <= wait <= longest + 1e-6
    assert len(waits) > 10


async def test_two_nodes_do_not_come_back_at_the_same_moments(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    nodes = [Guards(seed, pinned=0) for seed in (1, 2)]
    for node in nodes:
        node.down.add("relay0")
        node.start(nursery)
    await trio.sleep(300)
    assert nodes[0].waits("relay0") != nodes[1].waits("relay0")


async def test_a_link_that_had_lasted_is_dialled_again_at_once(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    guards = Guards(pinned=0)
    guards.start(nursery)
    await trio.sleep(60)
    assert len(guards.dialled) == 1
    guards.made["relay0"].close()
    await trio.sleep(0.5)
    assert len(guards.dialled) == 2
    assert guards.links.connected() == (RELAYS[0].node_id,)
    assert guards.returned == 1


async def test_a_guard_that_takes_links_and_drops_them_is_not_hammered(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    guards = Guards(pinned=0)
    guards.start(nursery)

    async def drop() -> None:
        while True:
            await trio.sleep(0.02)
            for link in guards.made.values():
                link.close()

    nursery.start_soon(drop)
    await trio.sleep(120)
    assert len(guards.dialled) < 20


async def test_one_failure_is_no_reason_to_take_a_substitute(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A guard that restarts must not make the node show itself to a third relay."""
    guards = Guards()
    guards.start(nursery)
    await trio.sleep(60)
    first = guards.selection.in_use()
    host = guards.dialled[0][1]
    guards.down.add(host)
    guards.made[host].close()
    await trio.sleep(0.3)
    guards.down.clear()
    await trio.sleep(60)
    assert guards.selection.in_use() == first
    assert {dialled for _, dialled in guards.dialled} == {
        RELAYS[[relay.node_id for relay in RELAYS].index(guard)].host for guard in first
    }


async def test_a_substitute_is_let_go_when_the_guard_is_back(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    guards = Guards()
    guards.start(nursery)
    await trio.sleep(60)
    first = guards.selection.in_use()
    host = guards.dialled[0][1]
    guards.down.add(host)
    guards.made[host].close()
    await trio.sleep(60)
    (substitute,) = set(guards.selection.in_use()) - set(first)
    link = guards.links.link(substitute)
    assert link is not None
    assert len(guards.links.connected()) == 2
    guards.down.clear()
    await trio.sleep(60)
    assert guards.links.connected() == first
    assert link.closed.is_set()
