"""Lines between two nodes over streams in memory: what goes over them, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from tests.node.direct.desk import CONTACT, ENVELOPE, OTHERS, THEIRS, Desk, Sessions, sessions
from tests.node.direct.support import own_offer
from zentalk.ids import DepositId, SendId
from zentalk.net.connection import MAX_REQUESTS, Connection
from zentalk.node.direct import links as module
from zentalk.node.direct.links import ANSWER_SECONDS, MAX_UNANSWERED
from zentalk.node.direct.mail import DirectInbox
from zentalk.node.direct.ways import DirectSession
from zentalk.wire.deposit import Deposit

SESSION = b"session of tests"


class Line:
    """A line between two nodes, each of which has the other as CONTACT, and its streams."""

    def __init__(self, one: Desk, other: Desk, meeting: Sessions | None = None) -> None:
        self.one, self.other = one, other
        self._meeting = meeting or sessions(own_offer(SESSION), own_offer(SESSION))
        self.halves = memory_stream_pair()
        self.used: list[bool] = []
        self.scope = trio.CancelScope()

    async def run(self) -> None:
        with self.scope:
            async with trio.open_nursery() as nursery:
                sides = zip((self.one, self.other), self._meeting, self.halves, strict=True)
                for node, session, half in sides:
                    nursery.start_soon(self._run, node, session, half)

    async def _run(self, node: Desk, session: DirectSession, half: Any) -> None:
        self.used.append(await node.links.run(CONTACT, session, half))

    def cut(self) -> None:
        """Let the streams break."""
        for half in self.halves:
            half.send_stream.close()
            half.receive_stream.close()


async def standing(one: Desk, other: Desk, nursery: trio.Nursery) -> Line:
    line = Line(one, other)
    nursery.start_soon(line.run)
    await trio.sleep(0.5)
    assert CONTACT in one.links
    assert CONTACT in other.links
    return line


def put(node: Desk, token: bytes | None = b"token", send_id: SendId = THEIRS) -> bool:
    deposit = Deposit(send_id, DepositId(b"d" * 16), 3600, None, ENVELOPE)
    line = node.lines.standing.get(CONTACT)
    return line is not None and line.carry(deposit, token)


def silent(node: Desk) -> None:
    """Let a node save nothing from now on, and say nothing."""
    node.database.may_commit = trio.Event()


async def test_copies_are_saved_at_the_other_end_and_their_tokens_come_back(
    one: Desk, other: Desk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await standing(one, other, nursery)
    assert put(one, b"first")
    assert put(one, None)
    assert put(other, b"back")
    await trio.sleep(0.1)
    assert (one.outbox.tokens, other.outbox.tokens) == ([b"first"], [b"back"])
    assert (len(other.inbox.came), len(one.inbox.came)) == (2, 1)


async def test_a_copy_without_an_answer_ends_the_line_and_all_goes_another_way(
    one: Desk, other: Desk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    line = await standing(one, other, nursery)
    silent(other)
    put(one)
    await trio.sleep(ANSWER_SECONDS - 0.1)
    assert CONTACT in one.links
    assert one.outbox.rerouted == []
    await trio.sleep(0.2)
    assert CONTACT not in one.links
    assert (one.outbox.rerouted, one.outbox.tokens) == ([CONTACT], [])
    assert not put(one), "what comes next goes over relays"
    assert line.used == [True, True]
    other.database.may_commit.set()


async def test_control_without_the_time_for_answers_a_line_holds_what_it_has(
    one: Desk,
    other: Desk,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 3_600.0)
    await standing(one, other, nursery)
    silent(other)
    put(one)
    await trio.sleep(60)
    assert CONTACT in one.links
    assert one.outbox.rerouted == []
    other.database.may_commit.set()


async def on_their_way(one: Desk, other: Desk, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many copies are asked about at once, of more than may be."""
    asked = 0

    async def request(_connection: Connection, _body: bytes, _seconds: float) -> bytes:
        nonlocal asked
        asked += 1
        await trio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr(Connection, "request", request)
    for _ in range(2 * MAX_REQUESTS):
        assert put(one)
    await trio.sleep(1)
    return asked


