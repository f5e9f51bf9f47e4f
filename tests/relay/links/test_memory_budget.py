"""K18: one byte budget for everything that a relay holds for others, exact to the byte."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.relay.harness import World, world
from zentalk.crypto.noise import CounterCipher
from zentalk.errors import LocalProtocolError, RefusedError
from zentalk.link.geometry import cell_bytes
from zentalk.link.traffic import Traffic
from zentalk.net.connection import Connection
from zentalk.onion.packet import DROP
from zentalk.relay.links import memory_budget as module
from zentalk.relay.links.admission import CONNECTION_BYTES
from zentalk.relay.links.memory_budget import MemoryBudget

# --- the rules ---------------------------------------------------------------------------------


def test_an_account_is_bounded_alone_and_with_all_others() -> None:
    budget = MemoryBudget(1000)
    mine, other = budget.account(0.5), budget.account(1.0)
    assert mine.take(500)
    assert not mine.take(1)
    assert other.take(400)
    assert not other.take(200)
    mine.release(500)
    assert budget.used_bytes == 400
    assert budget.refused == 2


def test_k18_new_work_is_refused_in_order() -> None:
    """Connections first, then streams, then what the greediest wants, at last everybody."""
    budget = MemoryBudget(1000)
    greedy, modest, idle = (budget.account(1.0) for _ in range(3))
    modest.take(10)
    refused: list[str] = []
    for _ in range(990):
        takes = {
            "connections": budget.takes_connections,
            "streams": budget.takes_streams,
            "greedy": greedy.has_room(1),
            "modest": modest.has_room(1),
            "idle": idle.has_room(1),
        }
        refused += [name for name, taken in takes.items() if not taken and name not in refused]
        greedy.add(1)
    refused += [name for name in ("modest", "idle") if not budget.account().has_room(1)]
    assert refused == ["connections", "streams", "greedy", "modest", "idle"]


def test_k18_control_without_the_rule_for_the_greedy_nobody_gets_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left = []
    for share in (module.GREEDY_SHARE, 1.0):
        monkeypatch.setattr(module, "GREEDY_SHARE", share)
        budget = MemoryBudget(1000)
        greedy, modest = budget.account(1.0), budget.account(1.0)
        modest.take(10)
        while greedy.take(1):
            pass
        left.append(modest.take(50))
    assert left == [True, False]


def test_giving_back_what_was_not_taken_is_a_bug_that_shows() -> None:
    account = MemoryBudget(1000).account()
    account.take(5)
    with pytest.raises(LocalProtocolError):
        account.release(6)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 300)), max_size=80))
def test_totals_are_the_sums_of_all_accounts(steps: list[tuple[int, int]]) -> None:
    budget = MemoryBudget(1000)
    accounts = [budget.account(0.4), budget.account(0.9), budget.account(1.0, greedy=False)]
    for what, size in steps:
        account = accounts[size % 3]
        if what == 0:
            account.take(size)
        elif what == 1:
            account.release(min(size, account.used_bytes))
        elif what == 2 and account.has_room(max(0, size - account.used_bytes)):
            account.set(size)
        assert budget.used_bytes == sum(each.used_bytes for each in accounts)
        links = accounts[:2]
        assert budget._links_bytes == sum(each.used_bytes for each in links)
        assert budget._holders == sum(each.used_bytes > 0 for each in links)
    for account in accounts:
        account.set(0)
    assert (budget.used_bytes, budget._holders) == (0, 0)


# --- a link's account --------------------------------------------------------------------------


def held(traffic: Traffic) -> int:
    """What one end of a link really holds, looked up in all its parts."""
    outbox = traffic._outbox
    frames = [frame for flow in outbox._ring for frame in flow.frames]
    streams = sum(len(stream.received) for stream in traffic.streams._streams.values())
    partial = traffic._opener.held_bytes + traffic._calls.held_bytes
    return sum(len(frame) + 64 for frame in frames) + outbox._taken_bytes + streams + partial


class Pair:
    """Both ends of a link, and the bytes on their way, in any pieces."""

    def __init__(self, *, fixed_units: bool, budget: MemoryBudget) -> None:
        keys = bytes(32), bytes([1]) * 32
        self.accounts = [budget.account(1.0), budget.account(1.0)]
        self.ends = [
            Traffic(
                (CounterCipher(keys[side]), CounterCipher(keys[1 - side])),
                initiator=side == 0,
                fixed_units=fixed_units,
                depth=0,
                account=self.accounts[side],
            )
            for side in (0, 1)
        ]
        self.wires = [bytearray(), bytearray()]
        self.asked: list[list[int]] = [[], []]
        self.streams: list[set[int]] = [set(), set()]

    def step(self, what: int, side: int, size: int) -> None:
        end, streams = self.ends[side], self.ends[side].streams
        stream = min(self.streams[side], default=None)
        if what == 0:
            end.send_packet(bytes(2560))
        elif what == 1:
            end.request(bytes(size))
        elif what == 2 and self.asked[side]:
            end.respond(self.asked[side].pop(), bytes(size))
        elif what == 3 and (side == 0 or not end.fixed_units):
            with suppress(RefusedError):
                self.streams[side].add(streams.open(None, cell_bytes(1)))
        elif what == 4 and stream is not None and streams.is_open(stream):
            streams.write(stream, bytes(size))
        elif what == 5 and stream is not None:
            streams.read(stream, size)
        elif what == 6 and stream is not None:
            streams.close(stream)
            self.streams[side].discard(stream)
        elif what == 7:
            self.wires[side] += end.data_to_send()
        elif what == 8:
            self.deliver(side, size)

    def deliver(self, side: int, size: int) -> None:
        """Bring some bytes that this side sent to the other one."""
        wire, other = self.wires[side], 1 - side
        piece = bytes(wire[: size * 8])
        del wire[: size * 8]
        for event in self.ends[other].receive(piece):
            name = type(event).__name__
            if name == "RequestReceived":
                self.asked[other].append(event.call_id)  # type: ignore[union-attr]
            elif name == "StreamRequested":
                stream = event.request.stream_id  # type: ignore[union-attr]
                self.ends[other].streams.accept(stream)
                self.streams[other].add(stream)


Steps = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 1), st.integers(1, 6000)), max_size=120
)


@settings(max_examples=60)
@given(Steps, st.booleans())
def test_k18_a_link_counts_exactly_what_it_holds(
    steps: list[tuple[int, int, int]], fixed_units: bool
) -> None:
    budget = MemoryBudget(2**30)
    pair = Pair(fixed_units=fixed_units, budget=budget)
    for what, side, size in steps:
        pair.step(what, side, size)
        assert [account.used_bytes for account in pair.accounts] == [held(e) for e in pair.ends]
    for end in pair.ends:
        end.release()
        assert not end.send_packet(bytes(2560)), "a link that has ended takes nothing"
    assert budget.used_bytes == 0


def test_k18_control_an_outbox_that_forgets_what_is_being_sent_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A drain that a slow peer does not take is held too: the largest part of such a link."""
    pair = Pair(fixed_units=False, budget=MemoryBudget(2**30))
    for _ in range(40):
        pair.step(0, 0, 1)
    pair.step(7, 0, 1)
    sent = len(pair.wires[0])
    assert pair.accounts[0].used_bytes > sent > 90_000
    pair.ends[0]._outbox._taken_bytes = 0  # as if nothing were on its way
    pair.step(7, 0, 1)
    assert pair.accounts[0].used_bytes != held(pair.ends[0])


