"""Asks the server at the URL given to it with aiohttp, and prints what it got as JSON.

With a path after the URL it only opens a WebSocket there.

A process of its own, because aiohttp needs asyncio.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp


async def parts() -> AsyncIterator[bytes]:
    for _ in range(100):
        yield b"\1" * 100


async def main(url: str) -> dict[str, Any]:
    body = b"\1" * 1_000_000
    found: dict[str, Any] = {}
    async with aiohttp.ClientSession(url) as client:

        async def read(method: str, path: str, **extra: Any) -> Any:
            async with client.request(method, path, **extra) as answer:
                return json.loads(await answer.read())

        asked = [read("GET", f"/echo?{number}") for number in range(30)]
        found["queries"] = [item["query"] for item in await asyncio.gather(*asked)]
        found["path"] = (await read("GET", "/a%20b"))["path"]
        found["sized"] = (await read("POST", "/echo", data=body))["sum"]
        found["chunked"] = (await read("POST", "/echo", data=parts()))["sum"]
        found["continued"] = (await read("POST", "/echo", data=body, expect100=True))["sum"]
        async with client.get("/parts") as answer:
            found["parts"] = await answer.text()
        async with client.get("/big") as answer:
            found["big"] = len(await answer.read())
        async with client.head("/big") as answer:
            found["head"] = answer.headers["content-length"]
        async with client.get("/empty") as answer:
            found["empty"] = answer.status
        async with client.get("/stream") as answer:
            lines = [await answer.content.readline() for _ in range(3)]
            found["stream"] = [line.decode().strip() for line in lines]
    found["socket"] = await socket(url, "/")
    return found


async def socket(url: str, path: str) -> list[Any]:
    """Send a text and bytes over a WebSocket; return what came back, and how it was closed."""
    async with aiohttp.ClientSession(url) as client, client.ws_connect(path) as opened:
        await opened.send_str("\xe9")
        await opened.send_bytes(bytes(100_000))
        text, data = await opened.receive_str(), await opened.receive_bytes()
        await opened.close()
        return [text, len(data), opened.close_code]


if __name__ == "__main__":
    asked = main(sys.argv[1]) if len(sys.argv) == 2 else socket(*sys.argv[1:])
    sys.stdout.write(json.dumps(asyncio.run(asked)))
