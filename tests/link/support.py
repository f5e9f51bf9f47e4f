"""What the link tests share: keys, two cores joined in memory, and the pattern without ML-KEM."""

import hashlib
from collections.abc import Iterable

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.types import Entropy
from zentalk.ids import Epoch
from zentalk.link.events import Event, LinkOpened
from zentalk.link.handshake import LinkSettings
from zentalk.link.hello import Credentials, RelayCredentials
from zentalk.link.link import Link
from zentalk.link.noise import Pattern
from zentalk.wire.descriptor import Descriptor, DescriptorBody, Lane, sign_descriptor

NK_PLAIN = Pattern("Noise_NK_25519_ChaChaPoly_BLAKE2b", (("e", "es"), ("e", "ee")))
"""The public pattern. It exists here only: no link speaks it."""

LOCAL = LinkSettings("local")


def seeded(seed: bytes) -> Entropy:
    buffer, counter = b"", 0

    def entropy(length: int) -> bytes:
        nonlocal buffer, counter
        while len(buffer) < length:
            buffer += hashlib.shake_256(seed + counter.to_bytes(8, "big")).digest(256)
            counter += 1
        drawn, buffer = buffer[:length], buffer[length:]
        return drawn

    return entropy


RELAY = SigningKey.generate(seeded(b"relay"))
DIALLER = SigningKey.generate(seeded(b"dialler"))


def descriptor_of(key: SigningKey, network: str = "local", port: int = 9001) -> Descriptor:
    lane = Lane(port, b"m" * 32, b"n" * 32)
    return sign_descriptor(
        key,
        DescriptorBody(
            network, key.public, "127.0.0.1", (lane,), 7, b"", 100, "0.1", Epoch(472_223), 1
        ),
    )


def credentials(key: SigningKey = DIALLER, network: str = "local") -> RelayCredentials:
    return RelayCredentials(descriptor_of(key, network).raw, key)


def initiator(
    hello: Credentials | None = None, settings: LinkSettings = LOCAL, seed: bytes = b"i"
) -> Link:
    return Link.initiate(settings, RELAY.public, hello, seeded(seed))


def responder(settings: LinkSettings = LOCAL, seed: bytes = b"r") -> Link:
    return Link.respond(settings, RELAY, seeded(seed))


def drain(link: Link) -> bytes:
    parts = []
    while data := link.data_to_send():
        parts.append(data)
    return b"".join(parts)


def feed(link: Link, data: bytes, sizes: Iterable[int] = ()) -> list[Event]:
    """Give `data` to a link in pieces of those sizes, the rest at once."""
    events: list[Event] = []
    at = 0
    for size in sizes:
        events += link.receive(data[at : at + size])
        at += size
    return events + (link.receive(data[at:]) if at < len(data) else [])


def open_pair(
    hello: Credentials | None = None, settings: LinkSettings = LOCAL
) -> tuple[Link, Link]:
    """Return both ends of an open link."""
    left, right = initiator(hello, settings), responder(settings)
    right.receive(drain(left))
    assert isinstance(left.receive(drain(right))[0], LinkOpened)
    assert isinstance(right.receive(drain(left))[0], LinkOpened)
    return left, right
