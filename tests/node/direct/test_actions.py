"""Where a node makes no direct connections the owner is told why, and can always end them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.node.direct.desk import CONTACT, WALL, Outbox
from zentalk.config import ApiSettings
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import ConflictError, NotFoundError
from zentalk.net.runtime import Runtime
from zentalk.node.direct import udp_ways
from zentalk.node.direct.actions import DirectActions, DirectState
from zentalk.node.direct.parts import NO_WAYS, DirectMeans, build_direct, means_of
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import CommitEffects
from zentalk.store.history import contacts, direct, events
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.direct import DirectRow
from zentalk.store.history.models import ContactState
from zentalk.wire.text import format_address

OWN = SigningKey(b"o" * 32)
NO_RELAYS: dict[Any, Any] = {}


def settings(**changed: Any) -> ApiSettings:
    return ApiSettings(directory=Path("nowhere"), network="test", **changed)


def means(*, is_replica: bool = False, has_ways: bool = True, **changed: Any) -> DirectMeans:
    make: Any = (lambda _relays: object()) if has_ways else None
    return means_of(settings(**changed), OWN, lambda: NO_RELAYS, make, is_replica=is_replica)


IMPOSSIBLE: dict[str, DirectMeans] = {
    "the profile strong hides when you write": means(profile="strong"),
    "through a proxy": means(proxy="socks5://127.0.0.1:9050"),
    "this node is a replica": means(is_replica=True),
    "need aioquic": means(has_ways=False),
}


@pytest.mark.parametrize("why", IMPOSSIBLE)
def test_where_it_cannot_be_no_ways_are_made(why: str) -> None:
    found = IMPOSSIBLE[why]
    assert why in found.why_not
    assert found.ways is None


def test_ways_are_made_where_nothing_is_against_it() -> None:
    found = means()
    assert found.why_not == ""
    assert found.ways is not None


def test_without_the_library_there_are_no_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Runtime.virtual(1, WALL)
    assert udp_ways.ways_of(settings(), runtime) is not None
    monkeypatch.setattr(udp_ways, "find_spec", lambda _name: None)
    assert udp_ways.ways_of(settings(), runtime) is None
    assert "zentalk[quic]" in NO_WAYS


class Letters:
    """In the place of the composer: what would be sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, bool]] = []

    def new_message_id(self) -> bytes:
        return bytes(16)

    def send(self, _tx: object, _row: object, content: Any, _now: float) -> CommitEffects:
        self.sent.append((content.body.number, content.body.allowed))
        return CommitEffects()


class Owner:
    """Somebody at a node of the given means, which runs."""

    def __init__(self, database: HistoryDatabase, found: DirectMeans) -> None:
        self.letters, self.database = Letters(), database
        letters: Any = self.letters
        composer: Composer = letters
        outbox: Any = Outbox()
        receiver: Any = None
        runtime = Runtime.virtual(1, WALL)
        outbox.consents = None
        self.parts = build_direct(runtime, database, composer, outbox, receiver, found)

    @property
    def actions(self) -> DirectActions:
        return self.parts.actions

    async def knows(self, state: ContactState = ContactState.CONTACT) -> None:
        await self.database.write(lambda tx: contacts.insert(tx, CONTACT, "Carol", state, WALL))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[HistoryDatabase]:
    runtime = Runtime.virtual(1, WALL)
    with closing(HistoryDatabase(tmp_path / "history.db", runtime.run_blocking)) as found:
        yield found


@asynccontextmanager
async def owner(database: HistoryDatabase, found: DirectMeans) -> AsyncIterator[Owner]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.run)
        yield Owner(database, found)
        nursery.cancel_scope.cancel()


async def test_the_event_log_says_relay_where_lines_were_made_before(
    database: HistoryDatabase, autojump_clock: MockClock
) -> None:
    data = {"address": format_address(CONTACT), "path": "direct"}
    async with owner(database, means()) as before:
        assert len(before.parts.tasks) == 2
        await database.write(lambda tx: events.append(tx, "contact.path", WALL, data))
        [task] = Owner(database, IMPOSSIBLE["through a proxy"]).parts.tasks
        with trio.move_on_after(1):
            await task()
        found = await database.read(lambda tx: events.page(tx, 0, -1))
        assert [event.data for event in found] == [data, {**data, "path": "relay"}]


@pytest.mark.parametrize("why", IMPOSSIBLE)
async def test_nothing_is_allowed_there_and_what_was_allowed_can_be_ended(
    database: HistoryDatabase, autojump_clock: MockClock, why: str
) -> None:
    async with owner(database, IMPOSSIBLE[why]) as one:
        await one.knows()
        with pytest.raises(ConflictError, match=why):
            await one.actions.allow(CONTACT, on=True)
        assert one.letters.sent == []
        # Allowed before the setting was another one.
        await database.write(lambda tx: direct.put(tx, CONTACT, DirectRow(4, True, 2, True)))
        state = await one.actions.state(CONTACT)
        assert state == DirectState(True, True, False, IMPOSSIBLE[why].why_not)
        state = await one.actions.allow(CONTACT, on=False)
        assert (state.allowed, state.is_direct) == (False, False)
        [(number, allowed)] = one.letters.sent
        assert not allowed
        assert number > 4


async def test_the_owner_allows_and_ends_it(
    database: HistoryDatabase, autojump_clock: MockClock
) -> None:
    async with owner(database, means()) as one:
        await one.knows()
        assert await one.actions.state(CONTACT) == DirectState(False, False, False, "")
        assert (await one.actions.allow(CONTACT, on=True)).allowed
        assert (await one.actions.allow(CONTACT, on=True)).allowed
        assert not (await one.actions.allow(CONTACT, on=False)).allowed
        assert [allowed for _, allowed in one.letters.sent] == [True, False]
        numbers = [number for number, _ in one.letters.sent]
        assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("state", [None, *sorted(set(ContactState) - {ContactState.CONTACT})])
async def test_nothing_is_allowed_to_who_is_no_contact(
    database: HistoryDatabase, autojump_clock: MockClock, state: ContactState | None
) -> None:
    async with owner(database, means()) as one:
        if state is not None:
            await one.knows(state)
        for on in (True, False):
            with pytest.raises(NotFoundError):
                await one.actions.allow(CONTACT, on=on)
        with pytest.raises(NotFoundError):
            await one.actions.state(CONTACT)
        assert one.letters.sent == []


def test_contacts_are_looked_for_in_the_house_only_where_the_owner_wants_it() -> None:
    assert means().lan_identity is None
    assert means(direct_lan=True).lan_identity == OWN
    assert "o" * 32 not in repr(means(direct_lan=True))


async def test_with_the_setting_there_is_one_more_task_and_none_where_nothing_is_direct(
    database: HistoryDatabase, autojump_clock: MockClock
) -> None:
    for direct_lan, tasks in ((False, 2), (True, 3)):
        async with owner(database, means(direct_lan=direct_lan)) as one:
            assert len(one.parts.tasks) == tasks
    async with owner(database, means(direct_lan=True, profile="strong")) as one:
        assert len(one.parts.tasks) == 1, "the log of paths alone"
