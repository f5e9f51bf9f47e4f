"""Signed descriptors of relays that do not run, for tests of choices."""

from collections.abc import Sequence

from zentalk.crypto import x25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.ids import EPOCH_SECONDS, Epoch
from zentalk.net.runtime import seeded_entropy
from zentalk.onion.peel import Peeler
from zentalk.wire.descriptor import (
    ROLE_DIRECTORY,
    ROLE_FORWARD,
    ROLE_MAILBOX,
    Descriptor,
    DescriptorBody,
    Lane,
    sign_descriptor,
)

EPOCH = Epoch(500_000)
WALL = float(EPOCH * EPOCH_SECONDS + 60)
NETWORK = "test"


def make_relay(
    number: int,
    *,
    epoch: Epoch = EPOCH,
    boot: int = 1,
    lanes: int = 1,
    family: bytes = b"",
    host: str | None = None,
    network: str = NETWORK,
    roles: int = ROLE_FORWARD | ROLE_DIRECTORY | ROLE_MAILBOX,
    peeler: Peeler | None = None,
) -> Descriptor:
    """Return relay `number`'s descriptor; its identity depends on the number only."""
    key = SigningKey(seeded_entropy(f"identity {number}".encode())(32))
    mix = seeded_entropy(f"mix {number} {epoch} {boot}".encode())
    keys = [
        peeler.keys_for_descriptor(epoch)
        if peeler is not None
        else (x25519.generate(mix).public, x25519.generate(mix).public)
        for _ in range(lanes)
    ]
    body = DescriptorBody(
        network=network,
        identity=key.public,
        host=host or f"relay{number}",
        lanes=tuple(Lane(9001 + lane, *pair) for lane, pair in enumerate(keys)),
        roles=roles,
        family=family,
        max_links=100,
        version="0",
        epoch=epoch,
        boot=boot,
    )
    return sign_descriptor(key, body)


def make_relays(count: int) -> Sequence[Descriptor]:
    """Return that many relays."""
    return [make_relay(number) for number in range(count)]
