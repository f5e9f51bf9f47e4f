"""A guard that shows one node its own version of the network (K31), over real relays."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.crypto import x25519
from zentalk.crypto.x25519 import KeyPair
from zentalk.ids import Epoch, NodeId
from zentalk.net.runtime import seeded_entropy
from zentalk.onion.errors import PacketRefusedError
from zentalk.onion.mixkeys import KeySlot, MixKey
from zentalk.onion.peel import _derive_keys, _open
from zentalk.onion.replay import ReplayFilter
from zentalk.relay.directory.snapshot_server import SnapshotServer
from zentalk.relay.forwarding.router import Router
from zentalk.relay.relay import Relay
from zentalk.wire.descriptor import DescriptorBody, Lane, sign_descriptor
from zentalk.wire.rpc_directory import decode_snapshot_response, encode_snapshot_response

pytestmark = pytest.mark.e2e

COLLUDER = "r6"


class Trap:
    """Guard r1 shows a descriptor of r6 with a mix key that only packets of its victims use.

    Made before the relays start; `spring` lets it begin.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.key: KeyPair = x25519.generate(seeded_entropy(b"trap"))
        self.shown = 0
        self.packets: list[bytes] = []
        self._desk: SnapshotServer | None = None
        snapshot, received = SnapshotServer.snapshot, Router.packet_received

        async def watched_snapshot(desk: SnapshotServer, asker: Any, fields: Any) -> bytes:
            root, raws = decode_snapshot_response(await snapshot(desk, asker, fields))
            if desk is self._desk and asker.peer.is_client:
                self.shown += 1
                own = _descriptor(self._colluder).raw
                raws = [self.special() if raw == own else raw for raw in raws]
            return encode_snapshot_response(root, raws)

        def watched_received(router: Router, packet: bytes, *rest: Any) -> None:
            if self._desk is not None and router._forwarder.node_id == self.colluder:
                self.packets.append(packet)
            received(router, packet, *rest)

        monkeypatch.setattr(SnapshotServer, "snapshot", watched_snapshot)
        monkeypatch.setattr(Router, "packet_received", watched_received)

    def spring(self, world: World) -> None:
        """From now on the guard lies."""
        self._desk = world.relays["r1"].wiring.directory._answers.snapshots
        self._colluder = world.relays[COLLUDER]

    @property
    def colluder(self) -> NodeId:
        return self._colluder.node_id

    def special(self) -> bytes:
        """Another descriptor for the same epoch and boot, signed by the colluder itself."""
        body = _descriptor(self._colluder).body
        values = {name: getattr(body, name) for name in body.__slots__}
        public = self.key.public
        values["lanes"] = (Lane(body.lanes[0].port, public, public),)
        return sign_descriptor(self._colluder._identity.key, DescriptorBody(**values)).raw

    def unmasked(self) -> int:
        """How many packets the colluder can tell to be a victim's."""
        slot = KeySlot(MixKey(Epoch(0), self.key), ReplayFilter(bytes(16)))
        return sum(_opens(packet, slot) for packet in self.packets)


def _opens(packet: bytes, slot: KeySlot) -> bool:
    try:
        _open(packet, _derive_keys(packet, slot))
    except PacketRefusedError:
        return False
    return True


def _descriptor(relay: Relay) -> Any:
    assert relay._keys is not None
    return relay._keys.descriptor


async def talk(world: World, count: int) -> None:
    await world.friends("alice", "bob")
    for number in range(count):
        message = await world.send("alice", "bob", f"{number}")
        await world.until_state("alice", message, "delivered")


async def test_k31_a_guards_own_version_is_not_used_and_its_colluder_is_shut_out(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first snapshot on: reported by the node, spread by gossip, held for good."""
    trap = Trap(monkeypatch)
    await world.relay_net(7)
    await world.person("bob")
    trap.spring(world)
    await world.person(
        "alice",
        bootstraps=(world.uris["r1"], world.uris["r2"]),
        guards=(world.uris["r1"], world.uris["r2"]),
    )
    alice = world.nodes["alice"]._network
    assert trap.shown
    assert trap.colluder not in alice.descriptors()
    assert [p.node_id for p in alice._snapshot.client.proofs()] == [trap.colluder]
    await trio.sleep(30)
    for name, relay in world.relays.items():
        assert relay._wiring is not None
        assert relay._wiring.directory.descriptors.is_excluded(trap.colluder) or name == COLLUDER
    await talk(world, 8)
    assert trap.unmasked() == 0
    # It stays out after a restart, whatever is shown then.
    await world.crash("alice")
    await world.person("alice", guards=(world.uris["r1"], world.uris["r2"]))
    assert trap.colluder not in world.nodes["alice"]._network.descriptors()
    await talk(world, 3)
    assert trap.unmasked() == 0


async def test_k31_a_version_that_comes_later_is_held_against_what_is_known(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = Trap(monkeypatch)
    await world.relay_net(7)
    await world.person("alice", guards=(world.uris["r1"], world.uris["r2"]))
    trap.spring(world)
    alice = world.nodes["alice"]._network
    assert trap.colluder in alice.descriptors()
    for _ in range(20):  # until the guard happens to be one of the three sources
        alice.refresh_soon()
        await trio.sleep(60)
        if trap.shown:
            break
    assert trap.shown
    assert trap.colluder not in alice.descriptors()
    await world.person("bob")
    await talk(world, 5)
    assert trap.unmasked() == 0


async def test_k31_control_a_node_that_asks_that_guard_alone_is_unmasked(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = Trap(monkeypatch)
    await world.relay_net(7)
    await world.person("bob")
    trap.spring(world)
    await world.person("alice", bootstraps=(world.uris["r1"],), guards=())
    alice = world.nodes["alice"]._network
    assert alice.descriptors()[trap.colluder].raw == trap.special()
    assert "unverified" in " ".join(alice.status().notes), "and its owner is told"
    await world.friends("alice", "bob")
    for number in range(12):
        await world.send("alice", "bob", f"{number}")
    await trio.sleep(20)
    assert trap.unmasked() > 0
