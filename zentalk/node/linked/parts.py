"""Puts together what goes on between two nodes of the owner, for either of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.conversations.actions import ConversationActions
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.linked.feeder import Feeder
from zentalk.node.linked.follower import Follower
from zentalk.node.linked.links import Links
from zentalk.node.linked.owner_writes import OwnerWrites
from zentalk.node.linked.replica_actions import ReplicaActions
from zentalk.node.linked.replica_links import ReplicaLinks
from zentalk.node.linked.standing import TermWatch
from zentalk.node.messages.compose import Composer
from zentalk.store.history.database import HistoryDatabase


@dataclass(frozen=True, slots=True)
class HistoryCopy:
    """At a replica: the copy of the history, and whose history it is."""

    history: HistoryDatabase
    owner: UserAddress


@dataclass(frozen=True, slots=True)
class LinkedParts:
    """The owner's other node, seen from this one, and what the owner does in conversations.

    `watch` runs the tasks of the whole node, for as long as it may.
    """

    links: Links
    watch: TermWatch
    actions: ConversationActions
    follower: Follower | None
    run: Callable[[], Awaitable[None]]


def build_linked(
    runtime: Runtime,
    database: HistoryDatabase,
    outbox: Outbox,
    composer: Composer,
    writes: OwnerWrites,
    watch: TermWatch,
    copy: HistoryCopy | None,
) -> LinkedParts:
    """Return the parts of a node that may have a replica or, with a copy, of a replica."""
    own, chat = watch.own, writes.chat
    if copy is not None:
        follower = Follower(runtime, database, copy.history, composer, outbox)
        database.tail.on_commit = follower.changed.set
        links = ReplicaLinks(runtime, database, outbox, own, Signal())
        links.follow(follower, copy.history)
        actions = ReplicaActions(runtime, copy.history, outbox, chat, follower)
        return LinkedParts(links, watch, actions, follower, follower.run)
    feeder = Feeder(runtime.for_part("links"), database, composer, outbox, writes)
    return LinkedParts(
        Links(runtime, database, outbox, own, feeder.opened),
        watch,
        ConversationActions(runtime, database, outbox, chat),
        None,
        feeder.run,
    )
