"""Steps that scenarios share: two people who know each other, and what became of a message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from structlog.typing import EventDict

from tests.e2e.world import World
from zentalk.node.messages.reasons import Reason
from zentalk.store.history.models import StoredMessage


async def acquainted(world: World, relays: int = 3, **settings: Any) -> None:
    """Alice and Bob have exchanged a message over relays with these settings."""
    await world.relay_net(relays, **settings)
    await world.person("alice")
    await world.person("bob")
    await world.friends("alice", "bob")
    await world.until_state("alice", await world.send("alice", "bob", "hello"), "delivered")


async def until_kept(world: World, message: StoredMessage, reason: Reason) -> None:
    """Wait until a message of Alice's is kept in her queue, and says why."""

    async def kept() -> bool:
        found = await world.nodes["alice"].message(message.id)
        assert found.state == "queued"
        return found.reason == reason

    await world.until(kept)


async def arrives(world: World, message: StoredMessage, texts: Sequence[str]) -> None:
    """Wait until a message of Alice's is delivered; Bob then has these texts, each once."""
    await world.until_state("alice", message, "delivered")
    assert await world.inbox("bob", "alice") == list(texts)


def said(log: Iterable[EventDict], event: str) -> set[tuple[Any, str]]:
    """Return the places and reasons that a log names in events of a kind."""
    return {(line["place"], line["reason"]) for line in log if line["event"] == event}


async def silence(world: World, *names: str) -> None:
    """End relays without a word: nobody listens there any more."""
    for name in names:
        await world.crash(name)
        world.memory.kill(name)


async def back(world: World, *names: str) -> None:
    """Start relays again on their folders."""
    for name in names:
        world.memory.revive(name)
        await world.relay(name)
