"""Puts the parts of groups together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from zentalk.crypto.ed25519 import SigningKey
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.groups.actions import GroupActions
from zentalk.node.groups.fan_out import GroupFanOut
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.groups.commands import GroupCommands
from zentalk.node.messages.groups.jobs import group_jobs
from zentalk.node.messages.groups.receiving import GroupInbox
from zentalk.node.messages.groups.saying import GroupSpeech
from zentalk.store.history.database import HistoryDatabase


class GroupParts(NamedTuple):
    """What the rest of the node sees of groups; `run` must be running."""

    actions: GroupActions
    commands: GroupCommands
    speech: GroupSpeech
    inbox: GroupInbox
    run: Callable[[], Awaitable[None]]


def build_groups(
    runtime: Runtime,
    identity: SigningKey,
    databases: tuple[HistoryDatabase, HistoryDatabase],
    composer: Composer,
    outbox: Outbox,
) -> GroupParts:
    """Put the parts of groups together, over a node's own database and what its owner is shown.

    The second is another one at a replica only, where nothing of it can be changed.
    """
    database, shown = databases
    jobs = group_jobs(identity, composer, runtime.for_part("groups").entropy)
    return GroupParts(
        GroupActions(runtime, shown, outbox, jobs.commands, jobs.distribution),
        jobs.commands,
        jobs.speech,
        jobs.inbox,
        GroupFanOut(runtime, database, outbox, jobs.distribution, jobs.speech).run,
    )
