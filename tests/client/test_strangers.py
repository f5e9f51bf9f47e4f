"""K52: a client that found its node by the folder shows the token to nobody else there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from tests.api.double import TOKEN, FakeNode
from tests.client.loops import on
from tests.squatter import note, port_of, squatting
from zentalk.api.server import serve
from zentalk.client import AsyncClient, Client, NodeGoneError, proof
from zentalk.config import ApiSettings
from zentalk.errors import StrangerError, TransportError, ZentalkError
from zentalk.net import backoff
from zentalk.web.token import TOKEN_FILE
from zentalk.web.token_proof import prove

Ask = Callable[[Path], Any]


@pytest.fixture
async def folder(tmp_path: Path, nursery: trio.Nursery) -> AsyncIterator[Path]:
    """The folder of a node that runs."""
    (tmp_path / TOKEN_FILE).write_text(TOKEN)
    (tmp_path / TOKEN_FILE).chmod(0o600)
    node = FakeNode()
    node.stopping = trio.Event()
    settings = ApiSettings(directory=tmp_path, port=0, name="Alice")
    await nursery.start(serve, node, settings, TOKEN, node.stopping)
    yield tmp_path
    node.stop()


async def ask_blocking(folder: Path) -> Any:
    def call() -> Any:
        with Client.from_dir(folder, timeout_seconds=3) as client:
            return client.me()

    return await trio.to_thread.run_sync(call)


async def ask_async(folder: Path) -> Any:
    async with AsyncClient.from_dir(folder, timeout_seconds=3) as client:
        return await client.me()


async def ask_on_asyncio(folder: Path) -> Any:
    return await on("asyncio", ask_async, folder)


all_clients = pytest.mark.parametrize("ask", [ask_blocking, ask_async, ask_on_asyncio])


@all_clients
async def test_a_node_that_proves_itself_is_asked(folder: Path, ask: Ask) -> None:
    assert (await ask(folder)).name == "Alice"


@all_clients
@pytest.mark.parametrize("how", ["answer", "pass_on", "be_silent", "be_ssh"])
async def test_k52_a_squatter_on_the_noted_port_is_not_shown_the_token(
    folder: Path, ask: Ask, how: str
) -> None:
    async with squatting(how, port_of(folder)) as squatter:
        note(folder, squatter.port)
        with pytest.raises(TransportError) as raised:
            await ask(folder)
    assert isinstance(raised.value, StrangerError) or how == "be_ssh"
    assert b"/v1/proof" in squatter.got or how == "be_ssh"
    assert b"authorization" not in squatter.got.lower()
    assert TOKEN.encode() not in squatter.got


@all_clients
async def test_k52_control_a_proof_without_the_port_lets_the_squatter_pass_it_on(
    folder: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = port_of(folder)

    def proves(given: bytes, key: bytes, nonce: bytes, port: int) -> bool:
        return given == prove(key, nonce, real)

    monkeypatch.setattr(proof, "proves", proves)
    async with squatting("pass_on", real) as squatter:
        note(folder, squatter.port)
        assert (await ask(folder)).name == "Alice"
    assert TOKEN.encode() in squatter.got


@all_clients
async def test_k52_control_if_httpx_did_not_tell_of_connections_the_token_would_be_shown(
    folder: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a newer httpx which names this step otherwise is noticed."""
    monkeypatch.setattr(proof, "OPENED", "another name")
    async with squatting("answer", port_of(folder)) as squatter:
        note(folder, squatter.port)
        with pytest.raises(ZentalkError):
            await ask(folder)
    assert TOKEN.encode() in squatter.got


async def test_every_new_connection_is_proved_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nonces = []

    def proves(_proof: bytes, _key: bytes, nonce: bytes, _port: int) -> bool:
        nonces.append(nonce)
        return True

    monkeypatch.setattr(proof, "proves", proves)
    async with AsyncClient.from_dir(folder) as client:
        for _ in range(3):
            await client.me()
        await client._http._transport.aclose()  # As if the connection had ended.
        client._http._transport = httpx.AsyncHTTPTransport()
        await client.me()
    assert len(set(nonces)) == 2


async def test_k52_who_follows_waits_for_the_node_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "RECONNECT_FIRST_SECONDS", 0.01)
    async with squatting("answer", port_of(folder)) as squatter:
        note(folder, squatter.port)
        async with AsyncClient.from_dir(folder) as client:
            with pytest.raises(NodeGoneError, match="cannot prove"):
                async with client.follow_events(patience_seconds=0.1) as events:
                    await anext(aiter(events))
    assert TOKEN.encode() not in squatter.got
