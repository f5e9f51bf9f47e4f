"""Puts an API node together: who gets what, and which tasks must run.

Each part gets what it calls when it is made. Nobody is told afterwards whom to call: what is
below writes what it has noticed down, and whoever is above reads it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from zentalk.config.settings import ApiSettings
from zentalk.crypto.ed25519 import SigningKey
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.net.transport import Network
from zentalk.node.conversations.actions import ConversationActions
from zentalk.node.conversations.disappearing import Disappearing
from zentalk.node.conversations.signal_board import SignalBoard
from zentalk.node.conversations.signalling import Signalling
from zentalk.node.delivery.message_states import MessageStates
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.delivery.recipient_lookup import RecipientLookup
from zentalk.node.delivery.recipients import Recipients, RecoveryRequests
from zentalk.node.delivery.reconfirming import Reconfirming
from zentalk.node.delivery.session_recovery import SessionRecovery
from zentalk.node.delivery.session_renewal import SessionRenewal
from zentalk.node.devices.admissions import Admissions
from zentalk.node.devices.attendance import Attendance
from zentalk.node.devices.tokens import DeviceTokens
from zentalk.node.direct.actions import DirectActions
from zentalk.node.direct.parts import WaysFactory, build_direct, means_of
from zentalk.node.direct_lines import DirectLines
from zentalk.node.event_log import EventLog
from zentalk.node.files.library import FileLibrary
from zentalk.node.files.parts import FileParts, build_files
from zentalk.node.first_contact import FirstContact, Introductions, Invites, Verification
from zentalk.node.groups import GroupActions, GroupParts, build_groups
from zentalk.node.housekeeping import Housekeeping
from zentalk.node.linked.owner_writes import OwnerWrites
from zentalk.node.linked.parts import HistoryCopy, LinkedParts, build_linked
from zentalk.node.linked.renewal_queue import RenewalQueue
from zentalk.node.linked.replica_links import ShownInvites
from zentalk.node.linked.standing import TermWatch
from zentalk.node.mailboxes.announcer import Announcer
from zentalk.node.mailboxes.collector import CollectorFactory
from zentalk.node.mailboxes.manager import MailboxManager
from zentalk.node.mailboxes.prices import Prices
from zentalk.node.mailboxes.receiver import Receiver
from zentalk.node.mailboxes.selection import MailboxSelection
from zentalk.node.messages.commands import MessageCommands
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.conversation.commands import ChatCommands
from zentalk.node.messages.linked.resuming import Resuming
from zentalk.node.messages.people import ContactCommands
from zentalk.node.messages.receive import Inbox
from zentalk.node.network import NodeNetwork
from zentalk.node.notify.deliveries import Deliveries
from zentalk.node.notify.outgoing import HttpPoster
from zentalk.node.notify.push import PushCommands
from zentalk.node.notify.push_sender import PushSender
from zentalk.node.notify.waker import Waker
from zentalk.node.notify.webhooks import WebhookCommands
from zentalk.node.profiles import PROFILES
from zentalk.node.records.decoys import Decoys
from zentalk.node.records.holders import RecordHolders
from zentalk.node.records.lookup import RecordLookup
from zentalk.node.records.own_records import OwnRecords
from zentalk.node.records.publisher import RecordPublisher
from zentalk.node.sessions.sessions import Sessions
from zentalk.store.history import settings as stored
from zentalk.store.history.database import HistoryDatabase

DATABASE_NAME: Final = "history.db"
_NETWORK_KEY: Final = "network-state"

Task = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DeliveryParts:
    """What the rest of the node sees of delivery; `tasks` must be running."""

    records: RecordLookup
    states: MessageStates
    recipients: Recipients
    outbox: Outbox
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class DeviceParts:
    """Who may use the node, which of them do, and the owner's other node."""

    tokens: DeviceTokens
    attendance: Attendance
    admissions: Admissions
    linked: LinkedParts


