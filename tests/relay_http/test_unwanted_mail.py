"""K51 over HTTP: strangers' mail that finds no room, and mail of people who are blocked."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.relay_http.harness import SEND_ID, OpenDoor, doors, send, texts
from zentalk.client.relay_mailbox import RelayMailbox
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import ConflictError, RefusedError
from zentalk.ids import SendId
from zentalk.mailbox.http_credentials import encode_base64
from zentalk.relay.mailbox.service import MailboxService

PUBLIC_ID = SendId(b"p" * 16)


async def open_to_strangers(door: OpenDoor) -> RelayMailbox:
    """Return an owner to whom a contact writes under one send id, and anybody under another."""
    owner = door.owner()
    await owner.register(contacts=[SEND_ID])
    add = [{"id": encode_base64(PUBLIC_ID), "kind": "public"}]
    await owner._ask("POST", "/relay/send-ids", {"add": add})
    return owner


def counted(door: OpenDoor, name: str) -> int:
    return door.running.relay.wiring.mailboxes.stats().counters.get(name, 0)


async def left_after_deferring(root: Path) -> list[list[bytes]]:
    """Defer what a stranger sent; return what is still given then, and in the next session."""
    path = ["r1", "r2", "r3"]
    async with doors(root, *path) as (world, [first, _, last]):
        owner = await open_to_strangers(last)
        await send(world, first, path, b"stranger", PUBLIC_ID)
        await send(world, first, path, b"contact")
        await trio.sleep(1)
        waiting = await owner.pending()
        assert sorted(texts(waiting)) == [b"contact", b"stranger"]
        await owner.acknowledge([item for item in waiting if item.send_id == SEND_ID])
        strangers = [item for item in waiting if item.send_id == PUBLIC_ID]
        await owner.defer(strangers)
        await owner.defer(strangers)
        left = texts(await owner.pending(0)) + texts(await owner.pending(25))
        for _ in range(3):
            left += texts(await owner.pending(25))
        return [left, texts(await last.owner(generation=2).pending())]


async def test_k51_what_is_deferred_makes_way_and_comes_again_in_another_session(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    assert await left_after_deferring(tmp_path) == [[], [b"stranger"]]


async def test_k51_control_what_a_relay_does_not_defer_stands_there_again_after_a_minute(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MailboxService, "defer", lambda *_: None)
    left, _ = await left_after_deferring(tmp_path)
    assert b"stranger" in left


async def test_k51_contacts_mail_is_not_deferred(autojump_clock: MockClock, tmp_path: Path) -> None:
    path = ["r1", "r2", "r3"]
    async with doors(tmp_path, *path) as (world, [first, _, last]):
        owner = await open_to_strangers(last)
        await send(world, first, path, b"contact")
        await trio.sleep(1)
        await owner.defer(await owner.pending())
        assert counted(last, "deferred") == 0
        again: list[bytes] = []
        for _ in range(6):
            again += texts(await owner.pending(25))
        assert again, "after a minute"


async def given_of_a_blocked_person(root: Path) -> list[bytes]:
    """Return what is given of a person before, while and after it is blocked."""
    path = ["r1", "r2", "r3"]
    async with doors(root, *path) as (world, [first, _, last]):
        owner = await open_to_strangers(last)
        given: list[bytes] = []

        async def write(text: bytes) -> None:
            await send(world, first, path, text)
            await trio.sleep(1)
            waiting = await owner.pending()
            await owner.acknowledge(waiting)
            given.extend(texts(waiting))

        await write(b"before")
        await owner.sink([SEND_ID, SEND_ID])
        await write(b"blocked")
        await trio.sleep(5)
        assert counted(last, "deposited") == 2, "it counts as any other"
        await owner.register(contacts=[SEND_ID])
        await write(b"heard")
        return given


async def test_k51_of_blocked_people_nothing_comes_and_once_unblocked_they_are_heard(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    assert await given_of_a_blocked_person(tmp_path) == [b"before", b"heard"]


async def test_k51_control_without_the_sink_it_comes(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> None:
        await trio.lowlevel.checkpoint()

    monkeypatch.setattr(RelayMailbox, "sink", nothing)
    assert b"blocked" in await given_of_a_blocked_person(tmp_path)


async def test_nobody_makes_a_sink_of_anothers_send_id(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1") as (_, [last]):
        await last.owner().register(contacts=[SEND_ID])
        stranger = last.owner(key=SigningKey(b"o" * 32))
        with pytest.raises(ConflictError):
            await stranger.sink([SEND_ID])


async def test_both_take_no_more_than_one_request_may_hold(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1") as (_, [last]):
        owner = last.owner()
        with pytest.raises(RefusedError, match="422"):
            await owner.sink(SendId(number.to_bytes(16, "big")) for number in range(257))
        with pytest.raises(RefusedError, match="422"):
            await owner._ask("POST", "/relay/defer", {"numbers": list(range(1025))})
        await owner._ask("POST", "/relay/defer", {"numbers": list(range(1024))})


async def test_a_relay_that_stops_and_a_session_that_ended_defer_nothing(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1") as (_, [last]):
        owner = last.owner()
        await owner.register(contacts=[SEND_ID])
        await last.owner(generation=2).pending(0)
        with pytest.raises(ConflictError):
            await owner.defer([])
        newer = last.owner(generation=3)
        await newer.pending(0)
        last.running.relay.wiring.connections.draining = True
        with pytest.raises(RefusedError, match="503"):
            await newer.defer([])
