"""Whose a request is: the owner's, or one of its devices'; and what each has open.

It never says which part of a token was wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import trio

from zentalk.api.facade import DeviceFacade
from zentalk.crypto.hashing import equal
from zentalk.web.token import bearer_token

OWNER: Final = "owner"
WHO: Final = "zentalk.who"
"""Where the guard notes in an ASGI scope whose request it is; None if it is nobody's yet."""


class Access:
    """Tells whose a request is, and holds the open requests of every device.

    The owner's token opens everything, a device's all but the devices. A revoked device loses its
    open requests and streams at once, not at its next request.
    """

    def __init__(self, owner_token: str, devices: DeviceFacade) -> None:
        self._owner = owner_token.encode("ascii")
        self._usual = b"Bearer " + self._owner
        self._devices = devices
        self._open: dict[str, set[trio.CancelScope]] = {}
        devices.on_revoked = self._cut

    def who(self, credentials: bytes | None) -> str | None:
        """Return `owner`, a device's id, or None for credentials that open nothing."""
        if credentials is None:
            return None
        if equal(credentials, self._usual):  # as nearly everybody writes it
            return OWNER
        token = bearer_token(credentials)
        if not token:
            return None
        return OWNER if equal(token, self._owner) else self._devices.admitted(token)

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
