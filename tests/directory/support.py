"""Relays for tests: identities from numbers, descriptors at any time, hosts on demand."""

import hashlib
from collections.abc import Iterable

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.types import Entropy
from zentalk.directory.records import LEAST_WORK_BITS
from zentalk.ids import EPOCH_SECONDS, Epoch, NodeId, epoch_at
from zentalk.wire.descriptor import Descriptor, DescriptorBody, Lane, node_id_of, sign_descriptor
from zentalk.wire.user_record import find_record_work

WALL = 1_800_000_000.0 + 600
EPOCH = epoch_at(WALL)
HOUR = float(EPOCH_SECONDS)


def identity(number: int) -> SigningKey:
    return SigningKey(hashlib.sha256(b"relay %d" % number).digest())


def node_id(number: int) -> NodeId:
    return node_id_of(identity(number).public)


def descriptor(
    number: int,
    *,
    epoch: int = EPOCH,
    boot: int = 1,
    host: str = "127.0.0.1",
    network: str = "local",
    family: bytes = b"",
    mix: bytes = b"",
    key: SigningKey | None = None,
) -> Descriptor:
    """Sign a descriptor; two calls with the same arguments give the same bytes."""
    key = key or identity(number)
    seed = hashlib.sha256(key.public + mix + b"%d %d" % (boot, epoch))
    lane = Lane(9000 + number % 1000, seed.digest(), hashlib.sha256(seed.digest()).digest())
    return sign_descriptor(
        key,
        DescriptorBody(
            network=network,
            identity=key.public,
            host=host,
            lanes=(lane,),
            roles=7,
            family=family,
            max_links=100,
            version="test",
            epoch=Epoch(epoch),
            boot=boot,
        ),
    )


def descriptors(numbers: Iterable[int]) -> list[Descriptor]:
    return [descriptor(number) for number in numbers]


def worked(raw: bytes, bits: int = LEAST_WORK_BITS) -> bytes:
    """Give a record (also a forged one) work of at least so many bits."""
    found, start = None, 0
    while found is None:
        found = find_record_work(raw, bits, start, 1 << 12)
        start += 1 << 12
    return found


def seeded(text: str) -> Entropy:
    """A repeatable entropy source."""
    counter = 0

    def draw(size: int) -> bytes:
        nonlocal counter
        counter += 1
        return hashlib.shake_256(f"{text} {counter}".encode()).digest(size)

    return draw
