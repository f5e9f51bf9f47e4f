"""An ASGI application that shows what it was asked, in ways that try a server."""

from __future__ import annotations

import json
from typing import Any

import trio
from starlette.types import Message, Receive, Scope, Send

BIG_BYTES = 3 * 1024 * 1024


class Echo:
    """`/echo` and any other path: what arrived, as JSON. The rest as named."""

    def __init__(self) -> None:
        self.left = trio.Event()
        """Set when the client of `/stream` has left."""
        self.reported = trio.Event()
        self.report = b""
        """What the page of `/page` has seen, once it has."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.do_socket(receive, send)
            return
        name = scope["path"].strip("/").partition("/")[0]
        handler = getattr(self, f"do_{name}", self.do_echo)
        await handler(scope, receive, send)

    async def do_echo(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await body_of(receive)
        if body is None:
            return
        shown = {
            "method": scope["method"],
            "path": scope["path"],
            "raw_path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "version": scope["http_version"],
            "headers": [[n.decode("latin-1"), v.decode("latin-1")] for n, v in scope["headers"]],
            "body_bytes": len(body),
            "sum": sum(body),
        }
        await answer(send, json.dumps(shown).encode())

    async def do_unread(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer without a look at the body."""
        await answer(send, b"unread")

    async def do_stubborn(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer even if the client has left."""
        await body_of(receive)
        await answer(send, b"well")

    async def do_none(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Return without an answer."""

    async def do_empty(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"", 204, [(b"content-length", b"0")])

    async def do_same(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"not to be seen", 304)

    async def do_big(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, bytes(BIG_BYTES))

    async def do_parts(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in three parts without saying how long it is."""
        await start(send)
        for part in (b"one ", b"", b"two "):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"three"})

    async def do_cut(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stop in the middle of an answer."""
        await start(send)
        await send({"type": "http.response.body", "body": b"half", "more_body": True})

    async def do_inject(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"", headers=[(b"x", b"a\r\nset-cookie: b")])

    async def do_crash(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("CANARY")

    async def do_both(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the body back while it comes."""
        await start(send)
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            part = {"type": "http.response.body", "body": message["body"], "more_body": more}
            await send(part)

    async def do_stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream server-sent events until the client leaves."""
        await body_of(receive)
        await start(send, [(b"content-type", b"text/event-stream")])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tick, send)
            assert (await receive())["type"] == "http.disconnect"
            self.left.set()
            nursery.cancel_scope.cancel()

    async def do_ticks(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream two server-sent events."""
        await start(send, [(b"content-type", b"text/event-stream")])
        with trio.move_on_after(0.15):
            await self._tick(send)
        await send({"type": "http.response.body", "body": b""})

    async def do_socket(self, receive: Receive, send: Send) -> None:
        """Give messages of a WebSocket back."""
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})

    async def do_report(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.report = await body_of(receive) or b""
        await answer(send, b"")
        self.reported.set()

    async def do_page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A page for a browser, which shows what its requests got."""
        await answer(send, PAGE, headers=[(b"content-type", b"text/html")])

    async def _tick(self, send: Send) -> None:
        number = 0
        while True:
            number += 1
            data = b"data: %d\n\n" % number
            await send({"type": "http.response.body", "body": data, "more_body": True})
            await trio.sleep(0.1)


async def body_of(receive: Receive) -> bytes | None:
    """Return the whole body, None if the client left before."""
    body, more = b"", True
    while more:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message["body"]
        more = message["more_body"]
    return body


async def start(send: Send, headers: Any = ()) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": list(headers)})


async def answer(send: Send, body: bytes, status: int = 200, headers: Any = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


PAGE = rb"""<!doctype html><title>t</title><link rel=icon href="data:,"><script>
(async () => {
  const seen = {};
  const get = await (await fetch('/a%20b/%C3%A9?q=%C3%A9')).json();
  seen.get = [get.path, get.raw_path, get.query];
  const body = new Uint8Array(300000).fill(7);
  seen.post = (await (await fetch('/echo', {method: 'POST', body})).json()).sum;
  seen.parts = await (await fetch('/parts')).text();
  seen.big = (await (await fetch('/big')).arrayBuffer()).byteLength;
  const head = await fetch('/big', {method: 'HEAD'});
  seen.head = [head.status, head.headers.get('content-length')];
  seen.empty = (await fetch('/empty')).status;
  seen.many = (await Promise.all(
    [...Array(30).keys()].map(async i => (await (await fetch('/echo?' + i)).json()).query)
  )).join();
  seen.ticks = await new Promise(done => {
    const source = new EventSource('/stream'); const got = [];
    source.onmessage = e => { if (got.push(e.data) == 3) { source.close(); done(got); } };
  });
  seen.socket = await new Promise(done => {
    const socket = new WebSocket(location.href.replace('http', 'ws')); const got = [];
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => { socket.send('\u00e9'); socket.send(new Uint8Array(100000)); };
    socket.onmessage = e => { if (got.push(e.data.byteLength || e.data) == 2) socket.close(4000); };
    socket.onclose = e => done([...got, e.code, e.wasClean]);
  });
  return seen;
})().catch(e => ({error: String(e)})).then(seen => {
  fetch('/report', {method: 'POST', body: JSON.stringify(seen)});
});
</script>"""
