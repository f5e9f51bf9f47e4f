"""Tells whose request it is: the owner's token opens everything, a device's all but the devices.

A revoked device loses its open requests and streams at once, not at its next request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import trio

from zentalk.crypto.hashing import equal

OWNER: Final = "owner"
_SCHEME: Final = b"Bearer "


class DeviceBook(Protocol):
    """The part of `zentalk.node.devices.tokens.Devices` that decides about a request."""

    on_revoked: Callable[[str], None]

    def admitted(self, token: bytes) -> str | None:
        """Return the id of the device whose token this is."""


class Access:
    """Reads credentials, and holds the open requests of every device."""

    def __init__(self, owner_token: str, devices: DeviceBook) -> None:
        self._owner = _SCHEME + owner_token.encode("ascii")
        self._devices = devices
        self._open: dict[str, set[trio.CancelScope]] = {}
        devices.on_revoked = self._cut

    def who(self, credentials: bytes | None) -> str | None:
        """Return `owner`, a device's id, or None for credentials that open nothing."""
        if credentials is None or not credentials.startswith(_SCHEME):
            return None
        if equal(credentials, self._owner):
            return OWNER
        return self._devices.admitted(credentials.removeprefix(_SCHEME))

    @contextmanager
    def request(self, who: str) -> Iterator[None]:
        """Hold one request open; it is cancelled when its device is revoked."""
        if who == OWNER:
            yield
            return
        with trio.CancelScope() as scope:
            scopes = self._open.setdefault(who, set())
            scopes.add(scope)
            try:
                yield
            finally:
                scopes.discard(scope)
                if not scopes:
                    self._open.pop(who, None)

    def _cut(self, device_id: str) -> None:
        for scope in self._open.get(device_id, ()):
            scope.cancel()
