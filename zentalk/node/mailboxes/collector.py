"""One session with one of our mailbox relays: open the mailbox, keep its pools filled, collect."""

from __future__ import annotations

from typing import Final

import trio

from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import LinkClosedError, RefusedError, TransportError
from zentalk.mailbox.work import shown
from zentalk.net.backoff import exponential, half_jitter
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.mailboxes.pools import MailboxPools
from zentalk.node.mailboxes.prices import Prices
from zentalk.node.mailboxes.receiver import MAX_WAITING, Receiver
from zentalk.node.mailboxes.registration import Registration
from zentalk.node.mailboxes.registration_work import RegistrationWork
from zentalk.node.messages.routes import Collected
from zentalk.node.network import NodeNetwork
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import OwnMailbox
from zentalk.wire import rpc_mailbox as rpc
from zentalk.wire.rpc import UNKNOWN_METHOD, decode_call
from zentalk.wire.rpc_poll import (
    MAX_POLL_ACKS,
    PollRequest,
    decode_poll_response,
    encode_poll_request,
)

WINDOW: Final = 64
"""Envelopes that the relay may push before it sees acks."""
PACED_WINDOW: Final = 8
"""The same where we ask for each: what waits to be asked for must not outlive its lease."""
MAX_POLLS: Final = 4
"""Polls without an answer yet; where there are more the relay is too slow, and one is left out."""
UPKEEP_SECONDS: Final = 600.0
STALE: Final = "stale"
REFUSED_SECONDS: Final = 15.0
"""How soon a refused registration is tried again at first; then ever less often."""


