"""The signed list of a person's devices: who besides the owner's token may use the node.

Spec: docs/reference/rest.md, "Devices". The list is signed with the identity key, so that a
row smuggled into the database admits nobody. It holds hashes of tokens, never a token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zentalk.crypto.ed25519 import SIGNATURE_BYTES, SigningKey, verify
from zentalk.crypto.labels import Label
from zentalk.errors import DecodeError
from zentalk.wire.codec import Fields, Value, pack, unpack

FORMAT: Final = 1
MAX_DEVICES: Final = 64
MAX_NAME_BYTES: Final = 64
DEVICE_ID_BYTES: Final = 8
TOKEN_HASH_BYTES: Final = 32
_MAX_BYTES: Final = 16 * 1024
_MAX_TIME: Final = 2**53


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """One device; `added_at` is unix time in seconds."""

    device_id: bytes
    name: str
    token_hash: bytes
    added_at: int


def encode_devices(devices: tuple[DeviceEntry, ...], identity: SigningKey) -> bytes:
    """Encode and sign a list of at most MAX_DEVICES devices."""
    rows = [[d.device_id, d.name, d.token_hash, d.added_at] for d in devices]
    body = pack([FORMAT, rows])
    return pack([body, identity.sign(Label.DEVICE_LIST, body)])


def decode_devices(data: bytes, owner: bytes) -> tuple[DeviceEntry, ...]:
    """Read a list signed by `owner`, a 32-byte Ed25519 key.

    Raises DecodeError if it is not well formed, AuthenticationError if the owner did not sign it.
    """
    signed = Fields(unpack(data, max_bytes=_MAX_BYTES), "the list of devices")
    body, signature = signed.blob(_MAX_BYTES), signed.fixed(SIGNATURE_BYTES)
    signed.end()
    verify(owner, Label.DEVICE_LIST, body, signature)
    fields = Fields(unpack(body, max_bytes=_MAX_BYTES), "the list of devices")
    if fields.uint(255) != FORMAT:
        raise DecodeError("the list of devices has a format that this version does not know")
    devices = tuple(_device(row) for row in fields.array(MAX_DEVICES))
    fields.end()
    return devices


def _device(value: Value) -> DeviceEntry:
    fields = Fields(value, "a device")
    device = DeviceEntry(
        device_id=fields.fixed(DEVICE_ID_BYTES),
        name=fields.text(MAX_NAME_BYTES),
        token_hash=fields.fixed(TOKEN_HASH_BYTES),
        added_at=fields.uint(_MAX_TIME),
    )
    fields.end()
    return device
