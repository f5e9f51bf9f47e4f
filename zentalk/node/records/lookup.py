"""User records: reading those of others, publishing our own, taking prekeys.

Every question goes through a tunnel that ends at the relay asked, so that no relay
learns who asks about whom. Own records are made for several days ahead; each day has
its own public send ids, so two records of one person share nothing but their reader.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import trio

from zentalk.crypto import x25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.mlkem import public_of
from zentalk.errors import ATTEMPT_FAULTS, RELAY_FAULTS, UnavailableError
from zentalk.ids import Day, NodeId, UserAddress, day_at
from zentalk.net.runtime import Runtime
from zentalk.node.messages.routes import current
from zentalk.node.network import NodeNetwork
from zentalk.node.records.holders import DirectoryClient
from zentalk.node.records.publication import publication_plan
from zentalk.store.history import mailboxes, prekeys
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.writer import Transaction
from zentalk.wire.prekeys import OneTimePrekey, PqPrekey, PrekeyBundle, SignedPrekey
from zentalk.wire.rpc_prekeys import (
    QUERY_ID_BYTES,
    PrekeysTakeRequest,
    decode_prekeys_take_response,
    encode_prekeys_take_request,
)
from zentalk.wire.rpc_send_ids import SendIdKind
from zentalk.wire.user_record import MailboxEntry, RecordContents, seal_record

REPUBLISH_SECONDS: Final = 3600.0
CHECK_SECONDS: Final = 30.0
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 60.0


class Records:
    """The directory's user records as one person uses them."""

    def __init__(
        self,
        runtime: Runtime,
        identity: SigningKey,
        database: HistoryDatabase,
        directory: DirectoryClient,
        network: NodeNetwork,
    ) -> None:
        self._runtime = runtime
        self._identity = identity
        self._database = database
        self._directory = directory
        self._network = network
        self._changed = trio.Event()
        self.published = trio.Event()

    async def find(self, contact: UserAddress) -> RecordContents:
        """Return what a person publishes today.

        Raises UnavailableError if no holder has it or none can be reached.
        """
        return await self._directory.find_record(contact, day_at(self._runtime.wall()))

    async def bundle(self, contact: UserAddress, contents: RecordContents) -> PrekeyBundle:
        """Return a verified prekey bundle, with a one-time key if a pool still has one.

        Raises UnavailableError or TransportError if no mailbox relay answers properly, and
        DecodeError or AuthenticationError if a key of the record is not signed by the contact.
        """
        bundle = PrekeyBundle(
            identity=contact,
            signed_prekey=SignedPrekey.from_bytes(contents.signed_prekey),
            pq_prekey=PqPrekey.from_bytes(contents.pq_prekey),
            one_time=None,
        )
        bundle.verify()
        answered = False
        for entry in contents.mailboxes:
            # A number of its own for each relay: two that compare must not find one owner.
            query_id = self._runtime.entropy(QUERY_ID_BYTES)
            question = encode_prekeys_take_request(PrekeysTakeRequest(entry.send_id, query_id))
            try:
                one_time = await self._take_prekey(entry.relay, question, contact)
            except RELAY_FAULTS:
                continue  # one relay that is gone, or lies, must not keep a person unreachable
            if one_time is not None:
                return replace(bundle, one_time=one_time)
            answered = True
        if not answered:
            raise UnavailableError("no mailbox relay of this contact answers")
        return bundle

    async def _take_prekey(
        self, relay: NodeId, question: bytes, contact: UserAddress
    ) -> OneTimePrekey | None:
        """Return a one-time key that the contact has signed, None if the pool is drained."""
        async with self._network.tunnel(relay) as connection:
            blob = decode_prekeys_take_response(await connection.request(question))
        if not blob:
            return None
        one_time = OneTimePrekey.from_bytes(blob)
        one_time.verify(contact)
        return one_time

    def changed(self) -> None:
        """Our mailboxes or keys are not what the published records say."""
        self._changed.set()

    async def run(self) -> None:
        """Publish our record when it changes, ahead of time and again, until cancelled."""
        await self._changed.wait()
        while True:
            self._changed = trio.Event()
            plan = publication_plan(self._runtime.wall(), self._runtime.entropy)
            with trio.move_on_after(REPUBLISH_SECONDS) as hour:
                await self._follow(plan)
            if not hour.cancelled_caught:
                continue

    async def _follow(self, plan: list[tuple[float, Day]]) -> None:
        """Publish each day of the plan at its time; return when the plan is out of date."""
        relays = len(self._network.descriptors())
        for at, day in plan:
            while (wait := at - self._runtime.wall()) > 0:
                with trio.move_on_after(min(wait, CHECK_SECONDS)):
                    await self._changed.wait()
                if self._is_outdated(relays):
                    return
            await self._publish(day)
            if self._changed.is_set():
                return
        await self._changed.wait()

    def _is_outdated(self, relays: int) -> bool:
        """Tell whether the network has grown or shrunk so much that holders moved."""
        known = len(self._network.descriptors())
        return self._changed.is_set() or abs(known - relays) > max(1, relays // 5)

    async def _publish(self, day: Day) -> None:
        wait = FIRST_WAIT_SECONDS
        while not self._changed.is_set():
            try:
                raw = await self._database.write(lambda tx: self._own_record(tx, day))
                if raw is not None:
                    await self._directory.publish_record(raw)
                    if day == day_at(self._runtime.wall()):
                        self.published.set()
            except ATTEMPT_FAULTS:
                await trio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
            else:
                return

    def _own_record(self, tx: Transaction, day: Day) -> bytes | None:
        """Make the record of a day with the next sequence number; None without mailboxes."""
        signed, last_resort = prekeys.newest(tx, "signed"), prekeys.newest(tx, "pq")
        entries = tuple(
            MailboxEntry(mailbox.relay, row.send_id, x25519.from_secret(row.secret).public)
            for mailbox in current(tx)
            for row in mailboxes.send_ids(tx, mailbox.mailbox)
            if row.kind == SendIdKind.PUBLIC and row.day == day
        )
        if signed is None or last_resort is None or not entries:
            return None
        signed_public = x25519.from_secret(signed[1]).public
        contents = RecordContents(
            mailboxes=entries,
            signed_prekey=SignedPrekey.create(self._identity, signed[0], signed_public).to_bytes(),
            pq_prekey=PqPrekey.create(
                self._identity, last_resort[0], public_of(last_resort[1])
            ).to_bytes(),
        )
        sequence = mailboxes.next_record_sequence(tx, day, self._runtime.wall())
        return seal_record(self._identity, day, sequence, contents, self._runtime.entropy)
