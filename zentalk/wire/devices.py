"""The signed list of a person's devices: who besides the owner's token may use the node.

Spec: docs/reference/rest.md, "Devices". The list is signed with the identity key, so that a
row smuggled into the database admits nobody. It holds hashes of tokens, never a token.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from zentalk.crypto.ed25519 import SIGNATURE_BYTES, SigningKey, verify
from zentalk.crypto.labels import Label
from zentalk.errors import DecodeError
from zentalk.wire.codec import Fields, Value, pack, unpack

FORMAT: Final = 2
OLD_FORMAT: Final = 1
"""Its devices have no scope: they could do what `admin` can now, but see and pair devices."""
MAX_DEVICES: Final = 64
MAX_NAME_BYTES: Final = 64
DEVICE_ID_BYTES: Final = 8
TOKEN_HASH_BYTES: Final = 32
_MAX_BYTES: Final = 16 * 1024
_MAX_TIME: Final = 2**53


class DeviceScope(StrEnum):
    """What a device's token opens, each scope all that the one before it does."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


_SCOPES: Final = tuple(DeviceScope)


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """One device; `added_at` is unix time in seconds.

    `added_by` is the id of the device that admitted it, empty if that was the owner's token.
    """

    device_id: bytes
    name: str
    token_hash: bytes
    added_at: int
    scope: DeviceScope = DeviceScope.ADMIN
    added_by: bytes = b""


def encode_devices(devices: tuple[DeviceEntry, ...], identity: SigningKey) -> bytes:
    """Encode and sign a list of at most MAX_DEVICES devices."""
    rows = [
        [d.device_id, d.name, d.token_hash, d.added_at, _SCOPES.index(d.scope), d.added_by]
        for d in devices
    ]
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
    version = fields.uint(255)
    if version not in {FORMAT, OLD_FORMAT}:
        raise DecodeError("the list of devices has a format that this version does not know")
    devices = tuple(_device(row, version) for row in fields.array(MAX_DEVICES))
    fields.end()
    return devices


def _device(value: Value, version: int) -> DeviceEntry:
    fields = Fields(value, "a device")
    has_scope = version != OLD_FORMAT
    device = DeviceEntry(
        device_id=fields.fixed(DEVICE_ID_BYTES),
        name=fields.text(MAX_NAME_BYTES),
        token_hash=fields.fixed(TOKEN_HASH_BYTES),
        added_at=fields.uint(_MAX_TIME),
        scope=_SCOPES[fields.uint(len(_SCOPES) - 1)] if has_scope else DeviceScope.ADMIN,
        added_by=fields.blob(DEVICE_ID_BYTES) if has_scope else b"",
    )
    fields.end()
    if len(device.added_by) not in {0, DEVICE_ID_BYTES}:
        raise DecodeError("a device is said to be added by something that is no device's id")
    return device
