"""REST on a real socket: the port, the stream of events, and the end of both."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import trio

from tests.api.double import TOKEN, FakeNode
from zentalk.api.server import serve
from zentalk.api.stream import PAGE
from zentalk.client import AsyncClient, Event
from zentalk.config import ApiSettings
from zentalk.errors import ConfigError
from zentalk.web.address_file import ADDRESS_FILE, noted_url
from zentalk.web.serving import bind


@pytest.fixture
async def url(node: FakeNode, tmp_path: Path) -> AsyncIterator[str]:
    settings = ApiSettings(directory=tmp_path, port=0)
    async with trio.open_nursery() as nursery:
        yield await nursery.start(serve, node, settings, TOKEN, node.stopping)
        node.stop()


@pytest.fixture
async def rest(url: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
async def client(url: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(url, TOKEN) as client:
        yield client


async def test_it_says_where_it_serves_and_forgets_it(
    node: FakeNode, tmp_path: Path, url: str
) -> None:
    assert noted_url(tmp_path) == url
    assert (tmp_path / ADDRESS_FILE).stat().st_mode & 0o777 == 0o600


async def test_the_note_is_gone_after_the_stop(node: FakeNode, tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(
            serve, node, ApiSettings(directory=tmp_path, port=0), TOKEN, node.stopping
        )
        node.stop()
    assert not (tmp_path / ADDRESS_FILE).exists()


async def test_it_can_be_cancelled(node: FakeNode, tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        settings = ApiSettings(directory=tmp_path, port=0)
        await nursery.start(serve, node, settings, TOKEN, node.stopping)
        nursery.cancel_scope.cancel()
    assert noted_url(tmp_path) is None


async def test_many_requests_on_one_connection(rest: httpx.AsyncClient) -> None:
    for _ in range(50):
        assert (await rest.get("/v1/health")).json() == {"status": "ok"}


async def test_a_port_in_use_is_one_sentence(node: FakeNode, tmp_path: Path) -> None:
    taken = bind("127.0.0.1", 0)
    port = taken.getsockname()[1]
    with pytest.raises(ConfigError, match=f"127.0.0.1:{port}.*in use.*another port"):
        await serve(node, ApiSettings(directory=tmp_path, port=port), TOKEN, node.stopping)
    taken.close()
    assert not (tmp_path / ADDRESS_FILE).exists()


async def all_lines(response: httpx.Response, node: FakeNode) -> list[str]:
    """Read a stream to its end; the node stops at the first event."""
    lines = []
    async for line in response.aiter_lines():
        lines.append(line)
        if line.startswith("data:"):
            node.stop()
    return lines


async def test_events_old_and_new_are_streamed_in_order(
    client: AsyncClient, node: FakeNode
) -> None:
    node.emit("message.state", {"id": "a", "state": "sent"})
    async with client.stream_events() as feed:
        first = await anext(feed)
        node.emit("message.received", {"id": "b", "text": "two\n\nlines"})
        second = await anext(feed)
    assert (first.seq, first.type) == (1, "message.state")
    assert second == Event(
        seq=2, type="message.received", at=2000.0, data={"id": "b", "text": "two\n\nlines"}
    )


async def test_the_form_of_the_stream(rest: httpx.AsyncClient, node: FakeNode) -> None:
    node.emit("message.state", {"id": "a", "state": "sent"})
    async with rest.stream("GET", "/v1/events/stream") as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        lines = await all_lines(response, node)
    data = '{"seq":1,"type":"message.state","at":2000.0,"data":{"id":"a","state":"sent"}}'
    assert lines == ["retry: 1000", "", "id: 1", "event: message.state", f"data: {data}", ""]


@pytest.mark.parametrize(
    ("query", "headers"),
    [("", {"Last-Event-ID": "2"}), ("?after=2", {}), ("?after=0", {"Last-Event-ID": "2"})],
)
async def test_a_client_that_was_away_goes_on_where_it_was(
    rest: httpx.AsyncClient, node: FakeNode, query: str, headers: dict[str, str]
) -> None:
    for number in range(3):
        node.emit("message.state", {"id": str(number), "state": "sent"})
    async with rest.stream("GET", f"/v1/events/stream{query}", headers=headers) as response:
        lines = await all_lines(response, node)
    assert [line for line in lines if line.startswith("id:")] == ["id: 3"]


async def test_a_long_log_is_streamed_whole(client: AsyncClient, node: FakeNode) -> None:
    for number in range(3 * PAGE + 1):
        node.emit("message.state", {"id": str(number), "state": "sent"})
    async with client.stream_events() as feed:
        seen = [(await anext(feed)).seq for _ in node.log]
    assert seen == list(range(1, len(node.log) + 1))


async def test_streams_end_when_the_node_stops(client: AsyncClient, node: FakeNode) -> None:
    node.emit("message.state", {"id": "a", "state": "sent"})
    async with client.stream_events() as feed:
        await anext(feed)
        node.stop()
        # A clean end of the body: a connection that is just cut would be a LinkClosedError.
        assert [event async for event in feed] == []


async def test_a_client_that_leaves_is_forgotten(
    client: AsyncClient, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    came, left = trio.Event(), trio.Event()

    async def wait_events(_after: int) -> None:
        came.set()
        try:
            await trio.sleep_forever()
        finally:
            left.set()

    monkeypatch.setattr(node, "wait_events", wait_events)
    async with client.stream_events():
        await came.wait()
    await left.wait()


async def test_a_quiet_stream_has_a_heartbeat(
    rest: httpx.AsyncClient, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats = 0

    async def wait_events(_after: int) -> None:
        nonlocal beats
        beats += 1
        if beats == 3:
            node.stop()
        await trio.sleep_forever()

    monkeypatch.setattr("zentalk.api.stream.HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(node, "wait_events", wait_events)
    async with rest.stream("GET", "/v1/events/stream") as response:
        lines = [line async for line in response.aiter_lines()]
    assert lines[2:] == [": still here", ""] * 2


async def test_k23_the_server_logs_no_request(
    rest: httpx.AsyncClient, capfd: pytest.CaptureFixture[str]
) -> None:
    await rest.get("/v1/messages/CANARY")
    await rest.get("/CANARY")
    out, err = capfd.readouterr()
    assert "CANARY" not in out + err


@pytest.mark.parametrize(
    "path",
    [
        "/v1/health",
        "/v1/me",
        "/v1/contacts",
        "/v1/openapi.json",
        "/v1/events/stream",
        "/v1/messages/none",
        "/v1/nowhere",
    ],
)
async def test_head_gets_the_head_of_get_and_nothing_after_it(
    rest: httpx.AsyncClient, path: str
) -> None:
    async with rest.stream("GET", path) as got:
        pass
    for _ in range(2):  # what came after a head would be taken for the next answer
        head = await rest.head(path)
        assert head.content == b""
        assert head.status_code == got.status_code
        assert without_date(head) == without_date(got)
    assert (await rest.get("/v1/health")).json() == {"status": "ok"}


def without_date(answer: httpx.Response) -> list[tuple[str, str]]:
    return [header for header in answer.headers.multi_items() if header[0] != "date"]


async def test_control_head_of_what_is_only_posted_is_refused(rest: httpx.AsyncClient) -> None:
    assert (await rest.head("/v1/mailboxes/move")).status_code == 405


async def test_proxies_are_told_to_pass_events_on_at_once(rest: httpx.AsyncClient) -> None:
    head = await rest.head("/v1/events/stream")
    assert head.headers["x-accel-buffering"] == "no"
    assert head.headers["cache-control"] == "no-store, no-transform"
