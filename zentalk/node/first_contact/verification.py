"""Safety numbers, and the mark that says that one was compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from zentalk.errors import ConflictError
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.messages.first_contact import verification as jobs
from zentalk.node.messages.people import check_is_person
from zentalk.session.safety import read_safety_number, safety_number, safety_numbers_match
from zentalk.store.history import contacts
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import ContactState, StoredContact
from zentalk.store.sqlite import Transaction

DIFFERENT: Final = (
    "the numbers differ: one of you has the wrong address of the other; exchange your"
    " addresses again, in a way that nobody can change"
)


@dataclass(frozen=True, slots=True)
class SafetyNumber:
    """The number that the owner shares with a person, and whether it was compared."""

    address: UserAddress = field(repr=False)
    number: str = field(repr=False)
    verified: bool
    verified_at: float | None
    warning: str


class Verification:
    """Computes safety numbers with others, and remembers which were compared."""

    def __init__(self, runtime: Runtime, own: UserAddress, database: HistoryDatabase) -> None:
        self._runtime = runtime
        self._own = own
        self._database = database

    async def safety(self, address: UserAddress) -> SafetyNumber:
        """Return the number with anybody, who need not be in the list.

        Raises ConflictError for a group.
        """

        def job(tx: Transaction) -> StoredContact | None:
            row = contacts.get(tx, address)
            if row is None or row.state is ContactState.REMOVED:
                return None
            check_is_person(row)
            return contacts.view(tx, address)

        person = await self._database.read(job)
        number = safety_number(self._own, address)
        if person is None:
            return SafetyNumber(address, number, verified=False, verified_at=None, warning="")
        return SafetyNumber(address, number, person.verified, person.verified_at, person.warning)

    async def verify(self, address: UserAddress, number: str | None) -> StoredContact:
        """Mark a contact as verified, by the number that it sees or by the owner's word.

        Raises DecodeError if the number is none, ConflictError if it differs or the person is no
        contact, NotFoundError if it is not in the list.
        """
        if number is not None:
            shown = safety_number(self._own, address)
            if not safety_numbers_match(shown, read_safety_number(number)):
                raise ConflictError(DIFFERENT)
        now = self._runtime.wall()
        return await self._database.write(lambda tx: jobs.verify(tx, address, now))

    async def withdraw(self, address: UserAddress) -> None:
        """Take the mark away; raises NotFoundError or ConflictError."""
        now = self._runtime.wall()
        await self._database.write(lambda tx: jobs.withdraw(tx, address, now))
