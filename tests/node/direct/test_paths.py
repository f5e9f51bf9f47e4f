"""The event log agrees with the ways on which contacts are, also after a node was killed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.node.direct.desk import CONTACT, OTHER, Desk, desk
from zentalk.ids import UserAddress
from zentalk.store.history import direct
from zentalk.wire.text import format_address

DIRECT = [(CONTACT, "direct"), (OTHER, "direct")]


@asynccontextmanager
async def life(path: Path) -> AsyncIterator[Desk]:
    """One life of a node, which ends as if it were killed: nothing more is written."""
    with desk(path) as node:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(node.run)
            await trio.sleep(0.1)
            yield node
            nursery.cancel_scope.cancel()


async def told(node: Desk) -> list[tuple[UserAddress, str]]:
    """Return of whom the log says which way, in the order of the log."""
    await trio.sleep(0.1)
    people = {format_address(one): one for one in (CONTACT, OTHER)}
    return [(people[one["address"]], one["path"]) for one in await node.path_events()]


async def killed_while_direct(path: Path) -> None:
    async with life(path) as node:
        node.path_log.note([CONTACT, OTHER])
        assert await told(node) == DIRECT


async def test_who_was_direct_when_a_node_was_killed_is_on_relays_at_its_start(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    await killed_while_direct(tmp_path / "one.db")
    for _ in range(2):
        async with life(tmp_path / "one.db") as node:
            found = await told(node)
            assert found == [*DIRECT, (CONTACT, "relay"), (OTHER, "relay")], "once"


async def test_who_is_direct_again_after_a_start_is_told_so(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    await killed_while_direct(tmp_path / "one.db")
    async with life(tmp_path / "one.db") as node:
        node.path_log.note([OTHER])
        assert await told(node) == [*DIRECT, (CONTACT, "relay"), (OTHER, "relay"), DIRECT[1]]


async def test_control_without_a_look_at_the_log_it_says_direct_for_ever(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await killed_while_direct(tmp_path / "one.db")
    monkeypatch.setattr(direct, "shown_as_direct", lambda _tx: frozenset())
    async with life(tmp_path / "one.db") as node:
        assert await told(node) == DIRECT


async def test_what_cannot_be_read_at_the_start_is_read_later(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    await killed_while_direct(tmp_path / "one.db")
    with desk(tmp_path / "one.db") as node:
        node.database.fails_to_read = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(node.run)
            await trio.sleep(60)
            node.database.fails_to_read = False
            await trio.sleep(60)
            assert (await told(node))[2:] == [(CONTACT, "relay"), (OTHER, "relay")]
            nursery.cancel_scope.cancel()
