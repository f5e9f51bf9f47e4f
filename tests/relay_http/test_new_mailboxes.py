"""K45 over HTTP: work for a new mailbox, by the rules that hold on links."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.relay_http.harness import KEY, SEND_ID, OpenDoor, doors
from zentalk.client import relay_mailbox
from zentalk.client.mailbox_work import MailboxWork
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import RefusedError
from zentalk.ids import MailboxId
from zentalk.mailbox.newcomers import Newcomers
from zentalk.relay_http.sessions import IDLE_SECONDS

BITS = 10


def ask_for(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let relays ask for work, as they do when many want mailboxes."""
    monkeypatch.setattr(Newcomers, "price", lambda _self, _now: bits)


def made(door: OpenDoor) -> int:
    return door.running.relay.wiring.mailboxes.stats().counters.get("mailboxes_made", 0)


async def test_k45_who_shows_the_work_that_is_asked_for_has_a_mailbox(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with doors(tmp_path, "r1") as (_, [last]):
        owner = last.owner()
        assert await owner.price() == 0
        ask_for(BITS, monkeypatch)
        assert await owner.price() == BITS
        for ask in (owner.pending, owner.register):
            with pytest.raises(RefusedError, match=f"{BITS} bits of work") as refusal:
                await ask()
            assert refusal.value.reason == "work"
        await owner.open()
        await owner.register(contacts=[SEND_ID])
        assert await owner.pending(0) == []
        assert made(last) == 1


async def test_k45_control_a_relay_that_does_not_look_at_the_work_refuses_it(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_for(BITS, monkeypatch)
    monkeypatch.setattr("zentalk.mailbox.newcomers.mailbox_worth", lambda *_: 0)
    async with doors(tmp_path, "r1") as (_, [last]):
        with pytest.raises(RefusedError, match="too often"):
            await last.owner().open()
        assert made(last) == 0


async def test_k45_a_mailbox_that_exists_is_opened_without_work(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with doors(tmp_path, "r1") as (_, [last]):
        await last.owner().open()
        await last.owner().open()  # its session is open: nothing changes
        await trio.sleep(IDLE_SECONDS + 60)
        ask_for(64, monkeypatch)
        await last.owner(generation=2).open()


async def test_k45_work_for_another_mailbox_or_another_day_counts_nothing(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_for(BITS, monkeypatch)
    monkeypatch.setattr(relay_mailbox, "MOST_TRIES", 2)
    async with doors(tmp_path, "r1") as (_, [last]):
        other = MailboxId(SigningKey(bytes(32)).public)
        stolen = MailboxWork(last.running.node_id, other, last.wall)
        earlier = MailboxWork(
            last.running.node_id, MailboxId(KEY.public), lambda: last.wall() - 3 * 86_400
        )
        for work in (stolen, earlier):
            owner = last.owner()
            monkeypatch.setattr(owner, "_work", work)
            with pytest.raises(RefusedError, match="too often"):
                await owner.open()
        assert made(last) == 0


async def test_a_client_works_no_more_than_it_was_told_to(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_for(BITS, monkeypatch)
    monkeypatch.setattr(MailboxWork, "reach", never)
    async with doors(tmp_path, "r1") as (_, [last]):
        with pytest.raises(RefusedError, match=f"{BITS} bits of work"):
            await last.owner().open(most_bits=BITS - 1)


async def never(_self: MailboxWork, _bits: int) -> None:
    raise AssertionError("it works")


def best_and_one_more(newcomers: Newcomers, _now: float) -> int:
    return BITS if newcomers._best is None else newcomers._best.bits + 1


async def test_k45_of_two_who_wait_for_a_turn_the_one_with_less_work_is_told_the_new_price(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No turn is left: who asks waits for the next one with its work, unless another has more."""
    async with doors(tmp_path, "r1") as (_, [last]):
        monkeypatch.setattr(Newcomers, "_turn_at", lambda self: self._taken_at + 3600.0)
        monkeypatch.setattr(
            Newcomers,
            "price",
            lambda self, _now: BITS if self._best is None else self._best.bits + 1,
        )
        ended: list[str] = []

        async def open_one(name: str) -> None:
            try:
                await last.owner(key=SigningKey(name.encode() * 32)).open(most_bits=BITS)
            except RefusedError as refusal:
                ended.append(f"{name} {refusal.reason}")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(open_one, "a")
            await trio.sleep(1)
            assert ended == []
            second = last.owner(key=SigningKey(b"b" * 32))
            await second._work.reach(await second.price())
            nursery.start_soon(second.open)
            await trio.sleep(1)
            assert ended == ["a work"]
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {"work": 1},
        {"work": {"day": -1, "nonce": "AAAAAAAAAAA"}},
        {"work": {"day": 1, "nonce": "AAAA"}},
        {"more": 1},
    ],
)
async def test_what_is_no_work_is_said_to_be_none(
    autojump_clock: MockClock, tmp_path: Path, content: object
) -> None:
    async with doors(tmp_path, "r1") as (_, [last]):
        with pytest.raises(RefusedError, match="422"):
            await last.owner()._ask("POST", "/relay/open", content)
        assert made(last) == 0
