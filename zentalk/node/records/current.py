"""User records of contacts, and which of a contact's nodes has published them.

A record with a lower term than is known of the contact comes from a node that was replaced: what is
sent to its mailboxes would be read by nobody.
"""

from __future__ import annotations

from functools import partial

from zentalk.errors import NotPublishedError
from zentalk.ids import UserAddress
from zentalk.node.messages.first_contact.verification import term_seen
from zentalk.node.records.lookup import RecordLookup
from zentalk.store.history import verification
from zentalk.store.history.database import HistoryDatabase
from zentalk.wire.user_record import RecordContents


async def find_current(
    records: RecordLookup, database: HistoryDatabase, contact: UserAddress, now: float
) -> RecordContents:
    """Return what a contact publishes, and note its term.

    Raises what `RecordLookup.find` raises, NotPublishedError also for a record of a node that was
    replaced, and StorageError.
    """
    contents = await records.find(contact)
    known = await database.read(partial(verification.term, address=contact))
    if contents.term < known:
        raise NotPublishedError("only a node that was replaced has published a record")
    if contents.term > known:
        noted = partial(term_seen, address=contact, term=contents.term, now=now)
        await database.write(noted)
    return contents
