"""Whole relays over the in-memory network: packets, mail, tunnels, restarts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.relay.harness import Owner, Running, World, folder_bytes, snapshot, table_rows, world
from zentalk.config import RelaySettings
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import ConfigError
from zentalk.ids import NodeId, SendId
from zentalk.onion.ack import build_ack
from zentalk.onion.packet import ACK_TOKEN, DEPOSIT, DROP
from zentalk.relay.forwarding.forwarder import RelayLane
from zentalk.relay.forwarding.router import Router
from zentalk.relay.status import read_status
from zentalk.relay.storage import _open_mailboxes
from zentalk.store.mailbox.earlier_files import QUEUE_FILE
from zentalk.store.mailbox.memory import MemoryMailboxStore
from zentalk.store.mailbox.sqlite import SqliteMailboxStore
from zentalk.wire.deposit import AckRoute
from zentalk.wire.rpc_send_ids import SendIdKind

CONTACT = SendId(b"c" * 16)
ACKS = SendId(b"a" * 16)
BOB = SigningKey(b"b" * 32)


def waiting(folder: Path) -> list[tuple[object, ...]]:
    """The envelopes in a relay's queue database."""
    return table_rows(folder / QUEUE_FILE)["envelope"]


async def test_a3_three_relays_carry_a_packet_and_each_sees_only_the_next_hop(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A3: R1 sees only R2, R2 only R3, R3 only the send id; no disk is touched meanwhile."""
    async with world(tmp_path) as net:
        r1, r2, r3 = await net.start_all("r1", "r2", "r3")
        seen: dict[str, list[NodeId]] = {"r1": [], "r2": [], "r3": []}
        deposited: dict[str, list[bytes]] = {"r1": [], "r2": [], "r3": []}
        for name, running in net.relays.items():
            _watch(running.router, seen[name], deposited[name], monkeypatch)
        bob = Owner(BOB)
        collect = await net.client("bob", "r3", bob)
        await bob.open(collect, r3)
        await bob.register(collect, CONTACT)
        await trio.sleep(1)
        before = {name: waiting(net.folder(name)) for name in net.relays}
        commits = r3.relay.stats().mailbox["commits"]

        alice = await net.client("alice", "r1")
        assert alice.send_packet(net.deposit(net.hops("r1", "r2", "r3"), CONTACT, b"sealed"))
        await trio.sleep(10)

        assert bob.pushed == [b"sealed"]
        assert seen == {"r1": [r2.node_id], "r2": [r3.node_id], "r3": []}
        assert [len(found) for found in deposited.values()] == [0, 0, 1]
        assert [running.relay.stats().forwarded for running in (r1, r2, r3)] == [1, 1, 0]
        assert [running.relay.stats().deposited for running in (r1, r2, r3)] == [0, 0, 1]
        assert before == {name: [] for name in net.relays}
        assert {name: waiting(net.folder(name)) for name in net.relays} == before
        assert r3.relay.stats().mailbox["commits"] == commits


def _watch(
    router: Router,
    seen: list[NodeId],
    deposited: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send, deposit = router._forwarder.send, router._services.deposit

    def watched_send(target: RelayLane, packet: bytes) -> bool:
        seen.append(target.node_id)
        return send(target, packet)

    def watched_deposit(payload: bytes) -> None:
        deposited.append(payload)
        deposit(payload)

    monkeypatch.setattr(router._forwarder, "send", watched_send)
    monkeypatch.setattr(router._services, "deposit", watched_deposit)


async def _registered_and_away(net: World, relay: Running) -> Owner:
    """Return somebody who has a mailbox at r3, and has left."""
    bob = Owner(BOB)
    collect = await net.client("bob", "r3", bob)
    await bob.open(collect, relay)
    await bob.register(collect, CONTACT)
    collect.close()
    await trio.sleep(1)
    return bob


async def test_a4_mail_for_an_absent_owner_waits_sealed_and_goes_after_the_ack(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """A4 and the control of A3: with Bob away, exactly one envelope lies at his relay."""
    async with world(tmp_path) as net:
        _, _, r3 = await net.start_all("r1", "r2", "r3")
        bob = await _registered_and_away(net, r3)
        alice = await net.client("alice", "r1")
        alice.send_packet(net.deposit(net.hops("r1", "r2", "r3"), CONTACT, b"sealed"))
        await trio.sleep(5)
        assert [len(waiting(net.folder(name))) for name in ("r1", "r2", "r3")] == [0, 0, 1]

        await bob.open(await net.client("bob", "r3", bob), r3)
        await trio.sleep(5)
        assert bob.pushed == [b"sealed"]
        assert waiting(net.folder("r3")) == []


async def test_a_compact_ack_comes_back_as_one_more_packet(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1, r2, r3 = await net.start_all("r1", "r2", "r3")
        bob, alice = Owner(BOB), Owner(SigningKey(b"a" * 32))
        collect = await net.client("bob", "r3", bob)
        await bob.open(collect, r3)
        await bob.register(collect, CONTACT)
        acks = await net.client("alice", "r1", alice)
        await alice.open(acks, r1)
        await alice.register(acks, ACKS, SendIdKind.ACK)
        ack = build_ack(net.hops("r2", "r3", "r1"), ACKS, b"t" * 32, net.runtime.entropy)
        packet = net.deposit(
            net.hops("r1", "r2", "r3"), CONTACT, b"x", AckRoute(ack.first, ack.lane, ack.blob)
        )
        sender = await net.client("alice2", "r1")
        sender.send_packet(packet)
        await trio.sleep(3.9)
        assert alice.tokens == []
        await trio.sleep(3)
        assert alice.tokens == [b"t" * 32]
        assert r3.relay.stats().acks_sent == 1
        assert r2.relay.stats().forwarded == 2, "the message and the acknowledgement"


async def test_a_deposit_is_counted_once_as_what_became_of_it(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """The mailbox alone knows whether it took a deposit, so nothing else counts any."""
    async with world(tmp_path) as net:
        r1, r2 = await net.start_all("r1", "r2")
        bob = Owner(BOB)
        collect = await net.client("bob", "r2", bob)
        await bob.open(collect, r2)
        await bob.register(collect, CONTACT)
        collect.close()
        alice = await net.client("alice", "r1")

        async def send(packet: bytes) -> dict[str, int]:
            alice.send_packet(packet)
            await trio.sleep(2)
            stats = r2.relay.stats()
            counts = {"deposited": stats.deposited, "repeats": stats.repeats}
            assert stats.delivered == stats.deposited + stats.repeats + stats.tokens + stats.cover
            assert not [name for name in stats.mailbox if "refused" in name]
            assert r2.relay.status().counters["deposited"] == stats.deposited
            return {name: n for name, n in counts.items() if n} | dict(stats.refused)

        path = net.hops("r1", "r2")
        assert await send(net.packet(path, DEPOSIT, b"garbage")) == {"mailbox-malformed": 1}
        counted = {"mailbox-malformed": 1, "mailbox-unknown": 1}
        assert await send(net.deposit(path, SendId(b"nobody's, or not"), b"x")) == counted
        counted["deposited"] = 1
        assert await send(net.deposit(path, CONTACT, b"x", deposit_id=b"1" * 16)) == counted
        counted["repeats"] = 1
        assert await send(net.deposit(path, CONTACT, b"y", deposit_id=b"1" * 16)) == counted
        assert await send(net.packet(path, ACK_TOKEN, b"short")) == counted | {
            "mailbox-malformed": 2
        }
        assert (r2.relay.stats().tokens, r1.relay.stats().delivered) == (0, 0)


async def test_k1_the_same_packet_twice_leaves_once(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """K1 over links: also when another client brings the copy."""
    async with world(tmp_path) as net:
        r1, r2, _ = await net.start_all("r1", "r2", "r3")
        packet = net.packet(net.hops("r1", "r2"), DROP, b"")
        for name in ("alice", "mallory"):
            client = await net.client(name, "r1")
            client.send_packet(packet)
            client.send_packet(packet)
            await trio.sleep(1)
        assert r1.relay.stats().forwarded == 1
        assert r1.relay.stats().refused == {"replay": 3}
        assert r2.relay.stats().cover == 1


async def test_k1_control_without_the_filter_every_copy_leaves(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zentalk.onion.replay.ReplayFilter.__contains__", lambda self, tag: False)
    async with world(tmp_path) as net:
        r1, _, _ = await net.start_all("r1", "r2", "r3")
        client = await net.client("alice", "r1")
        packet = net.packet(net.hops("r1", "r2"), DROP, b"")
        client.send_packet(packet)
        client.send_packet(packet)
        await trio.sleep(1)
        assert r1.relay.stats().forwarded == 2


async def test_k37_a_relay_that_crashed_comes_back_with_new_keys(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """K37: old packets are counted, the higher boot spreads, new packets get through."""
    async with world(tmp_path) as net:
        r1, r2, r3 = await net.start_all("r1", "r2", "r3")
        alice = await net.client("alice", "r1")
        old = [net.packet(net.hops("r1", "r2", "r3"), DROP, b"") for _ in range(3)]
        alice.send_packet(old[0])
        await trio.sleep(1)
        assert r3.relay.stats().cover == 1

        await net.crash("r2")
        alice.send_packet(old[1])
        await trio.sleep(1)
        back = await net.start("r2")
        assert back.node_id == r2.node_id
        assert back.descriptor.boot == r2.descriptor.boot + 1
        await net.settle(3)
        alice.send_packet(old[2])
        await trio.sleep(1)
        assert back.relay.stats().refused == {"undecryptable": 1}
        assert r3.relay.stats().cover == 1

        fresh = {item.node_id: item for item in await snapshot(alice)}
        assert fresh[back.node_id].boot == back.descriptor.boot
        hops = [net.hop(fresh[node_id]) for node_id in (r1.node_id, r2.node_id, r3.node_id)]
        alice.send_packet(net.packet(hops, DROP, b""))
        await trio.sleep(1)
        assert r3.relay.stats().cover == 2


async def test_a_restart_keeps_identity_and_mail(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with world(tmp_path) as net:
        _, _, r3 = await net.start_all("r1", "r2", "r3")
        bob = Owner(BOB, acks=False)
        collect = await net.client("bob", "r3", bob)
        await bob.open(collect, r3)
        await bob.register(collect, CONTACT)
        collect.close()
        alice = await net.client("alice", "r1")
        for text in (b"one", b"two"):
            alice.send_packet(net.deposit(net.hops("r1", "r2", "r3"), CONTACT, text))
        await trio.sleep(5)
        await net.stop("r3")
        back = await net.start("r3")
        assert back.node_id == r3.node_id
        assert back.descriptor.boot > r3.descriptor.boot
        await bob.open(await net.client("bob", "r3", bob), back)
        await trio.sleep(1)
        assert bob.pushed == [b"one", b"two"]


async def test_a1_a8_databases_hold_sealed_bytes_and_nothing_of_the_sender(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """A1, A8: every file of every relay, read raw while mail waits and after a crash."""
    async with world(tmp_path) as net:
        _, _, r3 = await net.start_all("r1", "r2", "r3")
        bob = Owner(BOB)
        collect = await net.client("bob", "r3", bob)
        await bob.open(collect, r3)
        await bob.register(collect, CONTACT)
        collect.close()
        alice = await net.client("alice-host", "r1")
        alice.send_packet(net.deposit(net.hops("r1", "r2", "r3"), CONTACT, b"SEALED-BYTES"))
        await trio.sleep(5)
        files = {name: folder_bytes(net.folder(name)) for name in net.relays}
        envelopes = {name: waiting(net.folder(name)) for name in net.relays}
        for name in list(net.relays):
            await net.crash(name)
        for name in ("r1", "r2", "r3"):
            files[name] += folder_bytes(net.folder(name))

    assert [len(envelopes[name]) for name in ("r1", "r2", "r3")] == [0, 0, 1]
    for name, content in files.items():
        assert b"alice-host" not in content, name
        assert (b"SEALED-BYTES" in content) is (name == "r3")
        assert (bytes(CONTACT) in content) is (name == "r3")


async def test_d11_a_malformed_packet_is_counted_and_the_connection_stays(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """D11: what cannot be peeled is dropped; the next packet of the same client goes on."""
    async with world(tmp_path) as net:
        r1, r2, _ = await net.start_all("r1", "r2", "r3")
        client = await net.client("alice", "r1")
        client.send_packet(bytes(2560))
        damaged = bytearray(net.packet(net.hops("r1", "r2"), DROP, b""))
        damaged[1000] ^= 1
        client.send_packet(bytes(damaged))
        client.send_packet(net.packet(net.hops("r1", "r2"), DROP, b""))
        await trio.sleep(1)
        assert not client.closed.is_set()
        assert r1.relay.stats().refused == {"malformed": 1, "undecryptable": 1}
        assert r2.relay.stats().cover == 1


async def test_what_ends_one_connection_never_ends_the_listener(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1 = await net.start("r1")
        good = await net.client("alice", "r1")
        for first in (b"", b"GET / HTTP/1.0\r\n\r\n", bytes(2624), bytes(100_000)):
            stream = await net.network.host("mallory").dial("r1", 9001)
            await stream.send_all(first)
            await stream.aclose()
        bad = await net.client("mallory", "r1")
        await bad._stream.send_all(b"\xff" * 2624)
        await trio.sleep(10)
        assert bad.closed.is_set()
        assert not good.closed.is_set()
        assert len(await snapshot(good)) == 1
        assert len(await snapshot(await net.client("bob", "r1"))) == 1
        assert r1.relay.stats().connections == 2


async def test_a_port_in_use_is_one_sentence(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with world(tmp_path) as net:
        await net.network.host("r1").listen("r1", 9001)
        with pytest.raises(ConfigError, match="9001 on r1 is in use") as error:
            await net.start("r1")
        assert "\n" not in str(error.value)


async def test_stop_drains_and_says_stopped(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with world(tmp_path) as net:
        r1, _, _ = await net.start_all("r1", "r2", "r3")
        client = await net.client("alice", "r1")
        for _ in range(50):
            client.send_packet(net.packet(net.hops("r1", "r2"), DROP, b""))
        await trio.sleep(0.5)
        status = read_status(net.folder("r1"))
        assert (status.running, status.state, status.port) == (True, "ready", 9001)
        r2 = net.relays["r2"]
        await net.stop("r1")
        await trio.sleep(1)
        assert client.closed.is_set()
        assert r2.relay.stats().cover == 50
        status = read_status(net.folder("r1"))
        assert (status.running, status.state) == (False, "stopped")
        assert status.counters["forwarded"] == 50
        assert r1.relay.stats().forwarded == 50


async def test_two_lanes_have_their_own_ports_and_keys(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        await net.start("r1")
        r2 = await net.start("r2", lanes=2)
        await net.settle(2)
        first, second = (net.hop(r2.descriptor, lane=lane) for lane in (0, 1))
        assert [lane.port for lane in r2.descriptor.lanes] == [9001, 9002]
        client = await net.client("alice", "r1")
        for last in (first, second, second):
            client.send_packet(net.packet([*net.hops("r1"), last], DROP, b""))
        wrong = replace(second, lane=0)
        client.send_packet(net.packet([*net.hops("r1"), wrong], DROP, b""))
        await trio.sleep(2)
        assert r2.relay.stats().cover == 3
        assert r2.relay.stats().refused == {"undecryptable": 1}


async def test_a_relay_with_mail_in_memory_has_no_queue_on_disk(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        _, r2 = await net.start_all("r1", "r2", mailbox_profile="memory")
        bob = Owner(BOB)
        collect = await net.client("bob", "r2", bob)
        await bob.open(collect, r2)
        await bob.register(collect, CONTACT)
        collect.close()
        await trio.sleep(1)
        alice = await net.client("alice", "r1")
        alice.send_packet(net.deposit(net.hops("r1", "r2"), CONTACT, b"MEMORY-ONLY"))
        await trio.sleep(5)
        assert b"MEMORY-ONLY" not in folder_bytes(net.folder("r2"))
        await bob.open(await net.client("bob", "r2", bob), r2)
        await trio.sleep(1)
        assert bob.pushed == [b"MEMORY-ONLY"]


async def _mail_across_a_change(tmp_path: Path, **change: Any) -> list[bytes]:
    """Deposit for somebody absent, restart his relay with other settings, and collect."""
    async with world(tmp_path) as net:
        _, _, r3 = await net.start_all("r1", "r2", "r3")
        bob = await _registered_and_away(net, r3)
        alice = await net.client("alice", "r1")
        for number in range(6):
            alice.send_packet(net.deposit(net.hops("r1", "r2", "r3"), CONTACT, b"%d" % number))
        await trio.sleep(5)
        await net.stop("r3")
        r3 = await net.start("r3", **change)
        await bob.open(await net.client("bob", "r3", bob), r3)
        await trio.sleep(5)
        return sorted(bob.pushed)


ALL_SIX = [b"%d" % number for number in range(6)]


@pytest.mark.parametrize(
    "change",
    [
        {"port": 9055},
        {"port": 0},
        {"lanes": 2},
        {"family": "mine"},
        {"mailbox_profile": "memory"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_mail_is_collected_whatever_the_operator_changed(
    autojump_clock: MockClock, tmp_path: Path, change: dict[str, Any]
) -> None:
    assert await _mail_across_a_change(tmp_path, **change) == ALL_SIX


async def test_control_a_file_named_after_the_port_loses_the_mail(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_port(settings: RelaySettings) -> SqliteMailboxStore:
        return SqliteMailboxStore(settings.directory / f"queue-{settings.port}.db")

    monkeypatch.setattr("zentalk.relay.storage._open_mailboxes", by_port)
    assert await _mail_across_a_change(tmp_path, port=9055) == []


async def test_profile_memory_keeps_nothing_once_no_mail_waits(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """The control of the change above: what is on the disk serves only what waits there."""
    await _mail_across_a_change(tmp_path, mailbox_profile="memory")
    assert (
        _open_mailboxes(
            RelaySettings(directory=tmp_path / "r3", mailbox_profile="memory")
        ).__class__
        is MemoryMailboxStore
    )
