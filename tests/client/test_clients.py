"""Both clients make the same calls and raise the same errors."""

import functools
import inspect
from typing import Any

import httpx
import pytest
import trio

from tests.api.double import BOB, STRANGER, TOKEN, FakeNode
from zentalk import qr
from zentalk.client import (
    AccessDeniedError,
    ApiError,
    AsyncClient,
    Client,
    Event,
    InvalidRequestError,
    Me,
)
from zentalk.errors import (
    ConflictError,
    ConnectFailedError,
    LinkClosedError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
    ZentalkError,
)
from zentalk.rest.invites import WEEK_SECONDS
from zentalk.store.history.models import StoredIntroduction
from zentalk.wire.invite import InviteLink, format_invite
from zentalk.wire.text import format_address

BOBS = format_address(BOB)


async def both(
    client: AsyncClient, blocking: Client, name: str, *arguments: Any, **named: Any
) -> Any:
    """Make a call with both clients and return what both returned."""
    first = await getattr(client, name)(*arguments, **named)
    call = functools.partial(getattr(blocking, name), *arguments, **named)
    second = await trio.to_thread.run_sync(call)
    assert first == second
    return first


async def failure(
    client: AsyncClient, blocking: Client, name: str, *arguments: Any
) -> tuple[type[Exception], str]:
    """Make a call that fails with both clients and return the error of both."""
    seen = []
    for call in (
        functools.partial(getattr(client, name), *arguments),
        functools.partial(
            trio.to_thread.run_sync, functools.partial(getattr(blocking, name), *arguments)
        ),
    ):
        with pytest.raises(ZentalkError) as caught:
            await call()
        seen.append((type(caught.value), str(caught.value)))
    assert seen[0] == seen[1]
    return seen[0]


async def test_every_call(client: AsyncClient, blocking: Client, node: FakeNode) -> None:
    assert await both(client, blocking, "health")
    assert await both(client, blocking, "me") == Me(address=node.address_text, name="Alice")
    assert (await both(client, blocking, "network"))["ready"]
    node.request(BOB)
    assert (await both(client, blocking, "contacts"))[0].state == "request"
    assert (await both(client, blocking, "accept", BOBS)).state == "contact"
    assert (await both(client, blocking, "add_contact", BOBS, "Bob")).name == "Bob"
    assert (await both(client, blocking, "block", BOBS)).state == "blocked"
    await client.unblock(BOBS)
    await client.block(BOBS)
    await trio.to_thread.run_sync(functools.partial(blocking.unblock, BOBS))
    assert (await both(client, blocking, "contacts"))[0].state == "contact"
    await both(client, blocking, "mark_read", BOBS)
    await both(client, blocking, "mark_read", BOBS, 7)
    assert (node.read, node.read_up_to) == ([BOB] * 4, [None, None, 7, 7])
    sent = await both(client, blocking, "send", BOBS, "hello", idempotency_key="k")
    assert (sent.text, sent.state, sent.conversation) == ("hello", "queued", BOBS)
    assert await both(client, blocking, "message", sent.id) == sent
    assert await both(client, blocking, "message", sent.id, BOBS) == sent
    elsewhere = await failure(client, blocking, "message", sent.id, format_address(STRANGER))
    assert elsewhere[0] is NotFoundError
    assert await both(client, blocking, "messages", BOBS) == [sent]
    assert await both(client, blocking, "messages", BOBS, before=1, limit=5) == []
    assert (await both(client, blocking, "conversations"))[0].last_text == "hello"
    node.set_state(sent.id, "sent")
    (event,) = await both(client, blocking, "events")
    assert event == Event(
        seq=1, type="message.state", at=2000.0, data={"id": sent.id, "state": "sent"}
    )
    assert await both(client, blocking, "events", after=1, limit=5) == []


async def test_first_contacts(client: AsyncClient, blocking: Client, node: FakeNode) -> None:
    strangers = format_address(STRANGER)
    await client.create_invite("fair", 50, 3600, accepts=False)
    await trio.to_thread.run_sync(blocking.create_invite)
    asking, plain = await both(client, blocking, "invites")
    assert (asking.name, asking.max_uses, asking.accepts) == ("fair", 50, False)
    assert (plain.name, plain.max_uses, plain.accepts) == ("", 1, True)
    assert plain.expires_at == 1000.0 + WEEK_SECONDS
    assert await both(client, blocking, "invite", plain.id) == plain
    await both(client, blocking, "revoke_invite", plain.id)
    assert (await client.invite(plain.id)).state == "revoked"
    link = format_invite(InviteLink(BOB, b"s" * 16))
    assert (await both(client, blocking, "add_contact", link)).address == BOBS
    safety = await both(client, blocking, "safety", BOBS)
    assert (await both(client, blocking, "verify", BOBS, safety.number)).verified
    await both(client, blocking, "unverify", BOBS)
    assert (await both(client, blocking, "verify", BOBS)).verified
    assert (await failure(client, blocking, "verify", strangers))[0] is NotFoundError
    await both(client, blocking, "introduce", BOBS, strangers, "Bob")
    assert node.first_contact.introductions.asked == [(BOB, STRANGER, "Bob", "")] * 2
    told = StoredIntroduction(strangers, "Carol", BOBS, 5.0)
    node.first_contact.introductions.known = [told]
    assert (await both(client, blocking, "introductions"))[0].introduced_by == BOBS
    await client.dismiss_introduction(strangers)
    missing = await failure(client, blocking, "dismiss_introduction", strangers)
    assert missing[0] is NotFoundError


