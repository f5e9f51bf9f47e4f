"""What the outbox must know of a recipient: its mailboxes, and whether a session is missing.

Mailboxes come from the recipient's own messages where it has written any, else from its user
record in the directory. What is missing is noted here; `recipient_lookup.py` fetches it.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable
from typing import Final

from zentalk.ids import UserAddress
from zentalk.net.backoff import fraction
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.delivery.retry_schedule import SHAPED_SILENT_SECONDS
from zentalk.node.messages.routes import DepositTarget, contact_targets, record_targets
from zentalk.store.history import contacts
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.sqlite import Transaction
from zentalk.wire.user_record import RecordContents

RECORD_FRESH_SECONDS: Final = 600.0
DRAWN_SECONDS: Final = 120.0
"""Over so long the time of a look for new mailboxes is drawn: whoever keeps acks back must not see
by that time whose record is read."""
FIRST_SILENCE_SECONDS: Final = 180.0
LONGEST_SILENCE_SECONDS: Final = 3_600.0
"""How long after a look there is another, at first and later. An owner whose mailboxes are gone has
new ones, and a record that names them, within a minute or two."""


class Recipients:
    """Mailboxes of the people we write to, and what is wanted of their user records."""

    def __init__(self, runtime: Runtime, database: HistoryDatabase) -> None:
        self._runtime = runtime
        self._database = database
        self.targets: dict[UserAddress, tuple[DepositTarget, ...]] = {}
        """Where to deposit for each contact now; it is missing or empty if that is not known."""
        self._have_written: set[UserAddress] = set()
        """Contacts whose mailboxes are known from themselves."""
        self._from_records: dict[UserAddress, tuple[float, tuple[DepositTarget, ...]]] = {}
        self.wanted: dict[UserAddress, bool] = {}
        """Contacts whose record is wanted, and whether a session with them is wanted too."""
        self.wake = Signal()

    def found(self, contact: UserAddress, contents: RecordContents) -> None:
        """Take a user record that was read: it counts unless the contact itself has written."""
        named = record_targets(contents)
        self._from_records[contact] = (self._runtime.monotonic(), named)
        if contact not in self._have_written:
            self.targets[contact] = named

    def has_fresh_record(self, contact: UserAddress) -> bool:
        """Tell whether a contact's record was read a short time ago."""
        known = self._from_records.get(contact)
        return known is not None and known[0] >= self._runtime.monotonic() - RECORD_FRESH_SECONDS

    async def learn(self, changed: Iterable[UserAddress] | None = None) -> None:
        """Read contacts' routes from the database: those that changed, or all.

        Of two commits the later one counts, whichever of their effects is carried out first.
        """
        wanted = None if changed is None else set(changed)

        def query(tx: Transaction) -> dict[UserAddress, tuple[DepositTarget, ...]]:
            addresses = contacts.addresses(tx) if wanted is None else wanted
            rows = [contacts.get(tx, address) for address in addresses]
            return {row.address: contact_targets(row) for row in rows if row is not None}

        for contact, route in (await self._database.read(query)).items():
            if route:
                self._have_written.add(contact)
                self.targets[contact] = route
            else:
                self._have_written.discard(contact)
                self.targets[contact] = self._from_records.get(contact, (0.0, ()))[1]

    def need_targets(self, contact: UserAddress) -> None:
        """Look a contact's mailboxes up in its user record."""
        self._want(contact, session=False)

    def need_session(self, contact: UserAddress) -> None:
        """Start a session with a contact, to encrypt what waits for one."""
        self._want(contact, session=True)

    def _want(self, contact: UserAddress, *, session: bool) -> None:
        self.wanted[contact] = self.wanted.get(contact, False) or session
        self.wake.set()


class RecoveryRequests:
    """What the outbox and the way in have noticed, until `SessionRecovery` takes it up.

    Where all else is `shaped` and leaves at ticks, a look stands out, and the next waits longer.
    """

    def __init__(self, runtime: Runtime, *, shaped: bool) -> None:
        self._runtime = runtime
        self._first_wait = SHAPED_SILENT_SECONDS if shaped else FIRST_SILENCE_SECONDS
        self._silent: dict[UserAddress, float] = {}
        """When each is to be looked at (monotonic seconds)."""
        self._looked: dict[UserAddress, tuple[float, float]] = {}
        self.wake = Signal()

    def session_in_doubt(self) -> None:
        """Envelopes of a contact could not be read: there may be something to do."""
        self.wake.set()

    def silent(self, contact: UserAddress) -> None:
        """No mailbox of a contact acknowledges anything: it may have others."""
        now = self._runtime.monotonic()
        not_before, _ = self._looked.get(contact, (now, 0.0))
        if contact not in self._silent and now >= not_before:
            self._silent[contact] = now + DRAWN_SECONDS * fraction(self._runtime.entropy)
            self.wake.set()

    def heard(self, contact: UserAddress) -> None:
        """A mailbox of a contact has acknowledged something: there is nothing to look for."""
        self._silent.pop(contact, None)

    def silent_contacts(self) -> frozenset[UserAddress]:
        """Return the contacts that are to be looked at now."""
        now = self._runtime.monotonic()
        return frozenset(contact for contact, at in self._silent.items() if at <= now)

    def next_look(self, besides: Container[UserAddress]) -> float:
        """Return when another contact is to be looked at (monotonic seconds), or infinity."""
        looks = (at for contact, at in self._silent.items() if contact not in besides)
        return min(looks, default=math.inf)

    def looked_at(self, contact: UserAddress) -> None:
        """Note that a silent contact's record was read: the next look waits longer."""
        self._silent.pop(contact, None)
        _, wait = self._looked.get(contact, (0.0, self._first_wait))
        now = self._runtime.monotonic()
        self._looked[contact] = now + wait, min(2 * wait, LONGEST_SILENCE_SECONDS)
