"""What profile `strong` hides from a watcher of the line, and what loops give away."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.ids import NodeId
from zentalk.node.packets.sender import PacketSender
from zentalk.node.profiles import PROFILES
from zentalk.node.relays.loss_alarm import WINDOW, LossAlarm
from zentalk.node.snapshot.refresher import SnapshotRefresher
from zentalk.onion.packet import Deliver, Forward
from zentalk.relay.connections import LinkHandlers
from zentalk.relay.forwarding.router import Router

pytestmark = pytest.mark.e2e

Unit = tuple[float, bool, int]
"""What a watcher of a line sees: when, whether from the node, how many bytes."""
WATCHED_FROM, WATCHED_SECONDS = 120.0, 160.0


def line_of_alice(folder: Path, profile: str, *, writes: bool) -> list[Unit]:
    """Watch Alice's line in a world that differs in nothing but whether anybody writes."""
    folder.mkdir()
    watch = partial(_watch, folder, profile, writes=writes)
    with pytest.MonkeyPatch.context() as patch:
        # trio shuffles tasks that are ready together: here the order must not depend on how
        # many there were before.
        patch.setattr("trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING", True)
        patch.setattr("trio._core._run._r.shuffle", lambda batch: None)
        return trio.run(watch, clock=Clock(autojump_threshold=0))


async def _watch(folder: Path, profile: str, *, writes: bool) -> list[Unit]:
    seen: list[Unit] = []

    def look(source: str, target: str, data: bytes) -> None:
        if "alice" in (source, target):
            seen.append((round(trio.current_time(), 6), source == "alice", len(data)))

    async with trio.open_nursery() as nursery:
        world = World(folder, nursery, seed=5)
        await world.relay_net(4)
        await world.person("alice", profile=profile)
        await world.person("bob")
        await world.friends("alice", "bob")
        for sender, reader in (("alice", "bob"), ("bob", "alice")):
            first = await world.send(sender, reader, "hello")
            await world.until_state(sender, first, "delivered")
        await trio.sleep(WATCHED_FROM - trio.current_time())
        world.memory.on_wire = look
        while trio.current_time() < WATCHED_FROM + WATCHED_SECONDS:
            await trio.sleep(20)
            if writes:
                await world.send("alice", "bob", "a secret")
                await world.send("bob", "alice", "another")
        if writes:
            assert len(await world.inbox("bob", "alice")) > 5
            assert len(await world.inbox("alice", "bob")) > 5
        nursery.cancel_scope.cancel()
    return seen


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> list[Unit]:
    """The line of a strong node whose owner does nothing."""
    return line_of_alice(tmp_path_factory.mktemp("idle") / "world", "strong", writes=False)


def test_k5_a_strong_line_is_the_same_to_the_microsecond_whether_mail_goes_or_not(
    tmp_path: Path, idle: list[Unit]
) -> None:
    sent, received = [u for u in idle if u[1]], [u for u in idle if not u[1]]
    assert len(sent) > 150
    busy = line_of_alice(tmp_path / "busy", "strong", writes=True)
    assert sent == [u for u in busy if u[1]]
    # What comes back is as much, at the same times; only grants of credit fall due at another
    # cell than in another run, whoever writes.
    assert len(received) == len(idle) - len(sent) == len(busy) - len(sent)
    assert len(set(received) - set(busy)) < len(received) / 5


def test_k5_control_without_a_shape_mail_shows(tmp_path: Path) -> None:
    idle = line_of_alice(tmp_path / "idle", "balanced", writes=False)
    busy = line_of_alice(tmp_path / "busy", "balanced", writes=True)
    # In bytes, as units that leave together count once; eight seeds gave 1.8 to 3.4 times as many.
    assert sum(unit[2] for unit in busy) > 1.5 * sum(unit[2] for unit in idle)


