"""Whose a request is: the owner's, or one of its devices'; and what each has open.

It never says which part of a token was wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from zentalk.api.callers import NOBODY, THE_OWNER, Caller, device_caller
from zentalk.api.facade import AttendanceFacade, DeviceFacade
from zentalk.crypto.hashing import equal
from zentalk.web.token import bearer_token


class Access:
    """Tells whose a request is, and holds the open requests of every device.

    A revoked device loses its open requests and streams at once, not at its next request.
    """

    def __init__(
        self, owner_token: str, devices: DeviceFacade, attendance: AttendanceFacade
    ) -> None:
        self._owner = owner_token.encode("ascii")
        self._usual = b"Bearer " + self._owner
        self._devices = devices
        self._attendance = attendance
        self._open: dict[str, set[trio.CancelScope]] = {}
        devices.on_revoked = self._cut

    def caller(self, credentials: bytes | None) -> Caller:
        """Return the owner, a device, or NOBODY for credentials that open nothing."""
        if credentials is None:
            return NOBODY
        if equal(credentials, self._usual):  # as nearly everybody writes it
            return THE_OWNER
        token = bearer_token(credentials)
        if not token:
            return NOBODY
        if equal(token, self._owner):
            return THE_OWNER
        device = self._devices.admitted(token)
        return NOBODY if device is None else device_caller(device)

    @contextmanager
    def request(self, caller: Caller) -> Iterator[None]:
        """Hold one request open; it is cancelled when its device is revoked."""
        if caller is NOBODY or caller is THE_OWNER:  # The owner's token is no device's.
            yield
            return
        self._attendance.began(caller.id)
        try:
            with self._cancelled_with(caller.device_id):
                yield
        finally:
            self._attendance.ended(caller.id)

    @contextmanager
    def _cancelled_with(self, device_id: str) -> Iterator[None]:
        if not device_id:  # Nobody can revoke the owner's token.
            yield
            return
        with trio.CancelScope() as scope:
            scopes = self._open.setdefault(device_id, set())
            scopes.add(scope)
            try:
                yield
            finally:
                scopes.discard(scope)
                if not scopes:
                    self._open.pop(device_id, None)

    def _cut(self, device_id: str) -> None:
        for scope in self._open.get(device_id, ()):
            scope.cancel()
        self._attendance.forget(device_id)
