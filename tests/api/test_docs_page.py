"""The page at `/docs`: its files are those of their makers, and a browser asks nobody else."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.api.documented import openapi_document
from tests.api.double import TOKEN, FakeNode
from tests.chromium import Tab, tab
from tests.web.served import Served, served
from zentalk.api.app import create_app
from zentalk.api.docs import routes
from zentalk.api.docs.routes import ASSETS, FILES

PATHS = ["/docs", *(f"/docs/{name}" for name in FILES)]


@pytest.fixture
async def server(node: FakeNode) -> AsyncIterator[Served]:
    async with served(create_app(node, TOKEN, node.stopping)) as server:
        yield server


def test_vendored_files_are_those_that_their_maker_gave_out() -> None:
    lines = (ASSETS / "VENDORED.txt").read_text().splitlines()
    sums = {words[1]: words[0] for line in lines if len(words := line.split()) == 2}
    ours = {"VENDORED.txt", "page.html", "start.js"}
    assert set(sums) == {path.name for path in ASSETS.iterdir()} - ours
    for name, digest in sums.items():
        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == digest, name


def test_the_page_names_every_file_and_no_other_host() -> None:
    page = (ASSETS / "page.html").read_text()
    for name in FILES:
        assert f'"/docs/{name}"' in page
    assert "http" not in page
    assert "//" not in page


async def test_it_needs_no_token_and_is_asked_for_again_by_its_tag(node: FakeNode) -> None:
    transport = httpx.ASGITransport(app=create_app(node, TOKEN, node.stopping))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as stranger:
        for path in [*PATHS, "/v1/openapi.json"]:
            answer = await stranger.get(path)
            assert answer.status_code == 200
            policy = answer.headers["content-security-policy"]
            assert "unsafe" not in policy
            assert "http" not in policy
            headers = {"If-None-Match": answer.headers["etag"]}
            assert (await stranger.get(path, headers=headers)).status_code == 304
            evil = await stranger.get(path, headers={"Host": "evil.example"})
            assert evil.status_code == 403
        for name in ("page.html", "VENDORED.txt", "%2e%2e%2froutes.py", "..%2Froutes.py", ".."):
            assert (await stranger.get(f"/docs/{name}")).status_code in {401, 404}


async def shown(page: Tab, url: str) -> None:
    """Open the page, and wait until it shows what there is."""
    await page.open(f"{url}/docs")
    await page.until("!!document.querySelector('.opblock')")


@pytest.mark.browser
async def test_a_browser_shows_every_operation_and_asks_this_node_only(
    server: Served, tmp_path: Path
) -> None:
    names = {
        operation["operationId"]
        for operations in openapi_document()["paths"].values()
        for operation in operations.values()
    }
    async with tab(tmp_path) as page:
        await shown(page, server.url)
        ids = "[...document.querySelectorAll('.opblock')].map((one) => one.id)"
        assert {one.rpartition("-")[2] for one in await page.value(ids)} == names
        for selector in ("#operations-node-getHealth button", ".try-out__btn", ".execute"):
            await page.click(selector)
        answer = ".live-responses-table .response-col_description .microlight"
        said = await page.until(f"document.querySelector('{answer}')?.innerText")
        assert json.loads(said) == {"status": "ok"}
        assert await page.violations() == []
    asked = [url for url in page.requested if not url.startswith("data:")]
    assert {urlsplit(url).netloc for url in asked} == {f"127.0.0.1:{server.port}"}
    assert {urlsplit(url).path for url in asked} == {*PATHS, "/v1/openapi.json", "/v1/health"}


@pytest.mark.browser
async def test_control_what_the_policy_forbids_is_seen(
    server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "assets"
    shutil.copytree(ASSETS, other)
    foreign = "<body><script>window.ran = true</script><img src='http://other.example/x.png'>"
    text = (ASSETS / "page.html").read_text().replace("<body>", foreign)
    (other / "page.html").write_text(text)
    monkeypatch.setattr(routes, "ASSETS", other)
    async with tab(tmp_path / "profile") as page:
        await shown(page, server.url)
        assert await page.value("window.ran") is None
        stopped = await page.violations()
    assert sorted(stopped) == ["img-src http://other.example/x.png", "script-src-elem inline"]
