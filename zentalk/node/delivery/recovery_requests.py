"""Reasons to look after a contact's session, noted for the task that recovers sessions."""

from __future__ import annotations

from typing import Final

from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal

FIRST_SILENCE_SECONDS: Final = 600.0
LONGEST_SILENCE_SECONDS: Final = 3_600.0
"""How long after a look for new mailboxes of a contact there is another, at first and later."""


class RecoveryRequests:
    """What the outbox and the way in have noticed, until `SessionRecovery` takes it up."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._silent: set[UserAddress] = set()
        self._looked: dict[UserAddress, tuple[float, float]] = {}
        self.wake = Signal()

    def session_in_doubt(self) -> None:
        """Envelopes of a contact could not be read: there may be something to do."""
        self.wake.set()

    def silent(self, contact: UserAddress) -> None:
        """No mailbox of a contact acknowledges anything: it may have others."""
        not_before, _ = self._looked.get(contact, (0.0, 0.0))
        if contact not in self._silent and self._runtime.monotonic() >= not_before:
            self._silent.add(contact)
            self.wake.set()

    def silent_contacts(self) -> frozenset[UserAddress]:
        """Return the contacts that are to be looked at."""
        return frozenset(self._silent)

    def looked_at(self, contact: UserAddress) -> None:
        """Note that a silent contact's record was read: the next look waits longer."""
        self._silent.discard(contact)
        _, wait = self._looked.get(contact, (0.0, FIRST_SILENCE_SECONDS))
        now = self._runtime.monotonic()
        self._looked[contact] = now + wait, min(2 * wait, LONGEST_SILENCE_SECONDS)
