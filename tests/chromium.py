"""Chromium without a window, as a test drives it: by the pages it opens, or by its DevTools."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import trio

from tests.api.socket_client import EventClient
from tests.needed import program

PATIENCE_SECONDS = 120
NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-sync", "--disable-background-networking", "--disable-component-update"),
    *("--no-proxy-server", "--disable-dev-shm-usage"),
)
_NOTE_VIOLATIONS: Final = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(event.effectiveDirective + " " + event.blockedURI));
"""


@contextmanager
def browser(folder: Path, *words: str) -> Iterator[None]:
    """Run a browser, which is a group of processes, with its profile in a folder."""
    command = [program(*NAMES), *FLAGS, f"--user-data-dir={folder}", *words]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True) as process:
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)


class Tab:
    """One page, and what it has asked for."""

    def __init__(self, client: EventClient) -> None:
        self._client = client
        self._calls = 0
        self.requested: list[str] = []
        """URLs, in order; those that the policy of the page stops are not among them."""

    async def call(self, method: str, **parameters: Any) -> Any:
        """Return the result of a command of the DevTools protocol."""
        self._calls += 1
        await self._client.say({"id": self._calls, "method": method, "params": parameters})
        while True:
            message = await self._client.message()
            if message.get("method") == "Network.requestWillBeSent":
                self.requested.append(message["params"]["request"]["url"])
            if message.get("id") == self._calls:
                assert "error" not in message, message
                return message["result"]

    async def value(self, expression: str) -> Any:
        """Return what an expression of JavaScript is in the page."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Wait until an expression is true in the page; return its value."""
        with trio.fail_after(PATIENCE_SECONDS):
            while not (found := await self.value(expression)):  # noqa: ASYNC110 - a program
                await trio.sleep(0.05)
        return found

    async def click(self, selector: str) -> None:
        """Click on an element, once it is there."""
        await self.until(f"!!document.querySelector({selector!r})")
        await self.value(f"document.querySelector({selector!r}).click()")

    async def open(self, url: str) -> None:
        """Go to a page, noting what breaks its policy."""
        await self.call("Network.enable")
        await self.call("Page.enable")
        await self.call("Page.addScriptToEvaluateOnNewDocument", source=_NOTE_VIOLATIONS)
        await self.call("Page.navigate", url=url)

    async def violations(self) -> list[str]:
        """Return what the policy of the page has stopped."""
        found: list[str] = await self.value("window.violations")
        return found


@asynccontextmanager
async def tab(folder: Path) -> AsyncIterator[Tab]:
    """Run a browser with one page that a test drives."""
    with browser(folder, "--remote-debugging-port=0", "about:blank"):
        port = await _port(folder / "DevToolsActivePort")
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as client:
            opened = (await client.put(f"http://127.0.0.1:{port}/json/new")).json()
        path = urlsplit(opened["webSocketDebuggerUrl"]).path
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            client_of_tab = EventClient(stream)
            await client_of_tab.ask(path, (), f"127.0.0.1:{port}")
            yield Tab(client_of_tab)


async def _port(file: Path) -> int:
    """Return where the browser listens, once it says so."""
    with trio.fail_after(PATIENCE_SECONDS):
        while not (port := _noted(file)):  # noqa: ASYNC110 - a program
            await trio.sleep(0.05)
    return port


def _noted(file: Path) -> int:
    lines = file.read_text().splitlines() if file.exists() else []
    return int(lines[0]) if len(lines) > 1 else 0