async def test_no_more_than_some_copies_are_unanswered_at_once(
    one: Desk,
    other: Desk,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await standing(one, other, nursery)
    assert MAX_UNANSWERED < MAX_REQUESTS, "or the other side refuses what an honest one sends"
    assert await on_their_way(one, other, monkeypatch) == MAX_UNANSWERED


async def test_control_without_the_bound_all_are(
    one: Desk,
    other: Desk,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_UNANSWERED", 1_000)
    await standing(one, other, nursery)
    assert await on_their_way(one, other, monkeypatch) == 2 * MAX_REQUESTS


async def test_all_copies_get_through_by_turns(
    one: Desk, other: Desk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await standing(one, other, nursery)
    for number in range(200):
        assert put(one, number.to_bytes(2, "big"))
    await trio.sleep(1)
    assert len(one.outbox.tokens) == len(other.inbox.came) == 200


async def test_a_contact_that_sends_more_than_it_may_is_told_to_wait(
    one: Desk, other: Desk, nursery: trio.Nursery, autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(module, "MAX_UNANSWERED", 2 * MAX_REQUESTS)
    working, most = 0, 0
    receive = DirectInbox.request_received

    async def received(inbox: DirectInbox, connection: Connection, body: bytes, /) -> bytes:
        nonlocal working, most
        working += 1
        most = max(most, working)
        try:
            return await receive(inbox, connection, body)
        finally:
            working -= 1

    monkeypatch.setattr(DirectInbox, "request_received", received)
    await standing(one, other, nursery)
    silent(other)
    for _ in range(2 * MAX_REQUESTS):
        put(one)
    await trio.sleep(1)
    assert most == MAX_REQUESTS
    other.database.may_commit.set()


async def test_a_send_id_that_was_refused_is_not_used_again_on_this_line(
    one: Desk, other: Desk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await standing(one, other, nursery)
    assert put(one, send_id=OTHERS)
    await trio.sleep(0.1)
    assert CONTACT in one.links, "a refusal is no fault"
    assert one.outbox.tokens == []
    assert not put(one, send_id=OTHERS)
    assert put(one)
    await trio.sleep(0.1)
    assert (one.outbox.tokens, other.inbox.came) == ([b"token"], [THEIRS])


async def test_an_answer_that_nobody_can_read_ends_the_line_and_is_no_bug(
    one: Desk,
    other: Desk,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nonsense(_inbox: object, _connection: object, _body: bytes, /) -> bytes:
        await trio.lowlevel.checkpoint()
        return b"\xc1"

    monkeypatch.setattr(DirectInbox, "request_received", nonsense)
    line = await standing(one, other, nursery)
    put(one)
    await trio.sleep(1)
    assert CONTACT not in one.links
    assert (one.outbox.rerouted, one.outbox.tokens) == ([CONTACT], [])
    assert line.used == [True, True]


async def test_events_tell_which_way_a_contact_is_on(
    one: Desk, other: Desk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    for times in (1, 2):
        line = await standing(one, other, nursery)
        line.cut()
        await trio.sleep(1)
        assert await one.paths() == ["direct", "relay"] * times
        assert await other.paths() == ["direct", "relay"] * times


async def test_a_line_that_is_cancelled_is_over_and_the_log_says_so(
    one: Desk, other: Desk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    line = await standing(one, other, nursery)
    line.scope.cancel()
    await trio.sleep(1)
    for node in (one, other):
        assert CONTACT not in node.links
        assert node.links.people() == frozenset()
        assert node.outbox.rerouted == [CONTACT]
        assert await node.paths() == ["direct", "relay"]


async def test_a_line_that_is_cancelled_while_the_disk_is_slow_leaves_nothing(
    one: Desk, other: Desk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Else what is written to this contact would wait where nobody takes it."""
    silent(one)
    line = await standing(one, other, nursery)
    line.scope.cancel()
    await trio.sleep(1)
    assert CONTACT not in one.links
    assert not put(one)
    one.database.may_commit.set()


async def test_of_two_lines_the_newer_one_stands_and_nothing_of_the_older_is_lost(
    one: Desk, other: Desk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    older = await standing(one, other, nursery)
    silent(other)
    put(one, b"older")
    await trio.sleep(0.1)
    newer = await standing(one, other, nursery)
    await trio.sleep(0.1)
    assert older.used == [True, True]
    assert newer.used == []
    assert one.outbox.rerouted == [CONTACT], "what the older one has not answered for"
    other.database.may_commit.set()
    put(one, b"newer")
    await trio.sleep(0.1)
    assert one.outbox.tokens == [b"newer"]
    assert await one.paths() == ["direct"], "it was direct all the time"
    one.links.end(CONTACT)
    await trio.sleep(0.1)
    assert CONTACT not in one.links
    assert await one.paths() == ["direct", "relay"]


async def test_the_end_of_nobodys_line_is_nothing(one: Desk, autojump_clock: MockClock) -> None:
    one.links.end(CONTACT)
    await trio.lowlevel.checkpoint()
    assert one.outbox.rerouted == []


def another_secret(meeting: Sessions) -> Sessions:
    """Return what somebody has who knows all but one secret."""
    stranger = own_offer(SESSION).offer
    offer = meeting.server.own.offer
    known = replace(offer, secret=stranger.secret)
    return Sessions(meeting.client._replace(theirs=known), meeting.server)


def another_key(meeting: Sessions) -> Sessions:
    """Return what somebody has in the middle, who answers with a key of its own."""
    key = own_offer(SESSION).key
    return Sessions(meeting.client, meeting.server._replace(
        own=meeting.server.own._replace(key=key)
    ))  # fmt: skip


def another_session(meeting: Sessions) -> Sessions:
    """Return two sides of which one goes by an offer of another session."""
    theirs = replace(meeting.server.theirs, session=b"another session!")
    return Sessions(meeting.client, meeting.server._replace(theirs=theirs))


@pytest.mark.parametrize("changed", [another_secret, another_key, another_session])
async def test_who_does_not_know_both_offers_has_no_line(
    one: Desk,
    other: Desk,
    autojump_clock: MockClock,
    changed: Callable[[Sessions], Sessions],
) -> None:
    meeting = sessions(own_offer(SESSION), own_offer(SESSION))
    line = Line(one, other, changed(meeting))
    with trio.fail_after(60):
        await line.run()
    assert line.used == [False, False]
    for node in (one, other):
        assert await node.paths() == []
        assert node.outbox.rerouted == []


async def test_a_stream_that_says_nothing_is_given_up(one: Desk, autojump_clock: MockClock) -> None:
    for session in sessions(own_offer(SESSION), own_offer(SESSION)):
        half: Any = memory_stream_pair()[0]
        with trio.fail_after(60):
            assert not await one.links.run(CONTACT, session, half)


def test_a_session_shows_nothing_and_both_sides_name_one_network() -> None:
    one, other = own_offer(SESSION), own_offer(SESSION)
    client, server = sessions(one, other)
    assert (client.is_client, server.is_client) == (True, False)
    assert client.network == server.network
    assert repr(one) == "<own offer>"
    assert another_secret(Sessions(client, server)).client.network != server.network
    assert another_session(Sessions(client, server)).server.network != client.network
