"""What a mailbox keeps ready for others: send ids, and one-time prekeys.

Send ids are written to the database only after the relay has committed them, and given to
contacts only after that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from zentalk.crypto import mlkem, x25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.errors import RefusedError
from zentalk.ids import DAY_SECONDS, PREKEY_ID_BYTES, Day, PrekeyId, SendId, day_at
from zentalk.lifetimes import PUBLIC_SEND_ID_SECONDS
from zentalk.mailbox.pool import FULL_POOL
from zentalk.net.connection import Connection
from zentalk.net.runtime import Runtime
from zentalk.store.history import mailboxes, prekeys
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import OwnMailbox, OwnSendId
from zentalk.store.sqlite import Transaction
from zentalk.wire.prekeys import OneTimePrekey
from zentalk.wire.rpc import UNKNOWN_METHOD
from zentalk.wire.rpc_prekeys import (
    PoolPrekey,
    PrekeysPutRequest,
    decode_prekeys_count_response,
    decode_prekeys_put_response,
    encode_prekeys_count_request,
    encode_prekeys_put_request,
)
from zentalk.wire.rpc_send_ids import (
    ACK_SEND_IDS,
    MAX_SEND_ID_CHANGES,
    PUBLIC_SEND_IDS,
    SURE_NEW_SEND_IDS,
    SURE_SEND_IDS,
    SendIdEntry,
    SendIdKind,
    SendIdsRequest,
    decode_send_ids_response,
    encode_send_ids_request,
    encode_sinks_request,
)

POOL_SEND_IDS: Final = 32
"""Send ids kept ready for new contacts."""
DAY_MARGIN_BEFORE: Final = 1
DAYS_AHEAD: Final = PUBLIC_SEND_IDS - DAY_MARGIN_BEFORE
DAY_MARGIN_AFTER: Final = 2
PREKEYS_PER_CALL: Final = 20
PREKEY_CALLS: Final = 2
"""One-time prekeys are made and sent in pieces, and only so many each time the pools are looked
at: a full pool is a quarter of a megabyte, and what a new one needs first is a few days' keys."""
KEPT_PREKEYS: Final = 2_000
"""Secrets of one-time keys kept for a mailbox. Whoever takes keys and never writes, and a relay
that says its pool is empty, make us make more: the oldest of these go."""
BATCHES: Final = (
    PUBLIC_SEND_IDS + ACK_SEND_IDS,
    SURE_NEW_SEND_IDS - PUBLIC_SEND_IDS - ACK_SEND_IDS,
    SURE_SEND_IDS - SURE_NEW_SEND_IDS,
)
"""Send ids of one call: so that a relay that guarantees no more than it must refuses whole ones."""
_KEEP_DAYS: Final = PUBLIC_SEND_ID_SECONDS // DAY_SECONDS
_SEND_ID_BYTES: Final = 16
_SECRET_BYTES: Final = 32
_FOREVER: Final = Day(2**32 - 1)


