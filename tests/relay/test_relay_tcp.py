"""Three relays over real TCP in one process, in real time: mail goes all the way."""

from __future__ import annotations

import time
from pathlib import Path

import trio

from tests.relay.harness import Owner, world
from zentalk.crypto.ed25519 import SigningKey
from zentalk.ids import SendId
from zentalk.net.runtime import Runtime
from zentalk.net.tcp import TcpNetwork

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
