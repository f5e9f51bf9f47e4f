"""What a mailbox keeps ready for others: send ids, and one-time prekeys.

Send ids are written to the database only after the relay has committed them, and given to
contacts only after that.
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto import mlkem, x25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.ids import DAY_SECONDS, Day, SendId, day_at
from zentalk.lifetimes import PUBLIC_SEND_ID_SECONDS
from zentalk.net.connection import Connection
from zentalk.net.runtime import Runtime
from zentalk.store.history import mailboxes, prekeys
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import OwnMailbox, OwnSendId
from zentalk.store.sqlite import Transaction
from zentalk.wire.prekeys import OneTimePrekey
from zentalk.wire.rpc_prekeys import (
    PrekeysPutRequest,
    decode_prekeys_count_response,
    decode_prekeys_put_response,
    encode_prekeys_count_request,
    encode_prekeys_put_request,
)
from zentalk.wire.rpc_send_ids import (
    SendIdEntry,
    SendIdKind,
    SendIdsRequest,
    decode_send_ids_response,
    encode_send_ids_request,
)

POOL_SEND_IDS: Final = 32
"""Send ids kept ready for new contacts."""
DAYS_AHEAD: Final = 9
DAY_MARGIN_BEFORE: Final = 1
DAY_MARGIN_AFTER: Final = 2
POOL_PREKEYS: Final = 20
REFILL_BELOW: Final = 10
KEPT_PREKEYS: Final = 2_000
"""Secrets of one-time keys kept for a mailbox. Whoever takes keys and never writes, and a relay
that says its pool is empty, make us make more: the oldest of these go."""
_KEEP_DAYS: Final = PUBLIC_SEND_ID_SECONDS // DAY_SECONDS
_SEND_ID_BYTES: Final = 16
_SECRET_BYTES: Final = 32
_FOREVER: Final = Day(2**32 - 1)


class MailboxPools:
    """The pools of one mailbox, filled over one connection.

    With `renews_prekeys` the first filling makes all one-time prekeys anew: a folder that was
    restored from a copy does not hold the keys that were made since, and a relay would go on
    handing them out.
    """

    def __init__(
        self,
        runtime: Runtime,
        identity: SigningKey,
        database: HistoryDatabase,
        mailbox: OwnMailbox,
        *,
        renews_prekeys: bool = False,
    ) -> None:
        self._runtime = runtime
        self._identity = identity
        self._database = database
        self._mailbox = mailbox
        self._renews_prekeys = renews_prekeys
        self._registered = False

    async def fill(self, connection: Connection) -> None:
        """Register send ids and top prekeys up.

        Raises TransportError, RefusedError, RemoteProtocolError or StorageError.
        """
        await self._register_send_ids(connection)
        await self._fill_prekeys(connection)
        self._registered = True

    async def ever_registered(self) -> bool:
        """Tell whether the relay has ever taken send ids for this mailbox."""
        rows = await self._database.read(lambda tx: mailboxes.send_ids(tx, self._mailbox.mailbox))
        return bool(rows)

    async def _register_send_ids(self, connection: Connection) -> None:
        """Register what is missing, and on the first round everything (a relay may forget)."""
        today = day_at(self._runtime.wall())
        known = await self._database.read(lambda tx: mailboxes.send_ids(tx, self._mailbox.mailbox))
        fresh = self._missing(known, today)
        wanted = fresh if self._registered else [*known, *fresh]
        if not wanted:
            return
        entries = tuple(_entry(row) for row in wanted)
        request = encode_send_ids_request(SendIdsRequest(entries, ()))
        decode_send_ids_response(await connection.request(request))

        def job(tx: Transaction) -> None:
            mailboxes.add_send_ids(tx, fresh)
            mailboxes.forget_days(tx, today - DAY_MARGIN_AFTER - _KEEP_DAYS)

        await self._database.write(job)

    def _missing(self, known: list[OwnSendId], today: Day) -> list[OwnSendId]:
        days = {row.day for row in known if row.kind == SendIdKind.PUBLIC}
        free = sum(row.kind == SendIdKind.CONTACT and row.contact is None for row in known)
        fresh = [
            self._new(SendIdKind.PUBLIC, day)
            for day in range(today - DAY_MARGIN_BEFORE, today + DAYS_AHEAD)
            if day not in days
        ]
        if free < POOL_SEND_IDS // 2:
            fresh += [self._new(SendIdKind.CONTACT, None) for _ in range(POOL_SEND_IDS - free)]
        if not any(row.kind == SendIdKind.ACK for row in known):
            fresh.append(self._new(SendIdKind.ACK, None))
        return fresh

    def _new(self, kind: SendIdKind, day: int | None) -> OwnSendId:
        entropy = self._runtime.entropy
        return OwnSendId(
            send_id=SendId(entropy(_SEND_ID_BYTES)),
            mailbox=self._mailbox.mailbox,
            kind=kind,
            contact=None,
            secret=entropy(_SECRET_BYTES),
            day=day,
        )

    async def _fill_prekeys(self, connection: Connection) -> None:
        """Keep the pool filled; once in a life it is all made anew."""
        count = decode_prekeys_count_response(
            await connection.request(encode_prekeys_count_request())
        )
        if count.pool >= REFILL_BELOW and not self._renews_prekeys:
            return
        needed = POOL_PREKEYS - (0 if self._renews_prekeys else count.pool)
        blobs = await self._database.write(lambda tx: self._new_prekeys(tx, needed))
        call = PrekeysPutRequest(tuple(blobs), replace=self._renews_prekeys)
        decode_prekeys_put_response(await connection.request(encode_prekeys_put_request(call)))
        self._renews_prekeys = False

    def _new_prekeys(self, tx: Transaction, count: int) -> list[bytes]:
        blobs = []
        for _ in range(count):
            curve = x25519.generate(self._runtime.entropy)
            kem = mlkem.generate(self._runtime.entropy)
            secret = bytes(curve.secret) + bytes(kem.seed)
            number = prekeys.add_once(
                tx, secret, self._runtime.wall(), self._mailbox.mailbox, self._runtime.entropy
            )
            blobs.append(
                OneTimePrekey.create(self._identity, number, curve.public, kem.public).to_bytes()
            )
        prekeys.keep_newest_once(tx, self._mailbox.mailbox, KEPT_PREKEYS)
        return blobs


def _entry(row: OwnSendId) -> SendIdEntry:
    kind = SendIdKind(row.kind)
    if row.day is None:
        return SendIdEntry(row.send_id, kind, Day(0), _FOREVER)
    first, last = row.day - DAY_MARGIN_BEFORE, row.day + DAY_MARGIN_AFTER
    return SendIdEntry(row.send_id, kind, Day(first), Day(last))