async def test_qr_codes(client: AsyncClient, blocking: Client, node: FakeNode) -> None:
    assert await both(client, blocking, "address_qr") == qr.svg(node.address_text)
    assert await both(client, blocking, "address_qr", "png") == qr.png(node.address_text)
    invite = await client.create_invite()
    assert await both(client, blocking, "invite_qr", invite.id) == qr.svg(invite.link)
    pairing = await client.pair_device("phone", url="http://10.0.0.2:3001")
    drawn = await both(client, blocking, "pairing_qr", pairing.id, "png", "http://10.0.0.2:3001")
    assert drawn == qr.png(pairing.link)
    await client.revoke_invite(invite.id)
    assert (await failure(client, blocking, "invite_qr", invite.id))[0] is ConflictError
    assert (await failure(client, blocking, "address_qr", "gif"))[0] is NotFoundError
    assert (await failure(client, blocking, "pairing_qr", pairing.id, "gif"))[0] is (
        InvalidRequestError
    )


async def test_requests_are_refused_and_people_removed(
    client: AsyncClient, blocking: Client, node: FakeNode
) -> None:
    strangers = format_address(STRANGER)
    node.request(STRANGER)
    await client.refuse(strangers)
    assert node.known[strangers].state == "refused"
    await client.remove_contact(strangers)
    assert strangers not in node.known
    node.request(STRANGER)
    await trio.to_thread.run_sync(functools.partial(blocking.refuse, strangers))
    assert node.known[strangers].state == "refused"
    await trio.to_thread.run_sync(functools.partial(blocking.remove_contact, strangers))
    assert strangers not in node.known
    assert await failure(client, blocking, "remove_contact", strangers) == (
        NotFoundError,
        "there is nobody with this address",
    )


def test_both_have_the_same_methods() -> None:
    def public(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(value).parameters)
            for name, value in vars(kind).items()
            if inspect.isfunction(value) and not name.startswith("_") and "close" not in name
        }

    assert public(Client) == public(AsyncClient)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotFoundError("not here"), NotFoundError),
        (ConflictError("contradicts"), ConflictError),
        (TooLargeError("too large"), TooLargeError),
        (UnavailableError("too few relays"), UnavailableError),
        (RuntimeError("a bug"), ApiError),
    ],
)
async def test_errors_keep_class_and_sentence(
    client: AsyncClient, blocking: Client, node: FakeNode, error: Exception, kind: type
) -> None:
    node.failure = error
    seen, text = await failure(client, blocking, "contacts")
    assert seen is kind
    assert text == ("an internal error happened; see the log" if kind is ApiError else str(error))


async def test_invalid_and_missing(client: AsyncClient, blocking: Client) -> None:
    assert (await failure(client, blocking, "add_contact", "bob"))[0] is InvalidRequestError
    assert (await failure(client, blocking, "send", BOBS, ""))[0] is InvalidRequestError
    assert (await failure(client, blocking, "message", "../contacts"))[0] is NotFoundError
    assert (await failure(client, blocking, "accept", format_address(STRANGER)))[0] is NotFoundError


async def test_a_wrong_token(url: str) -> None:
    async with AsyncClient(url, "x" * 43) as client:
        with Client(url, "x" * 43) as blocking:
            kind, text = await failure(client, blocking, "me")
        assert kind is AccessDeniedError
        assert "token" in text
        with pytest.raises(AccessDeniedError):
            async with client.stream_events():
                pytest.fail("a stream without a token")


async def test_nobody_answers() -> None:
    async with AsyncClient("http://127.0.0.1:9", TOKEN) as client:
        with Client("http://127.0.0.1:9", TOKEN) as blocking:
            kind, text = await failure(client, blocking, "me")
        assert kind is ConnectFailedError
        assert TOKEN not in text


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n[",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n[]",
        b"SSH-2.0-nonsense\r\n",
    ],
)
async def test_somebody_else_answers(answer: bytes) -> None:
    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            await stream.send_all(answer)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(
            functools.partial(trio.serve_tcp, handle, 0, host="127.0.0.1")
        )
        url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        async with AsyncClient(url, TOKEN) as client:
            with Client(url, TOKEN) as blocking:
                kind, text = await failure(client, blocking, "me")
        nursery.cancel_scope.cancel()
    assert issubclass(kind, ApiError | LinkClosedError | NotFoundError)
    assert text


async def test_the_blocking_stream(blocking: Client, node: FakeNode) -> None:
    for number in range(3):
        node.emit("message.state", {"id": str(number), "state": "sent"})

    def read() -> list[int]:
        seen = []
        for event in blocking.stream_events(after=1):
            seen.append(event.seq)
            if event.seq == 3:
                trio.from_thread.run_sync(node.stop)
        return seen

    assert await trio.to_thread.run_sync(read) == [2, 3]


def test_no_proxy_of_the_environment_gets_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with httpx.Client() as control, Client("http://a", TOKEN) as client:
        assert control._mounts
        assert not client._http._mounts
    assert not AsyncClient("http://a", TOKEN)._http._mounts
