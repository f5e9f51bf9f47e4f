"""Our address on the way to somebody, found out without sending anything."""

from __future__ import annotations

from zentalk.net.datagrams import UdpDatagrams
from zentalk.net.own_addresses import own_addresses


async def test_each_way_gives_one_address_and_nothing_is_sent() -> None:
    listening = await UdpDatagrams.bind("127.0.0.1", 0)
    target = ("127.0.0.1", listening.local_port)
    assert await own_addresses([target, target, ("127.0.0.1", 9)]) == ("127.0.0.1",)
    await UdpDatagrams.send(listening, b"mine", target)
    assert (await listening.receive())[0] == b"mine", "the only one that came"
    await listening.aclose()


async def test_no_way_is_no_address() -> None:
    assert await own_addresses([]) == ()
    assert await own_addresses([("255.255.255.255", 9)]) == ()