class MailboxPools:
    """The pools of one mailbox, filled over one connection.

    With `compares_prekeys` the first filling takes those one-time prekeys out of the pool whose
    secrets are not here: a folder that was restored from a copy does not hold the keys that were
    made since, and a relay would go on handing them out.
    """

    def __init__(
        self,
        runtime: Runtime,
        identity: SigningKey,
        database: HistoryDatabase,
        mailbox: OwnMailbox,
        *,
        compares_prekeys: bool = False,
    ) -> None:
        self._runtime = runtime
        self._identity = identity
        self._database = database
        self._mailbox = mailbox
        self._compares_prekeys = compares_prekeys
        self._taken: set[SendId] = set()
        """What the relay has taken on this connection: a relay may forget, so all goes again."""
        self._sinks: set[SendId] = set()
        """Send ids of blocked people that the relay has made sinks on this connection."""

    async def fill(self, connection: Connection) -> None:
        """Register send ids and top prekeys up, as far as the relay takes them.

        Raises RefusedError after all was tried if something was refused, or TransportError,
        RemoteProtocolError or StorageError.
        """
        refusals: list[RefusedError] = []

        async def attempt(call: Callable[[Connection], Awaitable[None]]) -> None:
            try:
                await call(connection)
            except RefusedError as refusal:
                refusals.append(refusal)

        await attempt(self._make_sinks)
        await attempt(self._withdraw)
        for batch in await self._batches():
            await attempt(partial(self._register, batch=batch))
        await attempt(self._fill_prekeys)
        if refusals:
            raise refusals[0]

    async def _withdraw(self, connection: Connection) -> None:
        """Let the relay forget the send ids of people and groups that are forgotten here."""
        query = partial(
            mailboxes.taken_back, mailbox=self._mailbox.mailbox, limit=MAX_SEND_ID_CHANGES
        )
        while gone := await self._database.read(query):
            request = SendIdsRequest((), tuple(gone))
            decode_send_ids_response(await connection.request(encode_send_ids_request(request)))
            self._taken -= set(gone)
            await self._database.write(partial(mailboxes.drop, gone=gone))

    async def _make_sinks(self, connection: Connection) -> None:
        """Let the relay keep nothing of what blocked people send, and go on acknowledging it.

        A relay of an earlier version keeps it for us, and we drop it.
        """
        query = partial(mailboxes.of_blocked, mailbox=self._mailbox.mailbox)
        blocked = await self._database.read(query)
        self._sinks &= blocked
        missing = sorted(blocked - self._sinks)
        try:
            if missing:
                decode_send_ids_response(await connection.request(encode_sinks_request(missing)))
                self._sinks.update(missing)
        except RefusedError as refusal:
            if refusal.reason != UNKNOWN_METHOD:
                raise
        self._taken -= self._sinks

    async def ever_registered(self) -> bool:
        """Tell whether the relay has ever taken send ids for this mailbox."""
        rows = await self._database.read(lambda tx: mailboxes.send_ids(tx, self._mailbox.mailbox))
        return bool(rows)

    async def _batches(self) -> list[list[OwnSendId]]:
        """Return what the relay has to be told, in order of need; each batch may fail alone."""
        today = day_at(self._runtime.wall())
        known = await self._database.read(lambda tx: mailboxes.send_ids(tx, self._mailbox.mailbox))
        settled = self._taken | self._sinks
        wanted = [row for row in known if row.send_id not in settled]
        wanted += self._missing(known, today)
        wanted = [row for row in wanted if row.day is None or row.day + DAY_MARGIN_AFTER >= today]
        wanted.sort(key=lambda row: _need(row, today))
        batches, start = [], 0
        for size in BATCHES:
            batches.append(wanted[start : start + size])
            start += size
        batches += [wanted[at : at + BATCHES[-1]] for at in range(start, len(wanted), BATCHES[-1])]
        return [batch for batch in batches if batch]

    async def _register(self, connection: Connection, batch: list[OwnSendId]) -> None:
        """Register some send ids, and keep those that are new once the relay has them."""
        request = SendIdsRequest(tuple(_entry(row) for row in batch), ())
        decode_send_ids_response(await connection.request(encode_send_ids_request(request)))
        self._taken |= {row.send_id for row in batch}
        before = day_at(self._runtime.wall()) - DAY_MARGIN_AFTER - _KEEP_DAYS

        def job(tx: Transaction) -> None:
            have = {row.send_id for row in mailboxes.send_ids(tx, self._mailbox.mailbox)}
            mailboxes.add_send_ids(tx, [row for row in batch if row.send_id not in have])
            mailboxes.forget_days(tx, before)

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
        """Keep the pool full for as long as we may be away; what is in it stays."""
        for _ in range(PREKEY_CALLS):
            strange, missing = await self._look_into_pool(connection)
            if not strange and missing <= 0:
                return
            count = max(0, min(missing, PREKEYS_PER_CALL))
            fresh = await self._database.write(partial(self._new_prekeys, count=count))
            call = PrekeysPutRequest(fresh, strange)
            decode_prekeys_put_response(await connection.request(encode_prekeys_put_request(call)))

    async def _look_into_pool(self, connection: Connection) -> tuple[tuple[PrekeyId, ...], int]:
        """Return the ids that the pool should not have, and how many prekeys it then lacks."""
        request = encode_prekeys_count_request(with_ids=self._compares_prekeys)
        pool = decode_prekeys_count_response(await connection.request(request))
        strange: tuple[PrekeyId, ...] = ()
        if self._compares_prekeys and pool.prekey_ids:
            mailbox = self._mailbox.mailbox
            secrets = await self._database.read(lambda tx: prekeys.secrets_once(tx, mailbox))
            ours = {_prekey_id(secret) for secret in secrets}
            strange = tuple(found for found in pool.prekey_ids if found not in ours)
        self._compares_prekeys = False
        return strange, FULL_POOL - pool.pool + len(strange)

    def _new_prekeys(self, tx: Transaction, count: int) -> tuple[PoolPrekey, ...]:
        made = []
        for _ in range(count):
            curve = x25519.generate(self._runtime.entropy)
            kem = mlkem.generate(self._runtime.entropy)
            secret = bytes(curve.secret) + bytes(kem.seed)
            number = prekeys.add_once(
                tx, secret, self._runtime.wall(), self._mailbox.mailbox, self._runtime.entropy
            )
            prekey = OneTimePrekey.create(self._identity, number, curve.public, kem.public)
            made.append(PoolPrekey(_prekey_id(secret), prekey.to_bytes()))
        prekeys.keep_newest_once(tx, self._mailbox.mailbox, KEPT_PREKEYS)
        return tuple(made)


def _prekey_id(secret: bytes) -> PrekeyId:
    """Return what our relay calls a one-time prekey: nothing of the secret follows from it."""
    return PrekeyId(blake2b_256(Label.PREKEY_ID, secret)[:PREKEY_ID_BYTES])


def _entry(row: OwnSendId) -> SendIdEntry:
    kind = SendIdKind(row.kind)
    if row.day is None:
        return SendIdEntry(row.send_id, kind, Day(0), _FOREVER)
    first, last = row.day - DAY_MARGIN_BEFORE, row.day + DAY_MARGIN_AFTER
    return SendIdEntry(row.send_id, kind, Day(first), Day(last))


def _need(row: OwnSendId, today: Day) -> tuple[int, int]:
    """Return how soon a send id is needed: acks, days from today on, contacts, spare ones."""
    if row.day is not None:
        return 1, row.day - today if row.day >= today else DAYS_AHEAD
    if row.kind == SendIdKind.ACK:
        return 0, 0
    return (3 if row.contact is None else 2), 0
