"""Dispatching: what becomes a response, a refusal, or the end of the connection."""

from typing import cast

import pytest
import trio
from trio.testing import MockClock

from zentalk.errors import (
    DecodeError,
    RefusedError,
    StorageError,
    StorageFullError,
    UnavailableError,
)
from zentalk.net.connection import Connection
from zentalk.net.dispatch import Dispatcher
from zentalk.wire.codec import Fields
from zentalk.wire.rpc import decode_response, encode_call, encode_response

NOBODY = cast("Connection", None)


async def double(_connection: Connection, fields: Fields) -> bytes:
    await trio.lowlevel.checkpoint()
    number = fields.uint(100)
    fields.end()
    return encode_response(2 * number)


async def test_a_question_is_answered(autojump_clock: MockClock) -> None:
    dispatcher = Dispatcher(requests={"double": double})
    answer = decode_response(await dispatcher.request(NOBODY, encode_call("double", 21)))
    assert answer.uint(100) == 42


@pytest.mark.parametrize("body", [b"", b"\xff", encode_call("double"), encode_call("double", 101)])
async def test_a_malformed_question_ends_the_connection(
    autojump_clock: MockClock, body: bytes
) -> None:
    with pytest.raises(DecodeError):
        await Dispatcher(requests={"double": double}).request(NOBODY, body)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (RefusedError("rate"), "rate"),
        (StorageFullError("disk"), "full"),
        (StorageError("disk"), "unavailable"),
        (UnavailableError("relays"), "unavailable"),
    ],
    ids=repr,
)
async def test_what_a_service_refuses_becomes_a_refusal(
    autojump_clock: MockClock, fault: Exception, reason: str
) -> None:
    async def fail(_connection: Connection, _fields: Fields) -> bytes:
        raise fault

    body = await Dispatcher(requests={"fail": fail}).request(NOBODY, encode_call("fail"))
    with pytest.raises(RefusedError) as caught:
        decode_response(body)
    assert caught.value.reason == reason


async def test_an_unknown_method_is_refused(autojump_clock: MockClock) -> None:
    with pytest.raises(RefusedError) as caught:
        decode_response(await Dispatcher().request(NOBODY, encode_call("what")))
    assert caught.value.reason == "unknown"


def test_notifications() -> None:
    seen: list[int] = []

    def note(_connection: Connection, fields: Fields) -> None:
        seen.append(fields.uint(9))
        fields.end()

    dispatcher = Dispatcher(notifies={"note": note})
    dispatcher.notify(NOBODY, encode_call("note", 7))
    dispatcher.notify(NOBODY, encode_call("unknown"))
    assert seen == [7]
    with pytest.raises(DecodeError):
        dispatcher.notify(NOBODY, encode_call("note", 10))
    with pytest.raises(DecodeError):
        dispatcher.notify(NOBODY, b"")
