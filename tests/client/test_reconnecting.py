"""Both clients follow the log of a real server over lines that are cut, and through restarts."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trio

from tests.api.double import TOKEN, FakeNode
from tests.client.cutter import Cutter
from zentalk.api.server import serve
from zentalk.client import (
    AccessDeniedError,
    AsyncClient,
    Client,
    Event,
    LogEndedError,
    MessageStateChanged,
    NodeGoneError,
)
from zentalk.config import ApiSettings
from zentalk.errors import LinkClosedError
from zentalk.net import backoff
from zentalk.web.token import TOKEN_FILE

COUNT = 150


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "RECONNECT_FIRST_SECONDS", 0.01)
    monkeypatch.setattr(backoff, "RECONNECT_LONGEST_SECONDS", 0.05)


@asynccontextmanager
async def program(node: FakeNode, folder: Path) -> AsyncIterator[str]:
    """Run a server on a free port until the block ends."""
    node.stopping = trio.Event()
    settings = ApiSettings(directory=folder, port=0, name="Alice")
    async with trio.open_nursery() as nursery:
        yield await nursery.start(serve, node, settings, TOKEN, node.stopping)
        node.stop()


def emit(node: FakeNode) -> None:
    state = {"id": f"{len(node.log):032x}", "conversation": "zt1", "state": "sent"}
    node.emit("message.state", state)


async def emit_all(node: FakeNode) -> None:
    for _ in range(COUNT - len(node.log)):
        emit(node)
        await trio.sleep(0.001)


async def read_async(url: str, patience: float = 60.0) -> list[int]:
    seen: list[int] = []
    async with AsyncClient(url, TOKEN) as client, client.follow_events(0, patience) as events:
        async for event in events:
            assert isinstance(event, MessageStateChanged)
            seen.append(event.seq)
            if event.seq >= COUNT:
                break
    return seen


async def read_blocking(url: str, patience: float = 60.0) -> list[int]:
    def read() -> list[int]:
        seen: list[int] = []
        with Client(url, TOKEN) as client:
            for event in client.follow_events(0, patience):
                assert isinstance(event, MessageStateChanged)
                seen.append(event.seq)
                if event.seq >= COUNT:
                    break
        return seen

    return await trio.to_thread.run_sync(read)


@pytest.mark.parametrize("read", [read_async, read_blocking])
@pytest.mark.parametrize("seed", [1, 2])
async def test_no_event_is_lost_or_repeated_on_a_line_that_is_cut(
    node: FakeNode, url: str, seed: int, read: type
) -> None:
    cutter = Cutter(seed, (200, 4000))
    with trio.fail_after(60):
        async with cutter.line_to(url) as line, trio.open_nursery() as nursery:
            nursery.start_soon(emit_all, node)
            assert await read(line) == list(range(1, COUNT + 1))
    assert cutter.cuts > 3


async def test_control_one_connection_ends_with_the_line(node: FakeNode, url: str) -> None:
    for _ in range(COUNT):
        emit(node)
    async with Cutter(1, (200, 4000)).line_to(url) as line, AsyncClient(line, TOKEN) as client:
        seen = 0
        try:
            async with client.stream_events() as feed:
                async for _event in feed:
                    seen += 1
        except LinkClosedError:
            assert seen < COUNT
        else:
            pytest.fail("the line was not cut")


async def test_a_restart_with_another_port_is_followed_by_its_folder(
    node: FakeNode, tmp_path: Path
) -> None:
    token = tmp_path / TOKEN_FILE
    token.write_text(TOKEN)
    token.chmod(0o600)
    emit(node)
    seen: list[int] = []
    with trio.fail_after(60):
        async with AsyncExitStack() as stack:
            async with program(node, tmp_path) as first:
                client = await stack.enter_async_context(AsyncClient.from_dir(tmp_path))
                blocking = stack.enter_context(Client.from_dir(str(tmp_path)))
                events = await stack.enter_async_context(client.follow_events())
                others = blocking.follow_events()
                seen += [(await anext(events)).seq, (await next_of(others)).seq]
            async with program(node, tmp_path) as second:
                assert first != second
                emit(node)
                seen += [(await anext(events)).seq, (await next_of(others)).seq]
                others.close()
                await events.aclose()
    assert seen == [1, 1, 2, 2]


async def next_of(events: Iterator[Event]) -> Event:
    return await trio.to_thread.run_sync(next, events)


@pytest.mark.parametrize("read", [read_async, read_blocking])
async def test_a_node_that_is_gone_for_good_is_said_so(
    node: FakeNode, tmp_path: Path, read: type
) -> None:
    async with program(node, tmp_path) as url:
        pass
    with trio.fail_after(60), pytest.raises(NodeGoneError, match="look whether it runs"):
        await read(url, 0.2)


async def test_a_token_that_counts_no_more_is_not_tried_again(url: str) -> None:
    async with AsyncClient(url, "x" * 43) as client, client.follow_events() as events:
        with pytest.raises(AccessDeniedError):
            await anext(events)

    def read() -> None:
        with Client(url, "x" * 43) as blocking:
            next(blocking.follow_events())

    with pytest.raises(AccessDeniedError):
        await trio.to_thread.run_sync(read)


async def test_a_log_older_than_the_reader_is_no_silence(
    node: FakeNode, client: AsyncClient, blocking: Client
) -> None:
    emit(node)
    with trio.fail_after(60), pytest.raises(LogEndedError, match="before event 9"):
        async with client.follow_events(after=9) as events:
            await anext(events)
    with pytest.raises(LogEndedError):
        await trio.to_thread.run_sync(lambda: next(iter(blocking.follow_events(after=9))))


async def test_a_wait_that_is_cancelled_loses_nothing(node: FakeNode, client: AsyncClient) -> None:
    emit(node)
    seen = []
    async with client.follow_events() as events:
        for _ in range(3):
            seen.append((await anext(events)).seq)
            with trio.move_on_after(0.05):
                await anext(events)
                pytest.fail("there is no other event yet")
            emit(node)
        assert events.last_seq == 3
    assert seen == [1, 2, 3]
