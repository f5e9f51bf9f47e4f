"""Tunnels through whole relays: where they may lead, who sees what, how they end."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.relay.harness import Owner, World, snapshot, world
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import LinkClosedError, RefusedError, TransportError
from zentalk.ids import Epoch, NodeId, SendId
from zentalk.link.geometry import cell_bytes
from zentalk.net.connection import Connection
from zentalk.onion.geometry import LARGE, SMALL
from zentalk.relay.links.stream_shares import StreamShares
from zentalk.wire.descriptor import (
    ROLE_FORWARD,
    Descriptor,
    DescriptorBody,
    Lane,
    node_id_of,
    sign_descriptor,
)
from zentalk.wire.rpc_directory import encode_announces

CONTACT = SendId(b"c" * 16)
UNITS = {SMALL.packet_bytes + 64, LARGE.packet_bytes + 64}


async def test_mail_is_collected_through_a_tunnel_of_two_hops(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Guard r1 learns only the middle r2, and r3 only that r2 brought a stream."""
    async with world(tmp_path) as net:
        r1, r2, r3 = await net.start_all("r1", "r2", "r3")
        bob = Owner(SigningKey(b"b" * 32))
        guard = await net.client("bob", "r1")
        collect = await net.tunnel(guard, ["r2", "r3"], bob)
        await bob.open(collect, r3)
        await bob.register(collect, CONTACT)
        alice = await net.client("alice", "r2")
        alice.send_packet(net.deposit(net.hops("r2", "r1", "r3"), CONTACT, b"sealed"))
        await trio.sleep(3)
        assert bob.pushed == [b"sealed"]
        assert guard.unit_sizes == {SMALL.packet_bytes + 64}
        spliced = [running.relay.stats().streams_spliced for running in (r1, r2, r3)]
        ended = [running.relay.stats().streams_ended_here for running in (r1, r2, r3)]
        assert spliced == [1, 1, 0]
        assert ended == [0, 1, 1]

        guard.close()
        await trio.sleep(3)
        assert collect.closed.is_set()
        assert [running.relay.stats().streams for running in (r1, r2, r3)] == [0, 0, 0]


