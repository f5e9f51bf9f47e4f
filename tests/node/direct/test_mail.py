"""What comes in over a line is saved before that is said, and is the contact's own."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.node.direct.desk import CONTACT, ENVELOPE, OTHERS, PUBLIC, THEIRS, Desk
from zentalk.errors import DecodeError, RefusedError
from zentalk.ids import SendId
from zentalk.node.direct.mail import DirectInbox
from zentalk.node.mailboxes.receiver import MAX_WAITING
from zentalk.wire import rpc_direct as rpc
from zentalk.wire.rpc import encode_call

SAVED = "saved"


class Connection:
    """In the place of a link: whether it was ended."""

    def __init__(self) -> None:
        self.is_aborted = False

    def abort(self) -> None:
        self.is_aborted = True


class Post:
    """A contact's end of a line: sends copies, and keeps what was answered."""

    def __init__(self, node: Desk) -> None:
        self.inbox = DirectInbox(CONTACT, node.database, node.receiver)
        self.link = Connection()
        self.answers: list[str] = []

    async def send(self, send_id: SendId = THEIRS) -> None:
        link: Any = self.link
        body = rpc.encode_mail_request(rpc.DirectMail(send_id, ENVELOPE))
        answer = await self.inbox.request_received(link, body)
        try:
            rpc.decode_mail_response(answer)
        except RefusedError as refused:
            self.answers.append(refused.reason)
        else:
            self.answers.append(SAVED)


@pytest.fixture
def post(one: Desk) -> Post:
    return Post(one)


async def test_a_copy_is_answered_once_it_is_committed_and_not_before(
    one: Desk, post: Post, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    one.database.may_commit = trio.Event()
    nursery.start_soon(post.send)
    await trio.sleep(60)
    assert (post.answers, one.inbox.came) == ([], [])
    one.database.may_commit.set()
    await trio.sleep(0.1)
    assert (post.answers, one.inbox.came) == ([SAVED], [THEIRS])


async def test_control_who_answers_what_it_has_only_pushed_says_too_much(
    one: Desk,
    post: Post,
    nursery: trio.Nursery,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
) -> None:
    push = one.receiver.push

    def pushed(source: Any, seq: int, envelope: Any) -> None:
        push(source, seq, envelope)
        source.acknowledge([seq])

    monkeypatch.setattr(one.receiver, "push", pushed)
    one.database.may_commit = trio.Event()
    nursery.start_soon(post.send)
    await trio.sleep(60)
    assert (post.answers, one.inbox.came) == ([SAVED], [])


async def test_what_cannot_be_saved_is_not_acknowledged_and_ends_the_line(
    one: Desk, post: Post, autojump_clock: MockClock
) -> None:
    one.database.fails_to_write = True
    await post.send()
    assert post.answers == [rpc.FULL]
    assert post.link.is_aborted
    one.database.fails_to_write = False
    again = Post(one)
    await again.send()
    assert again.answers == [SAVED]


async def test_without_a_database_to_ask_nothing_is_taken(
    one: Desk, post: Post, autojump_clock: MockClock
) -> None:
    one.database.fails_to_read = True
    await post.send()
    assert (post.answers, one.inbox.came) == ([rpc.FULL], [])


async def test_what_finds_no_room_is_refused(
    one: Desk, post: Post, autojump_clock: MockClock
) -> None:
    one.inbox.has_room = False
    await post.send()
    assert post.answers == [rpc.FULL]
    assert not post.link.is_aborted


@pytest.mark.parametrize("send_id", [OTHERS, PUBLIC, SendId(b"?" * 16)])
async def test_under_a_send_id_that_is_not_the_contacts_nothing_is_taken(
    one: Desk, post: Post, send_id: SendId, autojump_clock: MockClock
) -> None:
    """Else a contact writes as a stranger does, without a stranger's price."""
    await post.send(send_id)
    assert (post.answers, one.inbox.came) == ([rpc.NOT_YOURS], [])


async def test_control_without_the_look_at_send_ids_strangers_mail_costs_nothing(
    one: Desk, post: Post, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    monkeypatch.setattr(DirectInbox, "_is_theirs", lambda *_, **__: True)
    for send_id in (OTHERS, PUBLIC):
        await post.send(send_id)
    assert one.inbox.came == [OTHERS, PUBLIC]


async def test_more_than_may_wait_ends_the_line_and_everybody_is_answered(
    one: Desk, post: Post, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    one.database.may_commit = trio.Event()
    await send_many(post, MAX_WAITING, nursery)
    assert (post.answers, post.link.is_aborted) == ([], False)
    await send_many(post, 100, nursery)
    assert post.answers == [rpc.FULL] * (MAX_WAITING + 100)
    assert post.link.is_aborted
    assert post.inbox._waiting == {}
    one.database.may_commit.set()
    await trio.sleep(1)
    assert len(one.inbox.came) >= MAX_WAITING, "saved though nobody was told: it may come again"


async def send_many(post: Post, count: int, nursery: trio.Nursery) -> None:
    for _ in range(count):
        nursery.start_soon(post.send)
    await trio.sleep(1)


async def test_who_gives_up_leaves_nothing_behind(
    one: Desk, post: Post, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    one.database.may_commit = trio.Event()
    with trio.move_on_after(1):
        await post.send()
    assert post.inbox._waiting == {}
    one.database.may_commit.set()
    await trio.sleep(1)
    assert (post.answers, one.inbox.came) == ([], [THEIRS])


async def test_another_method_is_refused_and_a_broken_request_ends_the_link(
    post: Post, autojump_clock: MockClock
) -> None:
    link: Any = post.link
    with pytest.raises(RefusedError):
        rpc.decode_mail_response(
            await post.inbox.request_received(link, encode_call("mail.open", b""))
        )
    with pytest.raises(DecodeError):
        await post.inbox.request_received(link, encode_call(rpc.MAIL, THEIRS, b"short"))
