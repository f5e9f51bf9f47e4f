"""The API node without HTTP: one person's identity, history and way into the network.

It joins the parts and owns their tasks; what they do stands in their own modules. It
must never show a key, and never answer from memory what the database does not hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

import trio

from zentalk.config.settings import ApiSettings
from zentalk.errors import ConfigError, NotFoundError
from zentalk.ids import DAY_SECONDS, MESSAGE_ID_BYTES, MessageId, NodeId, SendId, UserAddress
from zentalk.net.runtime import Runtime
from zentalk.net.transport import Network
from zentalk.node.delivery.message_states import Journal
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.delivery.recipients import Recipients
from zentalk.node.delivery.session_recovery import SessionRecovery
from zentalk.node.devices.tokens import DeviceTokens
from zentalk.node.mailboxes.manager import MailboxManager
from zentalk.node.mailboxes.receiver import Receiver
from zentalk.node.messages.commands import MAX_KEY_BYTES, MAX_NAME_BYTES, People, check_text
from zentalk.node.messages.compose import Composer, OutboundItem
from zentalk.node.messages.receive import Inbox
from zentalk.node.network import NodeNetwork
from zentalk.node.records.decoys import Decoys
from zentalk.node.records.holders import DirectoryClient
from zentalk.node.records.lookup import Records
from zentalk.node.relays.loss_detection import Finding
from zentalk.node.sessions import prekey_rotation
from zentalk.node.sessions.sessions import Sessions
from zentalk.node.status import LossyRelay, NodeStatus, role_of
from zentalk.store.history import contacts, messages, outbox, ratchets, settings
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import (
    StoredContact,
    StoredConversation,
    StoredEvent,
    StoredMessage,
)
from zentalk.store.key_file import load_identity
from zentalk.store.retry import until_stored
from zentalk.store.writer import Transaction
from zentalk.wire.text import format_address, format_relay_uri

DATABASE_NAME: Final = "history.db"
MAX_PAGE: Final = 1000
SWEEP_SECONDS: Final = 3600.0
SETTLE_SECONDS: Final = 2.0
KEEP_KEYS_SECONDS: Final = 7 * DAY_SECONDS
KEEP_PARTS_SECONDS: Final = 37 * DAY_SECONDS
_NETWORK_KEY: Final = "network-state"


class Node:
    """One API node over `settings.directory`.

    Raises ConfigError or StorageError if the identity or the database cannot be opened.
    """

    def __init__(self, settings: ApiSettings, runtime: Runtime, network: Network) -> None:
        identity = load_identity(settings.directory)
        self.address = UserAddress(identity.public)
        self.address_text = format_address(self.address)
        self.stopping = trio.Event()
        self._profile = settings.profile
        self._runtime = runtime
        self._database = HistoryDatabase(settings.directory / DATABASE_NAME, runtime.run_blocking)
        self.devices = DeviceTokens(runtime, identity, self._database)
        self._journal = Journal(runtime, self._database)
        self._network = NodeNetwork(
            settings, runtime.for_part("network"), network, self._load_network, self._save_network
        )
        entropy = runtime.entropy
        sessions = Sessions(identity, entropy)
        composer = Composer(sessions, entropy, settings.message_ttl_seconds)
        self._people = People(self.address, composer)
        directory = DirectoryClient(
            runtime.for_part("directory"), self._network.tunnel, self._network.descriptors
        )
        self._records = Records(runtime, identity, self._database, directory, self._network)
        self._recipients = Recipients(runtime, self._database, sessions, composer, self._records)
        self._outbox = Outbox(
            runtime, self._network, self._journal, self._recipients, self._own_ack_points
        )
        self._recipients.on_ready = self._send_ready
        inbox = Inbox(sessions, composer)
        intake = Receiver(runtime, self._database, inbox, self._outbox, self._recipients)
        self._healing = SessionRecovery(
            runtime, self._database, sessions, composer, self._records, self._recipients
        )
        intake.on_again = self._healing.on_ready = self._send_ready
        intake.on_suspicion = self._healing.suspected
        self._outbox.on_silence, self._healing.on_moved = self._healing.silent, self._outbox.reroute
        self._mailboxes = MailboxManager(
            runtime,
            identity,
            self._database,
            self._network,
            intake,
            self._outbox,
            self._mailboxes_changed,
        )
        self._network.loops_end_at(self._own_ack_points)
        self._network.when_relays_restart(self._outbox.restarted)
        self._decoys = Decoys(runtime, self._network, self._records, self.address)
        self._intake = intake
        self._moved = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until `stop` or cancelled; started once the local state is loaded."""
        try:
            async with trio.open_nursery() as writing:
                # The writer ends last, so that whatever the others still save is saved.
                writing.start_soon(self._database.run)
                async with trio.open_nursery() as nursery:
                    await self._load()
                    for part in (
                        self._network,
                        self._journal,
                        self._records,
                        self._recipients,
                        self._outbox,
                        self._intake,
                        self._mailboxes,
                        self._healing,
                    ):
                        nursery.start_soon(part.run)
                    nursery.start_soon(self._intake.release)
                    nursery.start_soon(self._decoys.run)
                    nursery.start_soon(self._tell_routes)
                    nursery.start_soon(self._sweep)
                    task_status.started()
                    await self.stopping.wait()
                    nursery.cancel_scope.cancel()
                writing.cancel_scope.cancel()
        finally:
            self._database.close()

    def stop(self) -> None:
        """Ask `run` to end."""
        self.stopping.set()

    async def ready(self) -> None:
        """Return once messages can be sent and received."""
        await self._network.connected()
        await self._mailboxes.registered.wait()
        await self._records.published.wait()

    def status(self) -> NodeStatus:
        """Return what the owner is told."""
        network = self._network.status()
        troubles = (self._database.trouble, self.devices.trouble)
        return NodeStatus(
            ready=self._mailboxes.connected() > 0
            and self._records.published.is_set()
            and network.guards_connected > 0,
            relays_known=network.relays_known,
            guards_connected=network.guards_connected,
            mailboxes=self._mailboxes.connected(),
            tunnels=network.tunnels,
            notes=(*network.notes, *(trouble for trouble in troubles if trouble is not None)),
            entries=self._entries(),
            unit_sizes=tuple(sorted(self.client_unit_sizes())),
            profile=self._profile,
            lossy_relays=self._lossy_relays(network.findings),
        )

    @property
    def mailboxes(self) -> MailboxManager:
        """Where others leave mail for the owner."""
        return self._mailboxes

    def client_unit_sizes(self) -> set[int]:
        """Return every size of unit that this node's links have put on the wire or seen."""
        return set(self._network.unit_sizes())

    async def add_contact(self, address: UserAddress, name: str) -> StoredContact:
        """Add, rename or accept a contact.

        Raises LocalProtocolError for our own address and ConfigError for a long name.
        """
        self._people.check_address(address)
        if len(name.encode("utf-8", "replace")) > MAX_NAME_BYTES:
            raise ConfigError(
                f"a name may have at most {MAX_NAME_BYTES} bytes: choose a shorter one"
            )
        now = self._runtime.wall()
        contact, inners = await self._database.write(
            lambda tx: self._people.add_contact(tx, address, name, now)
        )
        await self._recipients.learn((address,))
        for inner in inners:
            self._outbox.send_courtesy(address, inner)
        return contact

    async def contacts(self) -> list[StoredContact]:
        """Return contacts and requests."""
        return await self._database.read(contacts.listing)

    async def conversations(self) -> list[StoredConversation]:
        """Return people with messages, the most recent first."""
        return await self._database.read(contacts.conversations)

    async def send_text(
        self, address: UserAddress, text: str, idempotency_key: str | None = None
    ) -> StoredMessage:
        """Store a text for delivery and return it as queued.

        Somebody who is no contact yet becomes one. Raises TooLargeError, ConflictError or
        LocalProtocolError, and StorageError if it could not be saved.
        """
        self._people.check_address(address)
        check_text(text)
        if idempotency_key is not None and not 0 < len(idempotency_key) <= MAX_KEY_BYTES:
            raise ConfigError(f"an Idempotency-Key must have 1 to {MAX_KEY_BYTES} characters")
        now = self._runtime.wall()
        message, ready, is_new = await self._database.write(
            lambda tx: self._people.write(tx, address, text, idempotency_key, now)
        )
        if is_new:
            self._send_ready(ready)
            if not ready:
                self._recipients.need_ratchet(address)
        return message

    async def messages(
        self, address: UserAddress, before: int | None = None, limit: int = 100
    ) -> list[StoredMessage]:
        """Return a page of a conversation, newest last."""
        count = max(1, min(limit, MAX_PAGE))
        return await self._database.read(lambda tx: messages.page(tx, address, before, count))

    async def mark_read(self, address: UserAddress) -> None:
        """Set a conversation's unread count to 0."""
        await self._database.write(lambda tx: contacts.clear_unread(tx, address))

    async def message(self, message_id: str) -> StoredMessage:
        """Return one message; raises NotFoundError."""
        try:
            raw = MessageId(bytes.fromhex(message_id))
        except ValueError:
            raw = MessageId(b"")
        found = None
        if len(raw) == MESSAGE_ID_BYTES:
            found = await self._database.read(lambda tx: messages.by_id(tx, raw))
        if found is None:
            raise NotFoundError("there is no message with this id")
        return found

    async def events(self, after: int, limit: int = MAX_PAGE) -> list[StoredEvent]:
        """Return up to `limit` (at most 1,000) events after a number, in order."""
        count = max(1, min(limit, MAX_PAGE))
        return await self._journal.events(after, count)

    async def wait_events(self, after: int) -> None:
        """Return once there is an event with a number above `after`."""
        await self._journal.wait_events(after)

    def _entries(self) -> tuple[str, ...]:
        known = self._network.descriptors()
        connected = self._network.connected_guards()
        return tuple(format_relay_uri(known[guard].uri) for guard in connected if guard in known)

    def _lossy_relays(self, findings: Iterable[Finding]) -> tuple[LossyRelay, ...]:
        known, guards = self._network.descriptors(), self._network.guards()
        return tuple(
            LossyRelay(
                relay=format_relay_uri(known[found.node_id].uri),
                role=role_of(found, is_guard=found.node_id in guards),
                lost=found.lost,
                packets=found.probes,
            )
            for found in findings
            if found.node_id in known
        )

    def _own_ack_points(self) -> dict[NodeId, SendId]:
        return self._mailboxes.ack_points()

    def _send_ready(self, ready: Iterable[OutboundItem]) -> None:
        """Hand committed ciphertexts to the outbox."""
        entries = list(ready)
        self._outbox.add(entry.item for entry in entries)
        for entry in entries:
            for inner in entry.extra:
                self._outbox.send_courtesy(entry.item.contact, inner)

    async def _load(self) -> None:
        self.devices.load()
        await self._database.write(self._rotate_prekeys)
        await self._recipients.learn()
        self._outbox.load(await self._database.read(outbox.every))

    def _rotate_prekeys(self, tx: Transaction) -> bool:
        return prekey_rotation.rotate(tx, self._runtime.wall(), self._runtime.entropy)

    def _mailboxes_changed(self) -> None:
        self._records.changed()
        self._moved.set()

    async def _tell_routes(self) -> None:
        """Tell contacts of replaced mailboxes; two that are replaced together, once."""
        while True:
            await self._moved.wait()
            await trio.sleep(SETTLE_SECONDS)
            self._moved = trio.Event()
            now = self._runtime.wall()
            job = partial(self._people.tell_routes, now=now)
            self._send_ready(await until_stored(partial(self._database.write, job)))

    async def _sweep(self) -> None:
        """Forget what nobody needs any more, at the start and every hour."""
        while True:
            await until_stored(self._sweep_once)
            await trio.sleep(SWEEP_SECONDS)

    async def _sweep_once(self) -> None:
        now = self._runtime.wall()

        def job(tx: Transaction) -> bool:
            ratchets.forget_seen(tx, now)
            ratchets.forget_retired(tx, now - 30 * DAY_SECONDS)
            messages.forget_keys(tx, now - KEEP_KEYS_SECONDS)
            messages.forget_parts(tx, now - KEEP_PARTS_SECONDS)
            return self._rotate_prekeys(tx)

        if await self._database.write(job):
            self._records.changed()
        await self._database.scrub()
        for item in await self._database.read(partial(outbox.expired_without_envelope, now=now)):
            # What waits for a recipient never seen is not in the outbox's own timers.
            await self._journal.expired(item)

    def _load_network(self) -> bytes | None:
        return self._database.read_now(lambda tx: settings.get(tx, _NETWORK_KEY))

    async def _save_network(self, state: bytes) -> None:
        await self._database.write(lambda tx: settings.put(tx, _NETWORK_KEY, state))