async def test_a_large_answer_comes_through_a_tunnel(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        await net.start_all("r1", "r2", "r3")
        guard = await net.client("bob", "r1")
        end = await net.tunnel(guard, ["r2"])
        assert len(await snapshot(end)) == 3
        assert guard.unit_sizes <= UNITS


async def refusal(connection: Connection, node_id: NodeId | None, depth: int = 1) -> str:
    with pytest.raises(RefusedError) as error:
        await connection.open_stream(node_id, cell_bytes(depth))
    return error.value.reason


def forged(host: str, port: int) -> tuple[SigningKey, DescriptorBody]:
    """A descriptor of nobody's relay, naming any host it likes."""
    key = SigningKey(b"f" * 32)
    lane = Lane(port, b"m" * 32, b"n" * 32)
    body = DescriptorBody(
        "local", key.public, host, (lane,), ROLE_FORWARD, b"", 1, "1", Epoch(0), 1
    )
    return key, body


async def listen(net: World, host: str, port: int) -> list[str]:
    """Note who connects to a host that is no relay."""
    listener = await net.network.host(host).listen(host, port)
    arrived: list[str] = []

    async def note(stream: object, source: str) -> None:
        arrived.append(source)

    net.nursery.start_soon(listener.serve, note)
    return arrived


async def test_k40_open_reaches_only_relays_of_the_verified_set(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """K40: unknown ids, forged, foreign and expired descriptors, and itself are refused."""
    async with world(tmp_path) as net:
        r1, r2, _ = await net.start_all("r1", "r2", "r3")
        arrived = await listen(net, "victim", 25)
        client = await net.client("mallory", "r1")
        key, body = forged("victim", 25)
        wrong_signature = sign_descriptor(SigningKey(b"x" * 32), body)
        expired = sign_descriptor(key, body)
        foreign = sign_descriptor(key, _with(body, network="other", epoch=r1.descriptor.epoch))
        for descriptor in (expired, foreign):
            for call in encode_announces([descriptor.raw]):
                client.notify(call)
        await trio.sleep(1)
        assert await refusal(client, node_id_of(key.public)) == "unknown"
        assert await refusal(client, NodeId(bytes(32))) == "unknown"
        assert await refusal(client, r1.node_id) == "self"
        assert await refusal(client, None) == "forbidden"
        assert await refusal(client, r2.node_id, depth=2) == "forbidden"
        for call in encode_announces([wrong_signature.raw]):
            client.notify(call)
        await trio.sleep(1)
        assert client.closed.is_set(), "a forged signature costs the link"
        assert arrived == []
        assert r1.relay.stats().refused["unknown"] == 2


async def test_k40_control_without_the_verified_set_a_forged_descriptor_is_dialled(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as net:
        r1, _, _ = await net.start_all("r1", "r2", "r3")
        arrived = await listen(net, "victim", 25)
        key, body = forged("victim", 25)
        believed: Descriptor = sign_descriptor(key, body)
        assert r1.relay._wiring is not None
        relays = r1.relay._wiring.directory.state.known
        known = relays.descriptor_of
        monkeypatch.setattr(
            relays,
            "descriptor_of",
            lambda node_id: believed if node_id == believed.node_id else known(node_id),
        )
        client = await net.client("mallory", "r1")
        assert await refusal(client, believed.node_id) == "unreachable"
        assert arrived == ["r1"]


def _with(body: DescriptorBody, **changes: object) -> DescriptorBody:
    values = {name: getattr(body, name) for name in body.__slots__}
    return DescriptorBody(**(values | changes))


async def test_a_relay_link_may_not_name_a_target(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Else a relay could hide behind another one's address."""
    async with world(tmp_path) as net:
        r1, r2, r3 = await net.start_all("r1", "r2", "r3")
        assert r1.relay._wiring is not None
        link = await r1.relay._wiring.links.get(r2.node_id)
        assert await refusal(link, r3.node_id) == "forbidden"
        assert await refusal(link, r2.node_id) == "forbidden"


async def test_a_relay_that_is_gone_is_unreachable_and_costs_no_other_stream(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        _, r2, _ = await net.start_all("r1", "r2", "r3")
        guard = await net.client("bob", "r1")
        other = await net.tunnel(guard, ["r3"])
        doomed = await net.tunnel(guard, ["r2"])
        target = r2.node_id
        await net.crash("r2")
        with pytest.raises(LinkClosedError):
            await snapshot(doomed)
        with pytest.raises((RefusedError, TransportError)):
            await guard.open_stream(target, cell_bytes(1))
        assert len(await snapshot(other)) == 3


async def test_streams_are_capped_per_link_and_shared_in_all(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most 8 per client link; at a full relay whoever has most gives way."""
    async with world(tmp_path) as net:
        r1, r2, _ = await net.start_all("r1", "r2", "r3")
        first, second = await net.client("a", "r1"), await net.client("b", "r1")
        streams = [await first.open_stream(r2.node_id, cell_bytes(1)) for _ in range(8)]
        assert await refusal(first, r2.node_id) == "busy"
        assert r1.relay._wiring is not None
        shares = r1.relay._wiring.capacity.streams
        monkeypatch.setattr(StreamShares, "_room", lambda self: 8 if self is shares else 128)
        await second.open_stream(r2.node_id, cell_bytes(1))
        assert await streams[7].receive_some(1) == b"", "the youngest of whoever has most"
        assert r1.relay.stats().streams == 8
        assert r1.relay.stats().refused["busy"] == 1, "the link itself refuses the ninth"


@pytest.mark.parametrize(("network_id", "admitted"), [("local", 5), ("main", 3)])
async def test_a_flood_from_one_source_is_refused_in_main_only(
    autojump_clock: MockClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    network_id: str,
    admitted: int,
) -> None:
    monkeypatch.setattr("zentalk.relay.links.admission.SURE_PER_SOURCE", 3)
    async with world(tmp_path, network_id=network_id) as net:
        r1 = await net.start("r1", max_links=6)
        for number in range(5):
            if number < admitted:
                await net.client("mallory", "r1")
            else:
                with pytest.raises(LinkClosedError):
                    await net.client("mallory", "r1")
        await net.client("alice", "r1")
        stats = r1.relay.stats()
        assert stats.connections == admitted + 1
        assert stats.refused.get("source", 0) == 5 - admitted


async def test_what_an_open_asks_is_checked_before_it_is_counted(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """A cell size that no tunnel has is the peer's fault: that stream ends, the link lives."""
    async with world(tmp_path) as net:
        r1, r2, _ = await net.start_all("r1", "r2", "r3")
        client = await net.client("mallory", "r1")
        with pytest.raises((RefusedError, TransportError)):
            await client.open_stream(r2.node_id, 1000)
        assert not client.closed.is_set()
        assert r1.relay.stats().streams == 0
        assert len(await snapshot(client)) == 3
