"""A client that a public generator makes of the OpenAPI document, between two people over relays.

The generator is openapi-python-client. Nothing in what it makes was written or changed by hand.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest
import trio
from trio.testing import MockClock as Clock

from tests.api.documented import UNDESCRIBED, openapi_document
from tests.api.double import TOKEN
from tests.e2e.world import World
from zentalk.api.app import create_app
from zentalk.api.route_table import ROUTES
from zentalk.node.node import Node
from zentalk.wire.text import format_address

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PACKAGE = "zentalk_generated"
PAGE = 4
TEXTS = [f"text {number}" for number in range(2 * PAGE + 1)]
CONFIG = """
post_hooks: []
content_type_overrides:
  image/png: application/octet-stream
  image/svg+xml: application/octet-stream
"""


class Generated:
    """The package that the generator wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getattr__(self, name: str) -> ModuleType:
        return importlib.import_module(f"{PACKAGE}.{name}")

    def operation(self, tag: str, name: str) -> ModuleType:
        return importlib.import_module(f"{PACKAGE}.api.{tag}.{name}")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Generated]:
    folder = tmp_path_factory.mktemp("generated")
    document, config = folder / "openapi.json", folder / "config.yaml"
    document.write_text(json.dumps(openapi_document()))
    config.write_text(CONFIG)
    command = [
        *(sys.executable, "-m", "openapi_python_client", "generate", "--path", str(document)),
        *("--config", str(config), "--meta", "none", "--output-path", str(folder / PACKAGE)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr, done.stdout
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield Generated(folder / PACKAGE)


def client_of(generated: Generated, node: Node) -> object:
    transport = httpx.ASGITransport(app=create_app(node, TOKEN, trio.Event()))
    made = generated.client.AuthenticatedClient(base_url="http://127.0.0.1", token=TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return made.set_async_httpx_client(
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers)
    )


def test_there_is_a_function_for_every_operation(generated: Generated) -> None:
    made = {path.stem.replace("_", "") for path in (generated.folder / "api").glob("*/*.py")}
    named = {ROUTES[key].name.lower() for key in ROUTES.keys() - UNDESCRIBED}
    assert named <= made


async def test_it_sends_and_receives_by_paging(
    world: World, autojump_clock: Clock, generated: Generated
) -> None:
    await world.relay_net(3)
    alice, bob = await world.person("alice"), await world.person("bob")
    await world.friends("alice", "bob")
    models, to_bob = generated.models, format_address(bob.address)
    send = generated.operation("messages", "send_message").asyncio_detailed
    for text in TEXTS:
        body = models.MessageIn(text=text)
        sent = await send(to_bob, client=client_of(generated, alice), body=body)
        assert isinstance(sent.parsed, models.Message)
        assert (sent.status_code, sent.parsed.state.value) == (202, "queued")
    assert await received(generated, bob) == TEXTS
    assert await paged_back(generated, bob, format_address(alice.address)) == TEXTS


async def received(generated: Generated, node: Node) -> list[str]:
    """Page through the log of events until all texts have come."""
    client, models = client_of(generated, node), generated.models
    listed = generated.operation("events", "list_events").asyncio
    texts: list[str] = []
    after = 0
    while len(texts) < len(TEXTS):
        page = await listed(
            client=client, after=after, limit=PAGE, wait=25.0, type_=["message.received"]
        )
        assert isinstance(page, models.EventsPage)
        assert all(isinstance(event, models.MessageReceivedEvent) for event in page.events)
        texts += [event.data.text for event in page.events]
        assert page.next_ >= after
        after = page.next_
    return texts


async def paged_back(generated: Generated, node: Node, address: str) -> list[str]:
    """Page through a conversation, from its end."""
    client = client_of(generated, node)
    listed = generated.operation("messages", "list_messages").asyncio
    texts: list[str] = []
    page = await listed(address, client=client, limit=PAGE)
    while page.messages:
        texts[:0] = [message.text for message in page.messages]
        page = await listed(address, client=client, limit=PAGE, before=page.messages[0].seq)
    return texts


async def test_an_error_is_a_problem_that_it_reads(
    world: World, autojump_clock: Clock, generated: Generated
) -> None:
    await world.relay_net(3)
    alice = await world.person("alice", ready=False)
    look = generated.operation("messages", "get_message").asyncio_detailed
    answer = await look("0" * 32, client=client_of(generated, alice))
    assert isinstance(answer.parsed, generated.models.Problem)
    assert (answer.status_code, answer.parsed.type_) == (404, "urn:zentalk:problem:not-found")
