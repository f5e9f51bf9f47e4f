"""Tunnels of a node through real relays: their form, their limits, what happens on failure."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.node.world import Client, World, until, world_of
from zentalk.errors import DeadlineError, RefusedError, TransportError, UnavailableError
from zentalk.ids import MailboxId, NodeId
from zentalk.net.connection import NoHandlers
from zentalk.net.tunnel import open_tunnel
from zentalk.node.network import NodeNetwork
from zentalk.node.tunnels import patience, tunnels
from zentalk.node.tunnels.routes import Starts, TunnelRoute
from zentalk.wire.rpc_directory import decode_snapshot_response, encode_snapshot_request

pytestmark = pytest.mark.e2e

BOX = MailboxId(bytes(32))


async def both_guards(network: NodeNetwork) -> None:
    await until(lambda: len(network.connected_guards()) == 2)


def spliced(world: World) -> dict[int, int]:
    """Return how many streams each relay has carried on for clients."""
    return {n: relay.stats().streams_spliced for n, relay in enumerate(world.relays)}


def carriers(before: dict[int, int], after: dict[int, int]) -> set[int]:
    return {n for n in after if after[n] > before.get(n, 0)}


async def test_a_full_tunnel_goes_over_a_guard_and_one_of_its_second_hops(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 10) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            await trio.sleep(30)
            for number in range(10):
                before = spliced(world)
                async with network.tunnels.short(world.id(number)) as tunnel:
                    assert tunnel.depth == 3
                    answer = await tunnel.request(encode_snapshot_request())
                    assert len(decode_snapshot_response(answer).whole) == 10
                used = carriers(before, spliced(world))
                guard = used & set(world.numbers(network.guards()))
                assert len(used) == 3
                assert number not in used
                # The third hop may be the other guard, and a second hop of either.
                assert any(
                    used & set(world.numbers(network._selection.middles(world.id(start))))
                    for start in guard
                )


async def test_a_tunnel_never_ends_at_the_guard_it_starts_from(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 8) as world:
        client = Client(world, guards=[world.uri(3), world.uri(4)])
        async with client.running() as network:
            await both_guards(network)
            await trio.sleep(30)
            before = spliced(world)
            async with network.tunnels.short(world.id(3)):
                pass
            assert 4 in carriers(before, spliced(world))
            assert 3 not in carriers(before, spliced(world))


async def test_with_one_guard_a_tunnel_to_it_waits_for_another_and_then_fails(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 8) as world:
        client = Client(world, guards=[world.uri(3)])
        async with client.running() as network:
            async with network.tunnels.short(world.id(5)) as tunnel:
                assert tunnel.depth == 3
            began = trio.current_time()
            with pytest.raises(UnavailableError):
                async with network.tunnels.short(world.id(3)):
                    pass
            assert trio.current_time() - began == tunnels.OPEN_SECONDS
            async with trio.open_nursery() as nursery:
                with pytest.raises(UnavailableError):
                    await network.tunnels.lasting(world.id(3), BOX, NoHandlers(), nursery)


async def test_a_tunnel_to_a_guard_opens_as_soon_as_the_other_guard_is_back(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 8) as world:
        client = Client(world, guards=[world.uri(3), world.uri(4)])
        async with client.running() as network:
            await both_guards(network)
            world.kill(4)
            await until(lambda: len(network.connected_guards()) == 1)
            opened = trio.Event()

            async def ask() -> None:
                async with network.tunnels.short(world.id(3)):
                    opened.set()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask)
                await trio.sleep(5)
                assert not opened.is_set()
                await world.start_relay(4)


async def test_a_relay_that_is_not_in_the_snapshot_is_unavailable_at_once(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 6) as world:
        client = Client(world)
        async with client.running() as network:
            began = trio.current_time()
            with pytest.raises(UnavailableError, match="not known"):
                async with network.tunnels.short(NodeId(bytes(32))):
                    pass
            assert trio.current_time() == began


async def test_a_dead_end_is_an_error_and_costs_no_other_relay_its_name(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 8) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            dead = next(n for n in range(8) if world.id(n) not in network.guards())
            world.kill(dead)
            with pytest.raises(TransportError):
                async with network.tunnels.short(world.id(dead)):
                    pass
            assert network.tunnels.scores.suspects(trio.current_time()) == {world.id(dead)}


async def test_a_dead_second_hop_is_gone_round(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 9) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            guard = network.guards()[0]
            middle = network._selection.middles(guard)[0]
            world.kill(world.number(middle))
            ends = [n for n in range(9) if world.id(n) not in (middle, *network.guards())]
            for number in ends * 4:
                async with network.tunnels.short(world.id(number)) as tunnel:
                    assert tunnel.depth == 3


async def test_an_error_in_the_block_reaches_its_caller_unwrapped(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 6) as world:
        client = Client(world)
        async with client.running() as network:
            target = next(n for n in network.descriptors() if n not in network.guards())
            with pytest.raises(RefusedError, match="unknown"):
                async with network.tunnels.short(target) as tunnel:
                    raise RefusedError("unknown")
            await tunnel.closed.wait()


async def test_at_most_five_short_at_a_time_use_one_guard(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 6) as world:
        client = Client(world, guards=[world.uri(3)])
        async with client.running() as network:
            at_once = most = 0

            async def ask() -> None:
                nonlocal at_once, most
                async with network.tunnels.short(world.id(5)):
                    at_once += 1
                    most = max(most, at_once)
                    await trio.sleep(1)
                    at_once -= 1

            await trio.sleep(60)
            async with trio.open_nursery() as nursery:
                for _ in range(12):
                    nursery.start_soon(ask)
            assert most == 5
            # Collection still finds room beside them.
            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(ask)
                await trio.sleep(0.5)
                for _ in range(3):
                    await network.tunnels.lasting(world.id(4), BOX, NoHandlers(), nursery)
                assert at_once == 5
                nursery.cancel_scope.cancel()


class Refuser:
    """Stands in for `open_tunnel`: refuses some times, then does what it should."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception], times: int):
        self.calls: list[float] = []
        self.left = times
        real = open_tunnel

        async def refusing(*args, **kwargs):  # type: ignore[no-untyped-def]
            self.calls.append(trio.current_time())
            if self.left:
                self.left -= 1
                raise error()
            return await real(*args, **kwargs)

        monkeypatch.setattr(tunnels, "open_tunnel", refusing)


