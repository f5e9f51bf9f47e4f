"""A link over every transport: the handshake, a request, packets, and its end."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from tests.net.contract.ways import Way
from tests.net.support import NETWORK, SMALL, Relay
from zentalk.net.connection import NoHandlers
from zentalk.net.memory import MemoryNetwork
from zentalk.net.serve import connect
from zentalk.net.transport import ByteStream


async def test_a_link_is_made_a_request_answered_and_the_end_seen(
    way: Way, clock: MockClock | None, nursery: trio.Nursery
) -> None:
    relay = Relay("end", MemoryNetwork().host("end"), way.runtime)

    async def take(stream: ByteStream, peer_host: str) -> None:
        await relay.take(stream, peer_host, way.depth)

    way.far.handler = take
    link = await connect(
        await way.dial(),
        network=NETWORK,
        relay_identity=relay.key.public,
        handlers=NoHandlers(),
        runtime=way.runtime,
        nursery=nursery,
        depth=way.depth,
    )
    body = bytes(range(256)) * 300
    assert await link.request(body) == b"end: " + body
    if not way.depth:
        for _ in range(20):
            assert link.send_packet(SMALL)
        while len(relay.packets) < 20:
            await link.request(b"")
        assert relay.packets == [SMALL] * 20
    [accepted] = relay.accepted
    accepted.close()
    await link.closed.wait()
    nursery.cancel_scope.cancel()