# --- a whole relay -----------------------------------------------------------------------------


def account_of(net: World, relay: str) -> MemoryBudget:
    return net.relays[relay].relay.wiring.capacity.budget


def queued(net: World, relay: str) -> int:
    """What is counted beyond the connections that are open; relays keep some among themselves."""
    stats = net.relays[relay].relay.stats()
    return account_of(net, relay).used_bytes - CONNECTION_BYTES * (
        stats.connections + stats.streams
    )


async def test_k18_all_that_was_taken_is_given_back(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Held packets, tunnels that are cut in the middle, questions: the balance is zero again."""
    async with world(tmp_path) as net:
        await net.start_all("r1", "r2", "r3")
        budget, rng = account_of(net, "r1"), random.Random(18)
        assert queued(net, "r1") == 0
        clients = [await net.client(f"c{number}", "r1") for number in range(6)]
        for client in clients[:3]:
            await net.tunnel(client, ["r2", "r3"])
        for _ in range(100):
            delay_ms = rng.randrange(60_000)
            hops = net.hops("r1", rng.choice(["r2", "r3"]), delay_ms=delay_ms)
            clients[rng.randrange(6)].send_packet(net.packet(hops, DROP, b""))
        await trio.sleep(1)
        assert budget.used_bytes > 80 * 2560
        for client in clients[:3]:
            client.abort()
        await trio.sleep(0.1)
        assert budget.used_bytes > 80 * 2560, "packets go their way although their sender left"
        await trio.sleep(61)
        for client in clients:
            client.close()
        await trio.sleep(120)
        assert queued(net, "r1") == 0
        assert net.relays["r1"].relay.stats().streams == 0


async def hold(net: World, client: Connection, count: int) -> None:
    """Let a client ask the relay to hold packets for a minute."""
    for _ in range(count):
        hops = net.hops("r1", "r2", delay_ms=60_000)
        if not client.send_packet(net.packet(hops, DROP, b"")):
            break  # the relay has no memory left for this link at all
        await trio.sleep(0.01)
    await trio.sleep(0.5)


async def test_k18_who_makes_a_relay_hold_most_is_refused_first(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []
    for share in (module.GREEDY_SHARE, 1.0):  # the second time without the rule
        monkeypatch.setattr(module, "GREEDY_SHARE", share)
        async with world(tmp_path / str(share)) as net:
            await net.start("r2")
            await net.start("r1", memory_bytes=16 * 2**20)
            budget = account_of(net, "r1")
            greedy, honest = await net.client("greedy", "r1"), await net.client("honest", "r1")
            # Something else takes most of the memory, to save time.
            reserved = budget.claimed_bytes - budget.used_bytes
            budget.account(1.0, greedy=False).add(int(budget.total_bytes * 0.865) - reserved)
            await hold(net, greedy, 400)
            full = net.relays["r1"].relay.stats()
            assert full.refused["memory-packet"] > 0
            await hold(net, honest, 15)
            held.append(net.relays["r1"].relay.stats().delayed - full.delayed)
            assert budget.used_bytes <= budget.total_bytes
    assert held[0] == 15
    assert held[1] < 15