@dataclass(frozen=True, slots=True)
class ConversationParts:
    """What the rest of the node sees of conversations; `tasks` must be running."""

    board: SignalBoard
    actions: ConversationActions
    signalling: Signalling
    groups: GroupActions
    files: FileLibrary
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class NotifyParts:
    """The event log, and who outside is told of it; `tasks` must be running."""

    log: EventLog
    webhooks: WebhookCommands
    push: PushCommands
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class IncomingParts:
    """The ways in for what others send: mailboxes, and direct connections."""

    receiver: Receiver
    mailboxes: MailboxManager
    direct: DirectActions


@dataclass(frozen=True, slots=True)
class NodeParts:
    """What a node is made of; `tasks` run side by side once the node has loaded.

    `devices.linked.watch` runs them, and `network.run` before, as the way to find out whether they
    may.
    """

    database: HistoryDatabase
    network: NodeNetwork
    devices: DeviceParts
    notify: NotifyParts
    publisher: RecordPublisher
    delivery: DeliveryParts
    incoming: IncomingParts
    conversations: ConversationParts
    first_contact: FirstContact
    history: HistoryDatabase
    """What the owner is shown: the database, or at a replica the copy of the first's."""
    tasks: tuple[Task, ...]


def build_node(
    settings: ApiSettings,
    runtime: Runtime,
    network: Network,
    identity: SigningKey,
    copy: HistoryCopy | None = None,
    make_ways: WaysFactory | None = None,
) -> tuple[NodeParts, ContactCommands, MessageCommands]:
    """Put the parts of a node over `settings.directory` together, with its commands.

    With a `copy` it follows another node of its owner: what REST reads is that one's history.
    Raises StorageError if the database cannot be opened.
    """
    database = HistoryDatabase(settings.directory / DATABASE_NAME, runtime.run_blocking)
    history = database if copy is None else copy.history
    reached = _build_network(settings, runtime, network, database)
    own = UserAddress(identity.public)
    sessions = Sessions(identity, runtime.entropy)
    composer = Composer(sessions, runtime.entropy, settings.message_ttl_seconds)
    holders = RecordHolders(
        runtime.for_part("directory"), reached.tunnels.short, reached.descriptors
    )
    records = RecordLookup(runtime, holders, reached.tunnels)
    own_records = OwnRecords(identity, runtime.for_part("records").entropy)
    publisher = RecordPublisher(runtime, database, holders, own_records)
    means = means_of(
        settings, identity, reached.descriptors, make_ways, is_replica=copy is not None
    )
    delivery = _build_delivery(runtime, database, reached, composer, records, means.lines)
    groups = build_groups(runtime, identity, (database, history), composer, delivery.outbox)
    chat = ChatCommands(composer, own, groups.speech)
    messages = MessageCommands(composer, own, groups.speech)
    watch = TermWatch(runtime, database, reached, records, own)
    linked = build_linked(
        runtime, database, delivery.outbox, composer, OwnerWrites(messages, chat, own), watch, copy
    )
    files = build_files(settings, runtime, (database, history), reached)
    conversations = _build_conversations(
        runtime, database, delivery.outbox, composer, linked.actions, (groups, files)
    )
    board = conversations.board
    inbox = Inbox(sessions, composer, groups.inbox, accept_introduced=settings.accept_introduced)
    receiver = Receiver(runtime, database, inbox, delivery.outbox, board, means.board)
    direct = build_direct(runtime, database, composer, delivery.outbox, receiver, means)
    contacts = ContactCommands(composer)
    selection = MailboxSelection(runtime, reached)
    prices = Prices(runtime, reached, selection)
    mailboxes = MailboxManager(
        runtime,
        database,
        reached,
        selection,
        CollectorFactory(runtime, identity, database, receiver, delivery.outbox, prices),
        Announcer(
            runtime, database, publisher, contacts, delivery.outbox, reached.packets.ack_points
        ),
    )
    housekeeping = Housekeeping(runtime, database, delivery.states, delivery.outbox, groups.inbox)
    resuming = Resuming(composer, groups.commands.show_card)
    renewals = RenewalQueue(runtime, database, resuming, delivery.outbox, mailboxes.registered)
    decoys = Decoys(runtime, reached, records, own)
    tokens = DeviceTokens(runtime, identity, database)
    tokens.tell_revoked(conversations.signalling.left)
    devices = DeviceParts(
        tokens, Attendance(runtime, database), Admissions(runtime, tokens), linked
    )
    poster = HttpPoster(settings.proxy)
    for_devices = HttpPoster(settings.proxy, public_only=True)
    sender = PushSender(runtime.for_part("push-keys"), identity, poster, for_devices)
    delay = PROFILES[settings.profile].wake_seconds
    notify = _build_notify(runtime, history, devices, poster, sender, delay)
    tasks = (
        *(publisher.run, *delivery.tasks, receiver.run, receiver.release),
        *(mailboxes.run, decoys.run, housekeeping.run, devices.attendance.run),
        *(*(() if copy else notify.tasks), *conversations.tasks, linked.run, renewals.run),
        *direct.tasks,
    )
    parts = NodeParts(
        database=database,
        network=reached,
        devices=devices,
        notify=notify,
        publisher=publisher,
        delivery=delivery,
        incoming=IncomingParts(receiver, mailboxes, direct.actions),
        conversations=conversations,
        first_contact=FirstContact(
            (ShownInvites if copy else Invites)(
                runtime, identity, history, delivery.outbox, groups.commands
            ),
            Introductions(runtime, history, composer, delivery.outbox),
            Verification(runtime, copy.owner if copy else own, history),
        ),
        history=history,
        tasks=tasks,
    )
    return parts, contacts, messages


