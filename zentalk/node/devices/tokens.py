"""A person's devices: named tokens that open the node's REST, each of them revocable.

The list is one signed value in the database. A list that the identity did not sign admits no
device at all, and the owner is told. Tokens are shown once and never kept, only their hashes.
Every change is an event in the log, in the transaction that makes it: no device comes unseen.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.errors import ConfigError, ConflictError, NotFoundError, RemoteProtocolError
from zentalk.net.runtime import Runtime
from zentalk.store.history import devices_seen, events, push, settings
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.sqlite import Transaction
from zentalk.wire.devices import (
    DEVICE_ID_BYTES,
    MAX_DEVICES,
    MAX_NAME_BYTES,
    DeviceEntry,
    DeviceScope,
    decode_devices,
    encode_devices,
)

TOKEN_BYTES: Final = 32
_KEY: Final = "devices"
_FORGED: Final = (
    "the list of devices in the database was not signed by this identity: "
    "no device is admitted; add yours again, and find out who changed the database"
)


class DeviceTokens:
    """The devices of the owner of `identity`. `load` comes first."""

    def __init__(self, runtime: Runtime, identity: SigningKey, database: HistoryDatabase) -> None:
        self._runtime = runtime
        self._identity = identity
        self._database = database
        self._devices: tuple[DeviceEntry, ...] = ()
        self.trouble: str | None = None
        self._listeners: list[Callable[[str], None]] = []

    def tell_revoked(self, listener: Callable[[str], None]) -> None:
        """Call somebody with the id of each device that is revoked from now on, at once."""
        self._listeners.append(listener)

    def load(self) -> None:
        """Read and verify the list."""
        self._devices = self._database.read_now(self._read)

    def admitted(self, token: bytes) -> DeviceEntry | None:
        """Return the device whose token this is, None for any other bytes.

        The token is hashed before it is compared, so timing tells nothing about it.
        """
        token_hash = _hash(token)
        for device in self._devices:
            if device.token_hash == token_hash:
                return device
        return None

    def listing(self) -> list[DeviceEntry]:
        """Return the devices, oldest first."""
        return list(self._devices)

    def is_admitted(self, tx: Transaction, device_id: str) -> bool:
        """Say whether a device may use the node, as of this transaction."""
        return any(device.device_id.hex() == device_id for device in self._read(tx))

    def check_new(self, name: str) -> None:
        """Refuse what could not be added now.

        Raises ConfigError for an empty or long name, ConflictError if there are too many or one
        has this name.
        """
        if not 0 < len(name.encode("utf-8", "replace")) <= MAX_NAME_BYTES:
            raise ConfigError(f"a device's name must have 1 to {MAX_NAME_BYTES} bytes")
        _check_room(self._devices, name)

    async def add(
        self, name: str, scope: DeviceScope = DeviceScope.WRITE, added_by: str = ""
    ) -> tuple[DeviceEntry, str]:
        """Admit a device; returns it and its token, which nobody can read again.

        `added_by` is the id of the device that admits it, empty for the owner's token. Raises
        what `check_new` raises, and ConflictError if that device was revoked.
        """
        self.check_new(name)
        token = base64.urlsafe_b64encode(self._runtime.entropy(TOKEN_BYTES)).rstrip(b"=")
        device = DeviceEntry(
            device_id=self._runtime.entropy(DEVICE_ID_BYTES),
            name=name,
            token_hash=_hash(token),
            added_at=int(self._runtime.wall()),
            scope=scope,
            added_by=bytes.fromhex(added_by),
        )

        def job(tx: Transaction) -> tuple[DeviceEntry, ...]:
            known = self._read(tx)
            _check_room(known, name)
            if added_by and all(other.device_id != device.added_by for other in known):
                raise ConflictError("the device that wants to admit this one was revoked")
            return self._save(tx, (*known, device), "device.added", (device,))

        self._devices = await self._database.write(job)
        self.trouble = None
        return device, token.decode("ascii")

    async def revoke(self, device_id: str) -> None:
        """Shut a device out, and those that it admitted, also of what they have open.

        A thief of a token must not stay by a device that was admitted with it. Raises
        NotFoundError if there is none.
        """
        gone: list[DeviceEntry] = []

        def job(tx: Transaction) -> tuple[DeviceEntry, ...]:
            known = self._read(tx)
            gone[:] = _with_admitted(known, device_id)
            if not gone:
                raise NotFoundError("there is no device with this id")
            left = tuple(device for device in known if device not in gone)
            for device in gone:
                devices_seen.forget(tx, device.device_id.hex())
                push.remove(tx, device.device_id.hex())
            return self._save(tx, left, "device.revoked", gone)

        self._devices = await self._database.write(job)
        for device in gone:
            for listener in self._listeners:
                listener(device.device_id.hex())

    def _save(
        self,
        tx: Transaction,
        devices: tuple[DeviceEntry, ...],
        kind: str,
        changed: Iterable[DeviceEntry],
    ) -> tuple[DeviceEntry, ...]:
        settings.put(tx, _KEY, encode_devices(devices, self._identity))
        for device in changed:
            about = {"id": device.device_id.hex(), "name": device.name, "scope": device.scope}
            events.append(tx, kind, self._runtime.wall(), about)
        return devices

    def _read(self, tx: Transaction) -> tuple[DeviceEntry, ...]:
        saved = settings.get(tx, _KEY)
        self.trouble = None
        if saved is None:
            return ()
        try:
            return decode_devices(saved, self._identity.public)
        except RemoteProtocolError:
            self.trouble = _FORGED
            return ()


def _check_room(known: Sequence[DeviceEntry], name: str) -> None:
    if len(known) >= MAX_DEVICES:
        raise ConflictError(f"there are already {MAX_DEVICES} devices: revoke one first")
    if any(other.name == name for other in known):
        raise ConflictError("another device has this name: revoke it, or choose another name")


def _with_admitted(known: Iterable[DeviceEntry], device_id: str) -> list[DeviceEntry]:
    """Return a device and those that it admitted; only devices of scope admin admit others."""
    return [
        device for device in known if device_id in {device.device_id.hex(), device.added_by.hex()}
    ]


def _hash(token: bytes) -> bytes:
    return blake2b_256(Label.DEVICE_TOKEN, token)