def test_k5_control_mail_that_does_not_wait_for_a_tick_shows(
    tmp_path: Path, idle: list[Unit], monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(sender: PacketSender, *arguments: Any, **more: Any) -> Any:
        waiting, sender._waiting = sender._waiting, None
        try:
            return real(sender, *arguments, **more)
        finally:
            sender._waiting = waiting

    real = PacketSender.send
    monkeypatch.setattr(PacketSender, "send", send)
    busy = line_of_alice(tmp_path / "busy", "strong", writes=True)
    assert [u for u in busy if u[1]] != [u for u in idle if u[1]]


class Hostile:
    """A relay that drops: all that clients bring but the target's, or every second forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.all_but: tuple[NodeId, bytes] | None = None
        """The relay, and the handshake hash of the link that it lets pass."""
        self.every_second: NodeId | None = None
        self.dropped = 0
        act, brought = Router._act, LinkHandlers.packet_received

        def watched_brought(inbound: LinkHandlers, connection: Any, packet: bytes) -> None:
            relay, hash_ = self.all_but or (None, b"")
            if inbound._router._forwarder.node_id == relay and connection.handshake_hash != hash_:
                self.dropped += 1
                return
            brought(inbound, connection, packet)

        def watched_act(router: Router, found: Forward | Deliver) -> None:
            if router._forwarder.node_id == self.every_second and isinstance(found, Forward):
                self.dropped += 1
                if self.dropped % 2:
                    return
            act(router, found)

        monkeypatch.setattr(LinkHandlers, "packet_received", watched_brought)
        monkeypatch.setattr(Router, "_act", watched_act)


async def attacked(world: World, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Alice's and Bob's guard r1 drops all packets but Bob's; return the fates of her loops."""
    fates: list[bool] = []
    hostile, note = Hostile(monkeypatch), LossAlarm.note

    def watched_note(alarm: LossAlarm, hops: Any, *, returned: bool) -> None:
        fates.append(returned)
        note(alarm, hops, returned=returned)

    monkeypatch.setattr(LossAlarm, "note", watched_note)
    await world.relay_net(6)
    r1, r2 = world.uris["r1"], world.uris["r2"]
    await world.person("alice", profile="strong", guards=(r1, r2))
    await world.person("bob", guards=(r1,))
    await world.friends("alice", "bob")
    first = await world.send("bob", "alice", "hello")
    await world.until_state("bob", first, "delivered")
    await trio.sleep(200)
    assert alarms(world) == []
    assert all(fates)
    fates.clear()
    target = world.nodes["bob"]._network._links.link(world.relays["r1"].node_id)
    assert target is not None
    hostile.all_but = (world.relays["r1"].node_id, target.handshake_hash)
    with trio.move_on_after(400):
        while not alarms(world):  # noqa: ASYNC110 - virtual time costs nothing
            await trio.sleep(1)
    assert hostile.dropped > 20
    await world.send("bob", "alice", "and where does this go?")
    await world.until_inbox("alice", "bob", ["hello", "and where does this go?"])
    return fates


def alarms(world: World) -> list[str]:
    notes = world.nodes["alice"].status().notes
    return [note for note in notes if "did not come back" in note]


async def test_k6_a_guard_that_drops_all_but_its_target_raises_the_alarm(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fates = await attacked(world, monkeypatch)
    assert len(alarms(world)) == 1
    assert len(fates) <= 2 * WINDOW
    await world.until(lambda: world.nodes["alice"].status().lossy_relays)
    [named] = world.nodes["alice"].status().lossy_relays
    assert (named.role, "@r1:" in named.relay) == ("guard", True)
    # It is told, and it stays: whoever could drive a guard away could choose the next one.
    assert world.relays["r1"].node_id in world.nodes["alice"]._network.guards()


async def test_k6_control_without_loops_nobody_notices(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    strong = PROFILES["strong"]
    assert strong.shape is not None
    silent = replace(strong, shape=replace(strong.shape, loop_every=10**9))
    monkeypatch.setitem(PROFILES, "strong", silent)
    assert await attacked(world, monkeypatch) == []
    assert alarms(world) == []


async def alarms_after_a_restart(world: World) -> int:
    """Let a relay crash and come back with new keys; return how often Alice was alarmed."""
    await world.relay_net(6)
    await world.person("alice", profile="strong", guards=(world.uris["r1"], world.uris["r2"]))
    await trio.sleep(30)
    at_home = world.mailbox_relays("alice")
    middle = next(name for name in ("r3", "r4", "r5", "r6") if name not in at_home)
    await world.crash(middle)
    await world.relay(middle)
    seen = 0
    for _ in range(40):
        await trio.sleep(10)
        seen += len(alarms(world))
    return seen


async def test_a_relay_that_restarts_alarms_nobody(world: World, autojump_clock: Clock) -> None:
    assert await alarms_after_a_restart(world) == 0
    assert world.nodes["alice"].status().lossy_relays == ()


@pytest.mark.long
@pytest.mark.slow
async def test_control_without_a_look_at_the_snapshot_a_restart_does(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SnapshotRefresher, "refresh_soon", lambda _refresher, **_: None)
    assert await alarms_after_a_restart(world) > 0


async def write_until_named(world: World, messages: int) -> int:
    """Let Alice write; return after how many messages a relay was named, or all of them."""
    for number in range(messages):
        await world.send("alice", "bob", f"text {number}")
        await trio.sleep(20)
        if world.nodes["alice"].status().lossy_relays:
            return number + 1
    return messages


NAMED_WITHIN = 120


async def two_friends(world: World) -> None:
    await world.relay_net(6)
    await world.person("alice")
    await world.person("bob")
    await world.friends("alice", "bob")
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        first = await world.send(sender, reader, "hello")
        await world.until_state(sender, first, "delivered")


async def test_a_relay_that_drops_half_of_what_it_forwards_is_named(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = Hostile(monkeypatch)
    await two_friends(world)
    alice = world.nodes["alice"]._network
    middles = {m for guard in alice.guards() for m in alice._selection.middles(guard)}
    ends = {world.relays[name].node_id for name in world.mailbox_relays("bob")}
    bad = min(middles - ends - set(alice.guards()))
    [name] = [name for name, relay in world.relays.items() if relay.node_id == bad]
    hostile.every_second = bad
    assert await write_until_named(world, NAMED_WITHIN) < NAMED_WITHIN
    [named] = world.nodes["alice"].status().lossy_relays
    assert (named.role, f"@{name}:" in named.relay) == ("middle", True)
    assert named.lost > named.packets / 4
    # Everything arrives all the same.
    await world.until(lambda: not world.nodes["alice"]._parts.delivery.outbox)


async def test_control_of_honest_relays_none_is_named(world: World, autojump_clock: Clock) -> None:
    await two_friends(world)
    assert await write_until_named(world, NAMED_WITHIN // 3) == NAMED_WITHIN // 3
    assert world.nodes["alice"].status().lossy_relays == ()


BURST = 40
MOST_DEPOSITS = 1.5 * BURST
"""Seven seeds took 40 to 51 deposits, and 76 or more where packets are made without room."""


async def deposits_of_a_burst(world: World, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let Alice write 40 texts at once; return how many packets that took until all came."""
    deposits = 0
    send = PacketSender.send

    def watched(packets: PacketSender, *arguments: Any, **more: Any) -> Any:
        nonlocal deposits
        deposits += packets is world.nodes["alice"]._network.packets
        return send(packets, *arguments, **more)

    await world.relay_net(4)
    await world.person("alice", profile="strong")
    await world.person("bob")
    await world.friends("alice", "bob")
    first = await world.send("alice", "bob", "hello")
    await world.until_state("alice", first, "delivered")
    monkeypatch.setattr(PacketSender, "send", watched)
    texts = [f"text {number}" for number in range(BURST)]
    for text in texts:
        await world.send("alice", "bob", text)

    async def all_came() -> bool:
        # In any order: what is half a minute late is shown behind what came in time.
        return sorted(await world.inbox("bob", "alice")) == sorted(["hello", *texts])

    await world.until(all_came)
    return deposits


async def test_a_burst_waits_for_ticks_and_is_not_repeated_meanwhile(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for a tick has not been sent: no retry may fall due before it was."""
    assert await deposits_of_a_burst(world, monkeypatch) <= MOST_DEPOSITS


@pytest.mark.long
@pytest.mark.slow
async def test_control_without_a_look_at_the_line_a_burst_is_repeated(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PacketSender, "has_room", lambda _packets, _packet_class: True)
    assert await deposits_of_a_burst(world, monkeypatch) > MOST_DEPOSITS
