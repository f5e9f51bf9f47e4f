"""`zentalk push` over the REST of a node, and a push server that answers as it likes."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.double import FakeNode
from tests.cli.conftest import Command
from tests.node.notify.phones import WakingPart, waking
from tests.node.notify.push_server import PushServer

ENDPOINT = "https://push.example/up1?up=1"


@pytest.fixture
async def part(node: FakeNode, tmp_path: Path) -> AsyncIterator[WakingPart]:
    server = PushServer(host="https://push.example")
    async with waking(tmp_path / "history", server) as part:
        fake: Any = node
        fake.push, fake.devices, fake.attendance = part.push, part.tokens, part.attendance
        yield part


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets standard input hold a text."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


async def test_register_list_test_and_remove(part: WakingPart, zentalk: Command) -> None:
    device = await part.device()
    part.server.subscribe(is_encrypted=False)
    made = await zentalk("push", "register", ENDPOINT, "--device", "phone", "--type", "message.")
    assert (made.code, made.out, made.err) == (0, "push.example\n", "")
    assert (await zentalk("push", "list")).out == f"{device}  ready    push.example\n"
    assert (await zentalk("push", "test")).out == "accepted with 201\n"
    part.server.status = 410
    gone = await zentalk("push", "test", "--device", device)
    assert (gone.code, gone.err) == (
        1, "zentalk: the push server did not take it: the answer was 410\n",
    )  # fmt: skip
    told = await zentalk("push", "test", "--json")
    assert (told.code, json.loads(told.out)["status"]) == (1, 410)
    listed = (await zentalk("push", "list")).out
    assert listed == f"{device}  stopped  push.example  the answer was 410\n"
    [shown] = json.loads((await zentalk("push", "list", "--json")).out)
    assert (shown["types"], "up1" in json.dumps(shown)) == (["message."], False)
    assert (await zentalk("push", "remove")).code == 0
    again = await zentalk("push", "remove")
    assert again.err == "zentalk: there is no such push endpoint; see: zentalk push list\n"


async def test_a_subscription_comes_from_standard_input(
    part: WakingPart, zentalk: Command, typed: Any
) -> None:
    await part.device()
    key = (await zentalk("push", "key", "--device", "phone")).out.strip()
    phone = part.server.subscribe(vapid=key)
    subscription = {"endpoint": ENDPOINT, "expirationTime": None, "keys": phone.public()}
    typed(json.dumps(subscription))
    made = await zentalk("push", "register", "--device", "phone", "--signed", "--json")
    assert json.loads(made.out)["encrypted"]
    assert (await zentalk("push", "test")).code == 0
    assert [body for _, body in phone.taken] == [b""]
    typed(f"{ENDPOINT}\n")
    plain = await zentalk("push", "register", "--device", "phone", "--json")
    assert not json.loads(plain.out)["encrypted"]


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"endpoint": 1, "keys": 2}', '{"endpoint": "x", "keys": {}}', "{1}"]
)
async def test_what_is_no_subscription_is_said(
    part: WakingPart, zentalk: Command, typed: Any, text: str
) -> None:
    typed(text)
    assert (await zentalk("push", "register", "--device", "phone")).code == 2


async def test_whose_endpoint_is_meant_must_be_clear(part: WakingPart, zentalk: Command) -> None:
    unnamed = await zentalk("push", "register", ENDPOINT)
    assert (unnamed.code, "name the device" in unnamed.err) == (1, True)
    for name in ("phone", "tablet"):
        await part.device(name)
        assert (await zentalk("push", "register", ENDPOINT, "--device", name)).code == 0
    assert (await zentalk("push", "test")).code == 2
    assert (await zentalk("push", "remove", "--device", "tablet")).code == 0
    assert (await zentalk("push", "remove", "--device", "nobody")).code == 1
