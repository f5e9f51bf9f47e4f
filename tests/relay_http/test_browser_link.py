"""A page in a browser opens a link to a relay: by WebSocket, WebCrypto and three primitives.

Its origin has nothing to do with the relay, which takes it all the same: docs/spec/link.md
section 13 says why.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from tests.chromium import Tab, tab
from tests.cli.processes import running
from tests.cli.test_relay_http import http_url, with_http
from tests.web.served import Served, served
from zentalk.relay_http.link_socket import LINK_PATH
from zentalk.wire.rpc_mailbox import decode_price_response, encode_price_request
from zentalk.wire.text import RelayUri, parse_relay_uri

PAGE = Path(__file__).with_name("page")
SCRIPTS = ("initiator.js", "noble.js")
POLICY = "default-src 'none'; script-src 'self'; connect-src ws://127.0.0.1:*"


async def page(_request: Request) -> Response:
    return FileResponse(PAGE / "page.html", headers={"Content-Security-Policy": POLICY})


async def script(request: Request) -> Response:
    return FileResponse(PAGE / Path(request.url.path).name)


@asynccontextmanager
async def page_server() -> AsyncIterator[Served]:
    """Serve the page on an origin that has nothing to do with a relay's."""
    routes = [Route("/", page), *(Route(f"/{name}", script) for name in SCRIPTS)]
    async with served(Starlette(routes=routes)) as found:
        yield found


def test_the_vendored_file_is_the_one_that_is_described() -> None:
    lines = (PAGE / "VENDORED.txt").read_text("utf-8").splitlines()
    sums = {words[1]: words[0] for line in lines if len(words := line.split()) == 2}
    assert set(sums) == {"LICENSE", "noble.js"}
    for name, digest in sums.items():
        assert hashlib.sha256((PAGE / name).read_bytes()).hexdigest() == digest, name


async def outcome(shown: Tab, server: Served, uri: RelayUri, url: str, network: str) -> Any:
    """Return what came of a link from the page, which asks for the price of a mailbox."""
    query = {
        "url": url,
        "identity": uri.identity.hex(),
        "network": network,
        "request": encode_price_request().hex(),
    }
    address = f"{server.url}/?{urlencode(query, quote_via=quote)}"
    await shown.open(address)
    await shown.until(f"location.href === {address!r} && !!window.outcome")
    assert await shown.violations() == []
    return await shown.value("window.outcome")


@pytest.mark.browser
@pytest.mark.e2e
@pytest.mark.slow
async def test_a_page_opens_a_link_to_a_relay_and_is_answered(tmp_path: Path) -> None:
    """With the wrong network, or another relay's identity, the controls: nobody answers."""
    with_http(tmp_path / "relay")
    with running("relay", tmp_path / "relay") as relay:
        uri = parse_relay_uri(relay.ready())
        url = http_url(relay).replace("http:", "ws:") + LINK_PATH
        async with page_server() as server, tab(tmp_path / "profile") as shown:
            found = await outcome(shown, server, uri, url, "local")
            assert found["pong"] == b"zent".hex()
            assert decode_price_response(bytes.fromhex(found["answer"])) == 0
            for other, network in ((uri, "elsewhere"), (uri._replace(identity=OTHER), "local")):
                found = await outcome(shown, server, other, url, network)
                assert found == {"error": "the relay hung up"}
        assert relay.stop() == 0


OTHER = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
"""The public key of the first test vector of RFC 8032: a point, and no relay's here."""