def _build_network(
    settings: ApiSettings, runtime: Runtime, network: Network, database: HistoryDatabase
) -> NodeNetwork:
    def load() -> bytes | None:
        return database.read_now(lambda tx: stored.get(tx, _NETWORK_KEY))

    async def save(state: bytes) -> None:
        await database.write(lambda tx: stored.put(tx, _NETWORK_KEY, state))

    return NodeNetwork(settings, runtime.for_part("network"), network, load, save)


def _build_delivery(
    runtime: Runtime,
    database: HistoryDatabase,
    network: NodeNetwork,
    composer: Composer,
    records: RecordLookup,
    lines: DirectLines,
) -> DeliveryParts:
    """Put delivery together."""
    states = MessageStates(runtime, database, composer)
    recipients = Recipients(runtime, database)
    requests = RecoveryRequests(runtime, shaped=network.profile.shape is not None)
    outbox = Outbox(runtime, network, states, recipients, requests, lines)
    lookup = RecipientLookup(runtime, database, composer, records, recipients, outbox)
    renewal = SessionRenewal(runtime, database, composer, records, recipients, outbox)
    recovery = SessionRecovery(runtime, database, records, requests, renewal)
    reconfirming = Reconfirming(runtime, database, composer, states, outbox)
    tasks = (states.run, outbox.run, lookup.run, recovery.run, reconfirming.run)
    return DeliveryParts(records, states, recipients, outbox, tasks)


def _build_conversations(
    runtime: Runtime,
    database: HistoryDatabase,
    outbox: Outbox,
    composer: Composer,
    actions: ConversationActions,
    others: tuple[GroupParts, FileParts],
) -> ConversationParts:
    """Put together what goes on in conversations beside sending and receiving."""
    board = SignalBoard(runtime)
    signalling = Signalling(runtime, database, composer, outbox, board)
    disappearing = Disappearing(runtime, database)
    groups, files = others
    tasks = (board.run, signalling.run, disappearing.run, groups.run, *files.tasks)
    return ConversationParts(board, actions, signalling, groups.actions, files.library, tasks)


def _build_notify(
    runtime: Runtime,
    database: HistoryDatabase,
    devices: DeviceParts,
    poster: HttpPoster,
    sender: PushSender,
    delay_seconds: float,
) -> NotifyParts:
    """Put together who is told of events."""
    log = EventLog(database)
    webhooks = WebhookCommands(runtime.for_part("webhooks"), database)
    deliveries = Deliveries(runtime.for_part("webhook-tries"), database, log, poster)
    webhooks.on_change = deliveries.poke
    push = PushCommands(runtime, database, devices.tokens, sender)
    waker = Waker(
        runtime.for_part("push"), database, log, devices.attendance, sender, delay_seconds
    )
    push.on_change = waker.poke
    return NotifyParts(log, webhooks, push, (deliveries.run, waker.run))
