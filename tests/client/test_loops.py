"""The awaited client on asyncio and on trio alike: calls, streams, restarts, time-outs, work."""

from __future__ import annotations

import asyncio
import functools
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import anyio
import anyio.lowlevel
import httpx
import pytest
import trio

from tests.api.double import BOB, TOKEN, FakeNode
from tests.client.cutter import Cutter
from tests.client.loops import both_loops, on
from tests.client.test_history_file import conversation, message
from tests.client.test_mailbox_work import MAILBOX, RELAY, Clock, worth
from tests.client.test_reconnecting import COUNT, emit, emit_all, program, read_async
from zentalk.client import (
    AsyncClient,
    ContactState,
    MessageStateChanged,
    NodeGoneError,
    mailbox_work,
)
from zentalk.client.mailbox_work import MailboxWork
from zentalk.client.relay_mailbox import RelayMailbox
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import (
    ConfigError,
    ConnectFailedError,
    DeadlineError,
    NotFoundError,
    TransportError,
)
from zentalk.ids import NodeId
from zentalk.net import backoff
from zentalk.web.token import TOKEN_FILE
from zentalk.wire.text import format_address

BOBS = format_address(BOB)
SILENT_SECONDS = 0.1


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "RECONNECT_FIRST_SECONDS", 0.01)
    monkeypatch.setattr(backoff, "RECONNECT_LONGEST_SECONDS", 0.05)


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """The URL of something that takes connections and says nothing."""

    async def hold(stream: trio.SocketStream) -> None:
        async with stream:
            async for _ in stream:
                pass

    async with trio.open_nursery() as nursery:
        serve = functools.partial(trio.serve_tcp, hold, 0, host="127.0.0.1")
        listeners = await nursery.start(serve)
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


async def test_control_each_loop_is_the_one_that_it_is_called() -> None:
    async def which() -> str:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return type(trio.lowlevel.current_task()).__module__.partition(".")[0]
        return "asyncio"

    assert [await on(loop, which) for loop in ("asyncio", "trio")] == ["asyncio", "trio"]


@both_loops
async def test_calls_of_each_method_of_http(url: str, node: FakeNode, loop: str) -> None:
    node.request(BOB)

    async def use() -> None:
        async with AsyncClient(url, TOKEN) as client:
            assert (await client.accept(BOBS)).state is ContactState.CONTACT
            sent = await client.send(BOBS, "hello", idempotency_key="k")
            assert await client.send(BOBS, "hello", idempotency_key="k") == sent
            assert await client.messages(BOBS) == [sent]
            await client.remove_contact(BOBS)
            with pytest.raises(NotFoundError):
                await client.remove_contact(BOBS)

    await on(loop, use)


@both_loops
async def test_many_calls_at_once(url: str, loop: str) -> None:
    names: list[str] = []

    async def use() -> None:
        async with AsyncClient(url, TOKEN) as client, anyio.create_task_group() as group:

            async def ask() -> None:
                names.append((await client.me()).name)

            for _ in range(20):
                group.start_soon(ask)

    await on(loop, use)
    assert names == ["Alice"] * 20


@both_loops
async def test_a_file_is_imported_in_threads(url: str, tmp_path: Path, loop: str) -> None:
    path = tmp_path / "export.json"
    broken = conversation(message(1), state="contact") | {"messages": 5}
    path.write_text(json.dumps({"format": 1, "conversations": [broken]}))

    async def use() -> None:
        async with AsyncClient(url, TOKEN) as client:
            with pytest.raises(ConfigError):
                await client.import_history(path)

    await on(loop, use)


@both_loops
@pytest.mark.parametrize("seed", [1, 2])
async def test_no_event_is_lost_or_repeated_on_a_line_that_is_cut(
    node: FakeNode, url: str, loop: str, seed: int
) -> None:
    cutter = Cutter(seed, (200, 4000))
    with trio.fail_after(60):
        async with cutter.line_to(url) as line, trio.open_nursery() as nursery:
            nursery.start_soon(emit_all, node)
            assert await on(loop, read_async, line) == list(range(1, COUNT + 1))
    assert cutter.cuts > 3


@both_loops
async def test_a_restart_with_another_port_is_followed_by_its_folder(
    node: FakeNode, tmp_path: Path, loop: str
) -> None:
    (tmp_path / TOKEN_FILE).write_text(TOKEN)
    (tmp_path / TOKEN_FILE).chmod(0o600)
    first_seen = trio.Event()
    token = trio.lowlevel.current_trio_token()

    async def follow() -> list[int]:
        seen: list[int] = []
        async with AsyncClient.from_dir(tmp_path) as client, client.follow_events() as events:
            async for event in events:
                assert isinstance(event, MessageStateChanged)
                seen.append(event.seq)
                if event.seq == 2:
                    return seen
                token.run_sync_soon(first_seen.set)
        raise AssertionError("it ends by an error only")

    emit(node)
    seen: list[int] = []

    async def read() -> None:
        seen.extend(await on(loop, follow))

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            async with program(node, tmp_path) as first:
                nursery.start_soon(read)
                await first_seen.wait()
            async with program(node, tmp_path) as second:
                assert first != second
                emit(node)
                while not seen:  # noqa: ASYNC110 - the reader is on another loop
                    await trio.sleep(0.01)
    assert seen == [1, 2]


@both_loops
async def test_a_node_that_is_gone_for_good_is_said_so(
    node: FakeNode, tmp_path: Path, loop: str
) -> None:
    async with program(node, tmp_path) as url:
        pass
    with pytest.raises(NodeGoneError, match="look whether it runs"):
        await on(loop, read_async, url, 0.2)


