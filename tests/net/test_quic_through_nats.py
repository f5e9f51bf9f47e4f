"""QUIC through paths that were found, over the same ports: a megabyte each way, through NATs."""

from __future__ import annotations

import os

import pytest
import trio

from tests.direct.support import NatKind
from tests.net.nat_namespaces import NatNamespaces
from tests.net.test_nats import PATIENCE_SECONDS, sessions
from zentalk.net.datagrams import Datagrams
from zentalk.net.quic.endpoint import QuicEndpoint
from zentalk.net.transport import ByteStream

pytestmark = [pytest.mark.slow, pytest.mark.privileged]

SIZE = 1_000_000
READ_BYTES = 65_536


async def exchange(stream: ByteStream, mine: bytes) -> bytes:
    """Send all of ours, and return the other side's."""
    came = bytearray()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, mine)
        while len(came) < SIZE:
            some = await stream.receive_some(READ_BYTES)
            assert some, "the other side ended"
            came += some
    return bytes(came)


@pytest.mark.parametrize(
    "kinds",
    [
        (NatKind.PORT_RESTRICTED, NatKind.PORT_RESTRICTED),
        (NatKind.SYMMETRIC, NatKind.FULL_CONE),
    ],
)
async def test_a_megabyte_goes_both_ways_over_the_ports_that_found_each_other(
    namespaces: NatNamespaces, kinds: tuple[NatKind, NatKind]
) -> None:
    endpoints: list[QuicEndpoint] = []

    async def sharing(nursery: trio.Nursery, port: Datagrams) -> Datagrams:
        endpoint = QuicEndpoint(port, os.urandom)
        await nursery.start(endpoint.run)
        endpoints.append(endpoint)
        return endpoint.beside

    texts = [os.urandom(SIZE) for _ in range(2)]
    arrived: dict[int, bytes] = {}
    done = trio.Event()
    with trio.fail_after(PATIENCE_SECONDS):
        async with sessions(namespaces, kinds, sharing) as (found, _ports):
            paths = [await session.path_after() for session in found]
            client = next(number for number in (0, 1) if found[number].is_client)
            server = 1 - client

            async def serve(stream: ByteStream, host: str) -> None:
                assert host == paths[server][0]
                arrived[server] = await exchange(stream, texts[server])
                done.set()
                await trio.sleep_forever()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(endpoints[server].serve, serve)
                stream = await endpoints[client].dial(*paths[client])
                arrived[client] = await exchange(stream, texts[client])
                await done.wait()
                assert [session.path for session in found] == paths
                nursery.cancel_scope.cancel()
    assert arrived == {client: texts[server], server: texts[client]}
