"""One session with one of our mailbox relays: prove, register, collect.

The proof is a signature over the handshake hash of the innermost link of the tunnel, so
it is worth nothing on another link. Send ids are written to the database only after
the relay has committed them, and given to contacts only after that.
"""

from __future__ import annotations

from typing import Final

import trio

from zentalk.crypto import mlkem, x25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.labels import Label
from zentalk.errors import LinkClosedError
from zentalk.ids import Day, SendId, day_at
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.runtime import Runtime
from zentalk.node.intake import Intake
from zentalk.node.network import NodeNetwork
from zentalk.node.outbox import Outbox
from zentalk.store.history import mailboxes, prekeys
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import OwnMailbox, OwnSendId
from zentalk.store.writer import Transaction
from zentalk.wire.prekeys import OneTimePrekey
from zentalk.wire.rpc import decode_answer, decode_call
from zentalk.wire.rpc_mailbox import (
    PUSH,
    TOKEN,
    OpenCall,
    PrekeysPutCall,
    SendIdEntry,
    SendIdKind,
    SendIdsCall,
    decode_prekeys_count_answer,
    decode_push,
    decode_token,
    encode_ack,
    encode_open,
    encode_prekeys_count,
    encode_prekeys_put,
    encode_send_ids,
)

WINDOW: Final = 64
"""Envelopes that the relay may push before it sees acks."""
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
UPKEEP_SECONDS: Final = 600.0
_SEND_ID_BYTES: Final = 16
_SECRET_BYTES: Final = 32
_FOREVER: Final = Day(2**32 - 1)


class Collector(NoHandlers):
    """Collects one mailbox over one tunnel; made anew for every connection."""

    def __init__(
        self,
        runtime: Runtime,
        identity: SigningKey,
        mailbox: OwnMailbox,
        database: HistoryDatabase,
        intake: Intake,
        outbox: Outbox,
    ) -> None:
        self._runtime = runtime
        self._identity = identity
        self._mailbox = mailbox
        self._key = SigningKey(mailbox.collect_seed)
        self._database = database
        self._intake = intake
        self._outbox = outbox
        self._connection: Connection | None = None
        self.registered = trio.Event()

    async def run(self, network: NodeNetwork) -> None:
        """Connect and collect until the tunnel ends.

        Raises UnavailableError, TransportError, RefusedError, RemoteProtocolError or
        StorageError, and NotFoundError if the mailbox was given up.
        """
        async with trio.open_nursery() as nursery:
            connection = await network.open_tunnel(self._mailbox.relay, self, nursery)
            self._connection = connection
            try:
                await self._open(connection)
                while not connection.closed.is_set():
                    await self._register_send_ids(connection)
                    await self._fill_prekeys(connection)
                    self.registered.set()
                    with trio.move_on_after(UPKEEP_SECONDS):
                        await connection.closed.wait()
            finally:
                connection.close()
                nursery.cancel_scope.cancel()

    def acknowledge(self, seqs: list[int]) -> None:
        """Tell the relay that these envelopes are saved: it deletes them."""
        if self._connection is not None and not self._connection.closed.is_set():
            try:
                self._connection.notify(encode_ack(seqs))
            except LinkClosedError:
                return  # they are pushed again on the next link, and known by their hash

    def give_up(self) -> None:
        """Close the tunnel; what was not acknowledged comes again."""
        if self._connection is not None:
            self._connection.close()

    def notify_received(self, _connection: Connection, body: bytes, /) -> None:
        """Take a pushed envelope or an ack token."""
        method, fields = decode_call(body)
        if method == PUSH:
            call = decode_push(fields)
            self._intake.push(self, call.seq, call.send_id, call.envelope)
        elif method == TOKEN:
            self._outbox.token_received(decode_token(fields).token)

    async def _open(self, connection: Connection) -> None:
        generation = await self._database.write(
            lambda tx: mailboxes.next_generation(tx, self._mailbox.mailbox)
        )
        proof = connection.handshake_hash + self._mailbox.relay + generation.to_bytes(8, "big")
        call = OpenCall(
            mailbox=self._mailbox.mailbox,
            generation=generation,
            signature=self._key.sign(Label.COLLECT_PROOF, proof),
            window=WINDOW,
        )
        decode_answer(await connection.request(encode_open(call))).end()

    async def _register_send_ids(self, connection: Connection) -> None:
        """Register what is missing, and on the first round everything (a relay may forget)."""
        today = day_at(self._runtime.wall())
        known = await self._database.read(lambda tx: mailboxes.send_ids(tx, self._mailbox.mailbox))
        fresh = self._missing(known, today)
        wanted = fresh if self.registered.is_set() else [*known, *fresh]
        if not wanted:
            return
        entries = tuple(_entry(row) for row in wanted)
        decode_answer(await connection.request(encode_send_ids(SendIdsCall(entries, ())))).end()

        def job(tx: Transaction) -> None:
            mailboxes.add_send_ids(tx, fresh)
            mailboxes.forget_days(tx, today - DAY_MARGIN_AFTER - 30)

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
        count = decode_prekeys_count_answer(
            decode_answer(await connection.request(encode_prekeys_count()))
        )
        if count.pool >= REFILL_BELOW:
            return
        needed = POOL_PREKEYS - count.pool
        blobs = await self._database.write(lambda tx: self._new_prekeys(tx, needed))
        call = PrekeysPutCall(tuple(blobs), replace=False)
        decode_answer(await connection.request(encode_prekeys_put(call)))

    def _new_prekeys(self, tx: Transaction, count: int) -> list[bytes]:
        blobs = []
        for _ in range(count):
            curve = x25519.generate(self._runtime.entropy)
            kem = mlkem.generate(self._runtime.entropy)
            secret = bytes(curve.secret) + bytes(kem.seed)
            number = prekeys.add(tx, "once", secret, self._runtime.wall(), self._mailbox.mailbox)
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