async def until_no_event_comes(events: Awaitable[object]) -> None:
    with anyio.move_on_after(0.05):
        await events
        pytest.fail("there is no other event yet")


async def until_no_event_comes_as_asyncio_says_it(events: Awaitable[object]) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(events, 0.05)


@pytest.mark.parametrize(
    ("loop", "give_up"),
    [
        ("asyncio", until_no_event_comes),
        ("asyncio", until_no_event_comes_as_asyncio_says_it),
        ("trio", until_no_event_comes),
    ],
)
async def test_a_wait_that_is_cancelled_loses_nothing(
    node: FakeNode, url: str, loop: str, give_up: Callable[[Awaitable[object]], Awaitable[None]]
) -> None:
    token = trio.lowlevel.current_trio_token()

    async def follow() -> list[int]:
        seen: list[int] = []
        async with AsyncClient(url, TOKEN) as client, client.follow_events() as events:
            for _ in range(3):
                seen.append((await anext(events)).seq)
                await give_up(anext(events))
                token.run_sync_soon(emit, node)
        return seen

    emit(node)
    assert await on(loop, follow) == [1, 2, 3]


@both_loops
async def test_a_stream_that_is_left_leaves_nothing_open(
    node: FakeNode, url: str, loop: str
) -> None:
    async def look() -> int:
        async with AsyncClient(url, TOKEN) as client:
            async with client.stream_events() as feed:
                await anext(feed)
            pool = client._http._transport
            assert isinstance(pool, httpx.AsyncHTTPTransport)
            return len(pool._pool.connections)

    emit(node)
    assert await on(loop, look) == 0


async def for_a_while(following: Callable[[], Awaitable[None]]) -> None:
    with anyio.move_on_after(0.1):
        await following()
        pytest.fail("following ends by an error only")


async def for_a_while_as_asyncio_says_it(following: Callable[[], Awaitable[None]]) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await following()


@pytest.mark.parametrize(
    ("loop", "limited"),
    [
        ("asyncio", for_a_while),
        ("asyncio", for_a_while_as_asyncio_says_it),
        ("trio", for_a_while),
    ],
)
async def test_whoever_follows_may_be_cancelled_and_the_client_goes_on(
    node: FakeNode,
    url: str,
    loop: str,
    limited: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]],
) -> None:
    async def look() -> tuple[set[int], int]:
        seen = set()
        async with AsyncClient(url, TOKEN) as client:

            async def following() -> None:
                async with client.follow_events() as events:
                    async for event in events:
                        seen.add(event.seq)

            await limited(following)
            pool = client._http._transport
            assert isinstance(pool, httpx.AsyncHTTPTransport)
            left = len(pool._pool.connections)
            assert (await client.me()).name == "Alice"
        return seen, left

    emit(node)
    assert await on(loop, look) == ({1}, 0)


@both_loops
async def test_nobody_answers_in_time_and_nobody_answers(silent: str, loop: str) -> None:
    async def use() -> None:
        async with AsyncClient(silent, TOKEN, timeout_seconds=SILENT_SECONDS) as client:
            with pytest.raises(DeadlineError):
                await client.me()
        async with AsyncClient("http://127.0.0.1:9", TOKEN) as client:
            with pytest.raises(ConnectFailedError):
                await client.me()

    await on(loop, use)


async def turns_beside_work() -> int:
    """How often another task has its turn while work for a mailbox is done."""
    turns = 0
    clock = Clock()
    work = MailboxWork(RELAY, MAILBOX, clock)

    async def others() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async with anyio.create_task_group() as group:
        group.start_soon(others)
        await work.reach(17)
        group.cancel_scope.cancel()
    assert worth(work.shown(), clock) >= 17
    return turns


@both_loops
async def test_work_for_a_mailbox_lets_others_have_their_turn(loop: str) -> None:
    assert await on(loop, turns_beside_work) > 1


@both_loops
async def test_control_work_without_pauses_lets_nobody_have_a_turn(
    loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_pause() -> None:
        pass

    monkeypatch.setattr(mailbox_work, "lowlevel", SimpleNamespace(checkpoint=no_pause))
    assert await on(loop, turns_beside_work) <= 1


@both_loops
async def test_a_mailbox_at_a_relay_that_says_nothing(silent: str, loop: str) -> None:
    async def use() -> None:
        async with httpx.AsyncClient(base_url=silent, timeout=SILENT_SECONDS) as http:
            mailbox = RelayMailbox(http, NodeId(bytes(32)), SigningKey(bytes(32)), 1)
            with pytest.raises(TransportError):
                await mailbox.pending()

    await on(loop, use)


WITHOUT_TRIO = """
import asyncio, sys

class NoTrio:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "trio":
            raise ImportError("no trio here")

sys.meta_path.insert(0, NoTrio())
try:
    import trio
except ImportError:
    print("no trio,", end=" ")
from zentalk.client import AsyncClient

async def main(url, token):
    async with AsyncClient(url, token) as client:
        async with client.stream_events() as feed:
            print((await client.me()).name, (await anext(feed)).seq)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.e2e
async def test_a_program_on_asyncio_needs_no_trio(
    node: FakeNode, url: str, repository: Path
) -> None:
    emit(node)
    done = await trio.run_process(
        [sys.executable, "-c", WITHOUT_TRIO, url, TOKEN],
        capture_stdout=True,
        stderr=subprocess.STDOUT,
        cwd=repository,
    )
    assert done.stdout == b"no trio, Alice 1\n"
