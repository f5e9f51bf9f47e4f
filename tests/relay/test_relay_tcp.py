"""Three relays over real TCP in one process, in real time: mail goes all the way."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import trio

from tests.relay.harness import Owner, world
from zentalk.config import RelaySettings
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import ConfigError
from zentalk.ids import SendId
from zentalk.net.datagrams import UdpDatagrams
from zentalk.net.runtime import Runtime
from zentalk.net.tcp import TcpNetwork
from zentalk.relay.check import check
from zentalk.wire.echo import decode_echo_answer, encode_echo_question, network_tag

CONTACT = SendId(b"c" * 16)


class TcpHosts:
    """Every host of the world is this machine."""

    def host(self, name: str) -> TcpNetwork:
        return TcpNetwork()

    def revive(self, name: str) -> None:
        pass


async def until(owner: Owner, count: int) -> None:
    with trio.fail_after(20):
        for _ in range(2000):
            if len(owner.pushed) >= count:
                return
            await trio.sleep(0.01)


async def test_b1_d16_mail_goes_over_tcp_in_order(tmp_path: Path) -> None:
    async with world(tmp_path) as net:
        net.network = TcpHosts()  # type: ignore[assignment]
        net.runtime = Runtime.real()
        names = ("r1", "r2", "r3")
        _, _, r3 = await net.start_all(*names, host="127.0.0.1", port=0)
        bob = Owner(SigningKey(b"b" * 32), day_seconds=time.time())
        collect = await net.tunnel(await net.client("bob", "r1"), ["r2", "r3"], bob)
        await bob.open(collect, r3)
        await bob.register(collect, CONTACT)
        alice = await net.client("alice", "r2")
        texts = [f"message {number}".encode() for number in range(30)]
        for text in texts:
            assert alice.send_packet(net.deposit(net.hops("r2", "r1", "r3"), CONTACT, text))
        await until(bob, len(texts))
        assert bob.pushed == texts
        assert [net.relays[name].relay.stats().deposited for name in names] == [0, 0, 30]
        for name in names:
            await net.stop(name)


async def test_with_udp_a_relay_tells_addresses_at_the_port_of_its_first_lane(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as net:
        net.network = TcpHosts()  # type: ignore[assignment]
        net.runtime = Runtime.real()
        relay = await net.start("r1", host="127.0.0.1", port=0, udp=True)
        node = await UdpDatagrams.bind("127.0.0.1", 0)
        question = encode_echo_question(network_tag("local"), b"transaction!")
        place = ("127.0.0.1", relay.uri.port)
        with trio.fail_after(20):
            await node.send(b"rubbish", place)
            await node.send(question, place)
            data, source = await node.receive()
        assert source == place
        answer = decode_echo_answer(data, network_tag("local"))
        assert answer.place == ("127.0.0.1", node.local_port)
        assert relay.relay.stats().refused["udp"] == 1
        await net.stop("r1")
        again = await UdpDatagrams.bind(*place)
        settings = RelaySettings(directory=net.folder("r1"), port=place[1], udp=True)
        with pytest.raises(ConfigError, match="is in use"):
            await check(settings, TcpNetwork())
        await again.aclose()
        await check(settings, TcpNetwork())
        await node.aclose()


async def test_control_without_udp_nothing_is_bound(tmp_path: Path) -> None:
    async with world(tmp_path) as net:
        net.network = TcpHosts()  # type: ignore[assignment]
        net.runtime = Runtime.real()
        relay = await net.start("r1", host="127.0.0.1", port=0)
        mine = await UdpDatagrams.bind("127.0.0.1", relay.uri.port)
        await mine.aclose()
        await net.stop("r1")
