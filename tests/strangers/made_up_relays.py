"""K46, K47: whoever makes descriptors of relays that do not exist, and tells them to everybody."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress

import trio

from tests.strangers.ground import Ground
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import LINK_FAULTS, RefusedError
from zentalk.ids import epoch_at
from zentalk.link.hello import RelayCredentials
from zentalk.net.connection import Connection
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


def many(network: str, count: int, wall: float, first: int = 0) -> list[Descriptor]:
    """Sign many, each at an address of its own in the public Internet."""
    return [
        made_up(network, n, f"{60 + n // 62500}.{n // 250 % 250}.{n % 250}.7", 9001, wall)
        for n in range(first, first + count)
    ]


async def hello(net: Ground, target: str, own: Descriptor, number: int, host: str) -> Connection:
    """Say hello to a relay from `host`, as the relay of a made-up descriptor."""
    return await net.client(host, target, hello=RelayCredentials(own.raw, key_of(number)))


def tell(link: Connection, descriptors: Iterable[Descriptor]) -> None:
    for call in encode_announces([one.raw for one in descriptors]):
        link.notify(call)


async def listen(net: Ground, host: str, port: int) -> list[str]:
    """Note who connects to a machine that is no relay."""
    listener = await net.memory.host(host).listen(host, port)
    arrived: list[str] = []

    async def note(stream: object, source: str) -> None:
        arrived.append(source)

    net.nursery.start_soon(listener.serve, note)
    await trio.lowlevel.checkpoint()
    return arrived


async def claim_private_addresses(net: Ground, hosts: Sequence[str]) -> None:
    """Say hello to every relay as relays at addresses of machines, houses and companies."""
    for number, name in enumerate(sorted(net.relays)):
        private = ("127.0.0.1", "10.0.0.1")[number % 2]
        own = made_up(net.network_id, 1_000_000 + number, private, 9001, net.runtime.wall())
        with suppress(*LINK_FAULTS, RefusedError):
            await hello(net, name, own, 1_000_000 + number, hosts[number % len(hosts)])
