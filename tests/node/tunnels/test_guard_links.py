"""How guards are dialled again: soon at first, then ever more rarely, never all at once."""

import itertools
from collections.abc import Sequence

import trio
import trio.testing

from tests.node.descriptors import EPOCH, WALL, make_relays
from zentalk.errors import ConnectFailedError
from zentalk.net.connection import Connection
from zentalk.net.runtime import Runtime
from zentalk.node.relays.access import REFUSED_SECONDS, RelayAccess
from zentalk.node.relays.view import RelayView, make_view
from zentalk.node.tunnels.guard_links import GuardLinks
from zentalk.node.tunnels.guard_selection import GuardSelection
from zentalk.onion.guard_state import GuardState
from zentalk.wire.descriptor import node_id_of
from zentalk.wire.text import AccessToken, RelayUri

RELAYS = make_relays(8)
VIEW = make_view(RELAYS, EPOCH, {})


class FakeLink:
    """The little of a Connection that GuardLinks uses."""

    def __init__(self) -> None:
        self.closed = trio.Event()
        self.left_because = ""
        self.showed_token = False

    def refuse(self, word: str) -> None:
        self.left_because = word
        self.closed.set()

    def close(self) -> None:
        self.closed.set()


class Guards:
    """GuardLinks over a dial function that fails as told and notes when it was called."""

    def __init__(self, seed: int = 1, pinned: int | None = None) -> None:
        self.dialled: list[tuple[float, str]] = []
        self.down: set[str] = set()
        self.refusing: dict[str, str] = {}
        self.current = VIEW
        self.made: dict[str, FakeLink] = {}
        self.returned = 0
        runtime = Runtime.virtual(seed, WALL)
        self.access = RelayAccess(trio.current_time)
        self.selection = GuardSelection(
            pinned=() if pinned is None else (RELAYS[pinned].uri,),
            state=GuardState(),
            addresses=(),
            wall=runtime.wall,
            entropy=runtime.entropy,
            usable=self._usable,
        )
        self.links = GuardLinks(
            runtime, self._dial, self.selection, self, trio.lowlevel.ParkingLot(), self.access
        )

    async def _dial(self, uris: Sequence[RelayUri], nursery: trio.Nursery) -> Connection:
        (uri,) = uris
        self.dialled.append((trio.current_time(), uri.host))
        await trio.sleep(0.01)
        if uri.host in self.down:
            raise ConnectFailedError(uri.host, "it is down")
        self.made[uri.host] = FakeLink()
        if uri.host in self.refusing:
            self.nursery.start_soon(self._refuse, self.made[uri.host], self.refusing[uri.host])
        return self.made[uri.host]  # type: ignore[return-value]

    async def _refuse(self, link: FakeLink, word: str) -> None:
        """Say no one round trip after the link stands."""
        await trio.sleep(0.1)
        link.refuse(word)

    def _usable(self, uris: Sequence[RelayUri]) -> tuple[RelayUri, ...]:
        """Leave out who has refused, as the dialer does."""
        closed = self.access.no_entry()
        return tuple(uri for uri in uris if node_id_of(uri.identity) not in closed)

    def view(self) -> RelayView:
        return self.current

    def refresh_soon(self, *, restarted: bool = False) -> None:
        assert restarted
        self.returned += 1

    def start(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
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


async def test_a_guard_that_refuses_this_node_gives_way_to_another_for_an_hour(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    guards = Guards()
    guards.links.follow_view()
    first = guards.selection.in_use()[0]
    (host,) = (relay.host for relay in RELAYS if relay.node_id == first)
    guards.refusing[host] = "access"
    guards.start(nursery)
    await trio.sleep(60)
    assert first not in guards.selection.in_use()
    assert len(guards.links.connected()) == 2
    assert [dialled for _, dialled in guards.dialled].count(host) == 1
    (entry,) = (entry for entry in guards.selection.state.entries if entry.node_id == first)
    since = entry.down_since
    assert since
    for hours in range(1, 4):
        await trio.sleep(REFUSED_SECONDS)
        assert [dialled for _, dialled in guards.dialled].count(host) == 1 + hours
    (entry,) = (entry for entry in guards.selection.state.entries if entry.node_id == first)
    assert entry.down_since == since, "it was never in use again, so it is given up in the end"
    del guards.refusing[host]
    await trio.sleep(2 * REFUSED_SECONDS)
    assert first in guards.links.connected(), "the control: it takes us again"


async def test_a_pinned_guard_that_refuses_is_tried_again_each_hour(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    guards = Guards(pinned=0)
    guards.refusing["relay0"] = "banned"
    guards.start(nursery)
    await trio.sleep(60)
    guards.current = make_view(RELAYS, EPOCH, {})  # built while that door is closed
    await trio.sleep(5 * REFUSED_SECONDS + 120)
    assert len(guards.dialled) == 6
    assert guards.links.connected() == ()
    del guards.refusing["relay0"]
    await trio.sleep(REFUSED_SECONDS)
    assert guards.links.connected() == (RELAYS[0].node_id,)


async def test_a_guard_that_asks_for_a_token_that_we_have_is_dialled_again_at_once(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    guards = Guards(pinned=0)
    token = AccessToken(RELAYS[0].node_id, b"s" * 32)
    guards.access.__init__(trio.current_time, [token])  # type: ignore[misc]
    guards.refusing["relay0"] = "access"
    guards.start(nursery)
    await trio.sleep(0.05)
    assert guards.access.entry_token(token.relay) is None, "nobody has asked for it"
    await trio.sleep(0.1)
    assert guards.access.entry_token(token.relay) is not None
    del guards.refusing["relay0"]
    await trio.sleep(3)
    assert guards.links.connected() == (token.relay,)
