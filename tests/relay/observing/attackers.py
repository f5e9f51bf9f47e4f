"""Who makes descriptors of relays that do not exist, and tells them to everybody."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import trio

from tests.relay.harness import World
from zentalk.crypto.ed25519 import SigningKey
from zentalk.ids import epoch_at
from zentalk.link.hello import RelayCredentials
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.serve import connect
from zentalk.wire.descriptor import Descriptor, DescriptorBody, Lane, sign_descriptor
from zentalk.wire.rpc_directory import encode_announces

EVERY_ROLE = 7


def key_of(number: int) -> SigningKey:
    return SigningKey(hashlib.sha256(b"made up %d" % number).digest())


def made_up(network: str, number: int, host: str, port: int, wall: float) -> Descriptor:
    """Sign a valid descriptor for a relay that is not there."""
    key = key_of(number)
    lane = Lane(port, b"m" * 32, b"n" * 32)
    body = DescriptorBody(
        network, key.public, host, (lane,), EVERY_ROLE, b"", 100, "1", epoch_at(wall), 1
    )
    return sign_descriptor(key, body)


def many(network: str, count: int, wall: float) -> list[Descriptor]:
    """Sign many, each at an address of its own in the public Internet."""
    return [
        made_up(network, n, f"{60 + n // 62500}.{n // 250 % 250}.{n % 250}.7", 9001, wall)
        for n in range(count)
    ]


async def hello(net: World, target: str, own: Descriptor, number: int, host: str) -> Connection:
    """Say hello to a relay from `host`, as the relay of a made-up descriptor."""
    uri = net.relays[target].uri
    return await connect(
        await net.network.host(host).dial(uri.host, uri.port),
        network=net.network_id,
        relay_identity=uri.identity,
        hello=RelayCredentials(own.raw, key_of(number)),
        handlers=NoHandlers(),
        runtime=net.runtime.for_part(f"liar {number}"),
        nursery=net.nursery,
    )


def tell(link: Connection, descriptors: Iterable[Descriptor]) -> None:
    for call in encode_announces([one.raw for one in descriptors]):
        link.notify(call)


async def listen(net: World, host: str, port: int) -> list[str]:
    """Note who connects to a machine that is no relay."""
    listener = await net.network.host(host).listen(host, port)
    arrived: list[str] = []

    async def note(stream: object, source: str) -> None:
        arrived.append(source)

    net.nursery.start_soon(listener.serve, note)
    await trio.lowlevel.checkpoint()
    return arrived