class Collector(NoHandlers):
    """Collects one mailbox over one tunnel; made anew for every connection."""

    def __init__(
        self,
        runtime: Runtime,
        mailbox: OwnMailbox,
        registration: Registration,
        pools: MailboxPools,
        receiver: Receiver,
        outbox: Outbox,
    ) -> None:
        self._runtime = runtime
        self._mailbox = mailbox
        self.registration = registration
        self._pools = pools
        self._receiver = receiver
        self._outbox = outbox
        self._connection: Connection | None = None
        self._network: NodeNetwork | None = None
        self._nursery: trio.Nursery | None = None
        self._saved: list[int] = []
        self._deferred: dict[int, None] = {}
        self._polls = 0
        self._refusals = 0
        self._due = Signal()
        self.registered = trio.Event()
        """Mail can come: the relay has taken our send ids, now or in an earlier life."""
        self.pushed_aside = False
        """Somebody else who has our key collects the mailbox, or did so under a later number."""

    async def run(self, network: NodeNetwork) -> None:
        """Connect and collect until the tunnel ends.

        Raises UnavailableError, TransportError, RefusedError, RemoteProtocolError or
        StorageError, and NotFoundError if the mailbox was given up.
        """
        async with trio.open_nursery() as nursery:
            connection = await network.tunnels.lasting(
                self._mailbox.relay, self._mailbox.mailbox, self, nursery
            )
            self._connection, self._network, self._nursery = connection, network, nursery
            shape = network.profile.shape
            network.packets.fates.collecting(self._mailbox.relay, begins=True)
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
                nursery.start_soon(self._end_upkeep, connection)
                while not connection.closed.is_set():
                    await self._due.wait(await self._keep_up(connection))
            finally:
                self._nursery = None
                network.packets.fates.collecting(self._mailbox.relay, begins=False)
                connection.close()
                nursery.cancel_scope.cancel()

    def look_again(self) -> None:
        """Register at once what has changed by the owner's wish, such as who is blocked.

        Where we poll, that waits for the next look: a request of its own would show the relay the
        minute in which the owner was there.
        """
        if self._network is not None and self._network.profile.shape is None:
            self._due.set()

    async def _end_upkeep(self, connection: Connection) -> None:
        await connection.closed.wait()
        self._due.set()

    async def _open(self, connection: Connection, window: int) -> None:
        try:
            await self.registration.open(connection, window)
        except RefusedError as refusal:
            # Our numbers only rise: a later one than ours is not of this life.
            self.pushed_aside = refusal.reason == STALE
            raise

    async def _keep_up(self, connection: Connection) -> float:
        """Register what is to be registered; returns after how many seconds to look again.

        A relay that refuses more still pushes what comes under what it has: only a mailbox that
        nobody can know of is worth nothing then. Raises as `run` does.
        """
        try:
            await self._pools.fill(connection)
        except RefusedError:
            if not await self._pools.ever_registered():
                raise
            self.registered.set()
            self._refusals += 1
            return half_jitter(
                self._refusals, REFUSED_SECONDS, UPKEEP_SECONDS, self._runtime.entropy
            )
        self._refusals = 0
        self.registered.set()
        return UPKEEP_SECONDS

    def acknowledge(self, seqs: list[int]) -> None:
        """Tell the relay that these envelopes are saved: it deletes them."""
        if self._network is not None and self._network.profile.shape is not None:
            self._saved += seqs
        elif self._connection is not None and not self._connection.closed.is_set():
            try:
                self._connection.notify(rpc.encode_ack(seqs))
            except LinkClosedError:
                return  # they are pushed again on the next link, and known by their hash

    def defer(self, seqs: list[int]) -> None:
        """Tell the relay that there is no room for these now: it pushes them again after a day."""
        # A relay that pushes beyond its window is told less: it pushes what is left out again.
        room = MAX_WAITING - len(self._deferred)
        self._deferred |= dict.fromkeys(seqs[: max(0, room)])
        is_paced = self._network is not None and self._network.profile.shape is not None
        # Where we poll, the next small one is left out for it, which looks the same.
        if not is_paced and self._nursery is not None and self._connection is not None:
            self._nursery.start_soon(self._tell_deferred, self._connection)

    async def _tell_deferred(self, connection: Connection) -> None:
        seqs = list(self._deferred)[:MAX_POLL_ACKS]
        for seq in seqs:
            del self._deferred[seq]
        try:
            rpc.decode_defer_response(await connection.request(rpc.encode_defer_request(seqs)))
        except RefusedError as refusal:
            if refusal.reason == UNKNOWN_METHOD:
                self.acknowledge(seqs)  # there is nothing between keeping and deleting there
        except TransportError:
            return  # all of it comes again on the next link

    def give_up(self) -> None:
        """Close the tunnel; what was not acknowledged comes again."""
        if self._connection is not None:
            self._connection.close()

    def notify_received(self, _connection: Connection, body: bytes, /) -> None:
        """Take a pushed envelope, an ack token, or word that another collector came."""
        method, fields = decode_call(body)
        if method == rpc.PUSH:
            self._push_received(rpc.decode_push(fields))
        elif method == rpc.TOKEN:
            self._token_received(rpc.decode_token(fields).token)
        elif method == rpc.REPLACED:
            fields.end()
            self.pushed_aside = True

    def _push_received(self, push: rpc.PushNotification) -> None:
        work = shown(self._mailbox.relay, push, push.arrived_hour)
        self._receiver.push(self, push.seq, Collected(push.send_id, push.envelope, work))

    def _token_received(self, token: bytes) -> None:
        if self._network is None or not self._network.packets.fates.token_returned(token):
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
        if self._deferred and not large:
            await self._tell_deferred(connection)
            return
        saved, self._saved = self._saved[:MAX_POLL_ACKS], self._saved[MAX_POLL_ACKS:]
        body = await connection.request(encode_poll_request(PollRequest(tuple(saved), large)))
        answer = decode_poll_response(body)
        for push in answer.pushes:
            self._push_received(push)
        for token in answer.tokens:
            self._token_received(token.token)


class CollectorFactory:
    """Makes the collectors of one owner's mailboxes."""

    def __init__(
        self,
        runtime: Runtime,
        identity: SigningKey,
        database: HistoryDatabase,
        receiver: Receiver,
        outbox: Outbox,
        prices: Prices,
    ) -> None:
        self._runtime = runtime
        self._identity = identity
        self._database = database
        self.prices = prices
        self.work = RegistrationWork(runtime)
        self._receiver = receiver
        self._outbox = outbox

    def make(self, mailbox: OwnMailbox, *, compares_prekeys: bool) -> Collector:
        """Return a collector for one connection to a mailbox."""
        pools = MailboxPools(
            self._runtime,
            self._identity,
            self._database,
            mailbox,
            compares_prekeys=compares_prekeys,
        )
        registration = Registration(self._runtime, self._database, mailbox, self.work, self.prices)
        return Collector(self._runtime, mailbox, registration, pools, self._receiver, self._outbox)
