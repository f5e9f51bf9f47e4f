"""Puts the shard service of one relay together."""

from __future__ import annotations

from typing import Final

from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.relay.access.doorkeeper import Doorkeeper
from zentalk.relay.links.memory_budget import MemoryBudget
from zentalk.relay.shards.keeping import ShardKeeper
from zentalk.relay.shards.room import ShardRoom
from zentalk.relay.shards.service import ShardService
from zentalk.store.shards.shelf import ShardShelf

SHARDS_SHARE: Final = 0.125
"""Share of the budget for shards on their way to the disk or from it: with the default 60."""


def open_shards(
    runtime: Runtime,
    relay: NodeId,
    quota_bytes: int,
    shelf: ShardShelf,
    budget: MemoryBudget,
    doorkeeper: Doorkeeper,
) -> ShardService:
    """Return the service for what is on a shelf; nothing runs yet."""
    room = ShardRoom(relay, runtime.wall, quota_bytes, lambda: doorkeeper.tokens)
    keeper = ShardKeeper(relay, runtime.wall, room)
    memory = budget.account(SHARDS_SHARE, greedy=False)
    service = ShardService(runtime, shelf, keeper, memory)
    service.judge_by(doorkeeper.storage_admittance)
    return service
