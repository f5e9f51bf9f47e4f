"""With `sync = strict` the first confirms only what its replica has."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.linked import cut_off, destroyed, linked, promoted, synced, texts
from tests.e2e.world import World
from zentalk.node.linked import links
from zentalk.node.linked.status import UNCONFIRMED
from zentalk.node.messages.linked import syncing

pytestmark = pytest.mark.e2e

HELLO = ["hello from alice"]


async def lost_with_the_first(world: World) -> list[str]:
    """Alice writes while the replica is cut off, and the first is destroyed; return the states."""
    cut_off(world, "bob two")
    sent = [await world.send("alice", "bob", f"message {number}") for number in range(3)]
    await world.until(lambda: _all_there(world))
    await trio.sleep(60)
    states = [(await world.nodes["alice"].message(message.id)).state for message in sent]
    await destroyed(world, "bob")
    cut_off(world, "bob two", cut=False)
    await promoted(world)
    return [str(state) for state in states]


async def _all_there(world: World) -> bool:
    return len(await texts(world, "bob", "in")) == 4


async def test_nothing_that_was_acknowledged_is_lost_with_the_first(
    world: World, autojump_clock: Clock
) -> None:
    await linked(world, sync="strict")
    states = await lost_with_the_first(world)
    assert states == ["sent"] * 3, "nobody but the first had them"
    expected = [*HELLO, *(f"message {number}" for number in range(3))]

    async def arrived() -> bool:
        return sorted(await texts(world, "bob two", "in")) == sorted(expected)

    await world.until(arrived)
    await trio.sleep(60)
    page = await world.nodes["bob two"].messages(world.nodes["alice"].address)
    assert sum(line.missing for line in page) == 0


async def test_control_without_the_guard_what_was_acknowledged_is_lost(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "is_strict", lambda _tx: False)
    await linked(world, sync="strict")
    assert await lost_with_the_first(world) == ["delivered"] * 3
    await trio.sleep(120)
    assert await texts(world, "bob two", "in") == HELLO


async def test_what_the_replica_has_is_confirmed_at_once_and_copies_of_it_change_nothing(
    world: World, autojump_clock: Clock
) -> None:
    await linked(world, sync="strict")
    message = await world.send("alice", "bob", "to both")
    await world.until_state("alice", message, "delivered", 30)
    await synced(world)
    assert (await world.nodes["bob"].links.state()).unconfirmed == 0


async def test_what_waited_is_confirmed_bit_by_bit_until_nothing_waits(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "RELEASED_AT_ONCE", 1)
    await linked(world, sync="strict")
    cut_off(world, "bob two")
    sent = [await world.send("alice", "bob", f"message {number}") for number in range(3)]
    await world.until(lambda: _all_there(world))
    assert (await world.nodes["bob"].links.state()).unconfirmed == 3
    cut_off(world, "bob two", cut=False)
    for message in sent:
        await world.until_state("alice", message, "delivered")


async def test_the_owner_is_told_when_the_replica_keeps_senders_waiting(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "SILENT_SECONDS", 60.0)
    await linked(world, sync="strict")
    cut_off(world, "bob two")
    message = await world.send("alice", "bob", "waits")
    await trio.sleep(120)
    state = await world.nodes["bob"].links.state()
    assert (state.strict, state.unconfirmed, state.note) == (True, 1, UNCONFIRMED)
    [link] = state.links
    assert link.behind > 0
    await world.nodes["bob"].links.remove(link.id)
    await world.until_state("alice", message, "delivered")
    state = await world.nodes["bob"].links.state()
    assert (state.role, state.unconfirmed, state.note) == ("alone", 0, "")
