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
from zentalk.errors import LinkClosedError, RefusedError, TransportError
from zentalk.ids import DAY_SECONDS, Day, SendId, day_at
from zentalk.lifetimes import PUBLIC_SEND_ID_SECONDS
from zentalk.mailbox.proof import sign_collect
from zentalk.net.backoff import exponential
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.mailboxes.receiver import Receiver
from zentalk.node.network import NodeNetwork
from zentalk.store.history import mailboxes, prekeys
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import OwnMailbox, OwnSendId
from zentalk.store.writer import Transaction
from zentalk.wire.prekeys import OneTimePrekey
from zentalk.wire.rpc import decode_call
from zentalk.wire.rpc_mailbox import (
    PUSH,
    TOKEN,
    OpenRequest,
    PushNotification,
    decode_open_response,
    decode_push,
    decode_token,
    encode_ack,
    encode_open_request,
)
from zentalk.wire.rpc_poll import (
    MAX_POLL_ACKS,
    PollRequest,
    decode_poll_response,
    encode_poll_request,
)
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

WINDOW: Final = 64
"""Envelopes that the relay may push before it sees acks."""
PACED_WINDOW: Final = 8
"""The same where we ask for each: what waits to be asked for must not outlive its lease."""
MAX_POLLS: Final = 4
"""Polls without an answer yet; where there are more the relay is too slow, and one is left out."""
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
_KEEP_DAYS: Final = PUBLIC_SEND_ID_SECONDS // DAY_SECONDS
_FOREVER: Final = Day(2**32 - 1)


class Collector(NoHandlers):
    """Collects one mailbox over one tunnel; made anew for every connection."""

    def __init__(
        self,
        runtime: Runtime,
        identity: SigningKey,
        mailbox: OwnMailbox,
        database: HistoryDatabase,
        intake: Receiver,
        outbox: Outbox,
        *,
        renews_pool: bool = False,
    ) -> None:
        self._runtime = runtime
        self._identity = identity
        self._mailbox = mailbox
        self._key = SigningKey(mailbox.collect_seed)
        self._database = database
        self._intake = intake
        self._outbox = outbox
        self._renews_pool = renews_pool
        self._connection: Connection | None = None
        self._network: NodeNetwork | None = None
        self._saved: list[int] = []
        self._polls = 0
        self.registered = trio.Event()

    async def run(self, network: NodeNetwork) -> None:
        """Connect and collect until the tunnel ends.

        Raises UnavailableError, TransportError, RefusedError, RemoteProtocolError or
        StorageError, and NotFoundError if the mailbox was given up.
        """
        async with trio.open_nursery() as nursery:
            connection = await network.open_tunnel(self._mailbox.relay, self, nursery)
            self._connection, self._network = connection, network
            shape = network.profile.shape
            network.collecting(self._mailbox.relay, begins=True)
            try:
                if shape is not None:
                    await self._poll(connection, large=False)  # before OPEN: nothing is pushed
                await self._open(connection, WINDOW if shape is None else PACED_WINDOW)
                if shape is not None:
                    for large, mean in (
                        (False, shape.poll_seconds),
                        (True, shape.large_poll_seconds),
                    ):
                        nursery.start_soon(self._keep_polling, connection, large, mean)
                while not connection.closed.is_set():
                    await self._register_send_ids(connection)
                    await self._fill_prekeys(connection)
                    self.registered.set()
                    with trio.move_on_after(UPKEEP_SECONDS):
                        await connection.closed.wait()
            finally:
                network.collecting(self._mailbox.relay, begins=False)
                connection.close()
                nursery.cancel_scope.cancel()

    def acknowledge(self, seqs: list[int]) -> None:
        """Tell the relay that these envelopes are saved: it deletes them."""
        if self._network is not None and self._network.profile.shape is not None:
            self._saved += seqs
        elif self._connection is not None and not self._connection.closed.is_set():
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
            self._push_received(decode_push(fields))
        elif method == TOKEN:
            self._token_received(decode_token(fields).token)

    def _push_received(self, push: PushNotification) -> None:
        self._intake.push(self, push.seq, push.send_id, push.envelope)

    def _token_received(self, token: bytes) -> None:
        if self._network is None or not self._network.token_returned(token):
            self._outbox.token_received(token)

    async def _keep_polling(self, connection: Connection, large: bool, mean_seconds: float) -> None:
        """Ask at times drawn from nothing but chance, until the tunnel ends."""
        entropy = self._runtime.for_part(f"polls {large} {self._mailbox.slot}").entropy
        async with trio.open_nursery() as nursery:
            while not connection.closed.is_set():
                with trio.move_on_after(exponential(mean_seconds, entropy)):
                    await connection.closed.wait()
                if self._polls < MAX_POLLS:
                    nursery.start_soon(self._poll_again, connection, large)

    async def _poll_again(self, connection: Connection, large: bool) -> None:
        self._polls += 1
        try:
            await self._poll(connection, large=large)
        except (TransportError, RefusedError):
            connection.close()
        finally:
            self._polls -= 1

    async def _poll(self, connection: Connection, *, large: bool) -> None:
        """Acknowledge what is saved and take what waits, both in messages of constant size."""
        saved, self._saved = self._saved[:MAX_POLL_ACKS], self._saved[MAX_POLL_ACKS:]
        body = await connection.request(encode_poll_request(PollRequest(tuple(saved), large)))
        answer = decode_poll_response(body)
        for push in answer.pushes:
            self._push_received(push)
        for token in answer.tokens:
            self._token_received(token.token)

    async def _open(self, connection: Connection, window: int) -> None:
        now = self._runtime.wall()
        generation = await self._database.write(
            lambda tx: mailboxes.next_generation(tx, self._mailbox.mailbox, now)
        )
        signature = sign_collect(
            self._key, connection.handshake_hash, self._mailbox.relay, generation
        )
        call = OpenRequest(
            mailbox=self._mailbox.mailbox,
            generation=generation,
            signature=signature,
            window=window,
        )
        decode_open_response(await connection.request(encode_open_request(call)))

    async def _register_send_ids(self, connection: Connection) -> None:
        """Register what is missing, and on the first round everything (a relay may forget)."""
        today = day_at(self._runtime.wall())
        known = await self._database.read(lambda tx: mailboxes.send_ids(tx, self._mailbox.mailbox))
        fresh = self._missing(known, today)
        wanted = fresh if self.registered.is_set() else [*known, *fresh]
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
        """Keep the pool filled; once in a life it is all made anew.

        A folder that was restored from a copy does not hold the keys that were made since,
        and a relay would go on handing them out.
        """
        count = decode_prekeys_count_response(
            await connection.request(encode_prekeys_count_request())
        )
        if count.pool >= REFILL_BELOW and not self._renews_pool:
            return
        needed = POOL_PREKEYS - (0 if self._renews_pool else count.pool)
        blobs = await self._database.write(lambda tx: self._new_prekeys(tx, needed))
        call = PrekeysPutRequest(tuple(blobs), replace=self._renews_pool)
        decode_prekeys_put_response(await connection.request(encode_prekeys_put_request(call)))
        self._renews_pool = False

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