async def test_busy_is_waited_out_longer_each_time(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world_of(tmp_path, 6) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            await trio.sleep(30)
            refuser = Refuser(monkeypatch, lambda: RefusedError("busy"), 4)
            target = next(n for n in network.descriptors() if n not in network.guards())
            async with network.tunnels.short(target):
                pass
            waits = [b - a for a, b in zip(refuser.calls, refuser.calls[1:5], strict=False)]
            assert all(0 <= wait <= 2**turn for turn, wait in enumerate(waits))
            assert sum(waits) > 1
            assert not network.tunnels.scores.suspects(trio.current_time())


async def test_a_network_that_stays_busy_is_unavailable(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world_of(tmp_path, 6) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            await trio.sleep(30)
            refuser = Refuser(monkeypatch, lambda: RefusedError("busy"), 1000)
            target = next(n for n in network.descriptors() if n not in network.guards())
            with pytest.raises(UnavailableError):
                async with network.tunnels.short(target):
                    pass
            assert len(refuser.calls) < 20
            # What was refused holds no turn: the next tunnel finds all of them free.
            assert not any(network.tunnels._short.values())


async def test_three_failures_are_told_to_the_caller(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world_of(tmp_path, 6) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            await trio.sleep(30)
            refuser = Refuser(monkeypatch, lambda: DeadlineError("silence"), 1000)
            target = next(n for n in network.descriptors() if n not in network.guards())
            with pytest.raises(TransportError):
                async with network.tunnels.short(target):
                    pass
            assert len(refuser.calls) == patience.ATTEMPTS


@pytest.mark.parametrize("sticky", [True, False])
async def test_k42_a_mailbox_relay_that_drops_tunnels_meets_the_same_relays(
    tmp_path: Path,
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
    sticky: bool,
) -> None:
    """One second and one third hop. Control: drawn afresh, they walk through the network."""
    async with world_of(tmp_path, 10) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            await trio.sleep(30)
            routes = network.tunnels._routes
            if not sticky:

                def afresh(end: NodeId, mailbox: MailboxId, starts: Starts) -> TunnelRoute | None:
                    return routes.choose(end, starts)

                monkeypatch.setattr(routes, "choose_lasting", afresh)
                monkeypatch.setattr(routes, "_middles", lambda guard: list(network.descriptors()))
            end = next(n for n in network.descriptors() if n not in network.guards())
            before = spliced(world)
            async with trio.open_nursery() as nursery:
                for _ in range(60):
                    tunnel = await network.tunnels.lasting(end, BOX, NoHandlers(), nursery)
                    tunnel.close()
                    await tunnel.closed.wait()
                nursery.cancel_scope.cancel()
            assert (len(carriers(before, spliced(world))) == 3) is sticky


async def test_relays_on_an_open_tunnel_for_collection_are_known_to_live(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 8) as world:
        client = Client(world)
        async with client.running() as network, trio.open_nursery() as nursery:
            await both_guards(network)
            end = next(n for n in network.descriptors() if n not in network.guards())
            async with network.tunnels.short(end):
                assert network.tunnels.relays_of_lasting() == frozenset()
            tunnel = await network.tunnels.lasting(end, BOX, NoHandlers(), nursery)
            known = network.tunnels.relays_of_lasting()
            assert end in known
            assert known & set(network.guards())
            assert len(known) == 4
            tunnel.close()
            await tunnel.closed.wait()
            assert network.tunnels.relays_of_lasting() == frozenset()
