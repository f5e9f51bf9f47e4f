"""Files end to end: fifteen relays and one API node, each a process of its own on loopback.

A file goes in over REST and is answered once relays have all of it, on their disks; then the node's
own copy is let go, some relays are killed, and it is read again. Once with relays dialled, which is
the setting `files_direct`, and once through tunnels, which is what a node does by itself. Rates are
of the file's bytes by the clock, MB are 10^6 bytes; the load runs on the same cores.

`python -m benchmarks files` takes two minutes; `--count` says how many MiB the file has.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from pathlib import Path

import trio

from benchmarks.programs import Program, start_api, start_relays
from benchmarks.rounds import Row
from zentalk.client import AsyncClient

RELAYS = 15
LOST = 5
MIB = 2**20
SIZE_MIB = 64
UPLOAD_RATE = 20.0
DOWNLOAD_RATE = 40.0
GROWTH_MIB = 150.0


def rows(size_mib: int = SIZE_MIB) -> list[Row]:
    """Each row: name, value, unit, and target, where there is one."""
    found = []
    for direct in (True, False):
        found += trio.run(_measured, size_mib * MIB, direct)
    return found


async def _measured(size: int, direct: bool) -> list[Row]:
    way = "dialled" if direct else "tunnels"
    settings = ["files_cache_bytes = 0", f"files_direct = {str(direct).lower()}"]
    with tempfile.TemporaryDirectory() as folder:
        async with trio.open_nursery() as nursery:
            relays = await start_relays(Path(folder), RELAYS, nursery)
            node, _, url, token = await start_api(Path(folder), "alice", nursery, settings=settings)
            async with AsyncClient(url, token) as client:
                while (await client.mesh()).holders < RELAYS:  # noqa: ASYNC110 - another process
                    await trio.sleep(0.05)
                await client.upload_file(os.urandom(MIB), "first")
                before = _peak_mib(node)
                began = time.perf_counter()
                file = await client.upload_file(os.urandom(size), "second")
                up = time.perf_counter() - began
                for relay in relays[:LOST]:
                    relay.process.kill()
                began = time.perf_counter()
                read = await _read(client, file.cid)
                down = time.perf_counter() - began
                growth = _peak_mib(node) - before
            nursery.cancel_scope.cancel()
    if read != size:
        raise RuntimeError(f"{read} of {size} bytes came back")
    return [
        _row(f"{way}, upload", size / up / 1e6, "MB/s", UPLOAD_RATE if direct else None),
        _row(
            f"{way}, download with {LOST} relays dead",
            size / down / 1e6,
            "MB/s",
            DOWNLOAD_RATE if direct else None,
        ),
        _row(f"{way}, growth of the node", growth, "MiB", GROWTH_MIB, at_least=False),
    ]


async def _read(client: AsyncClient, cid: str) -> int:
    read = 0
    async with client.file_chunks(cid) as chunks:
        async for chunk in chunks:
            read += len(chunk)
    return read


def _peak_mib(program: Program) -> float:
    """Return the most memory that a program has had, as the system counts it."""
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def _row(name: str, value: float, unit: str, target: float | None, *, at_least: bool = True) -> Row:
    return {"name": name, "value": value, "unit": unit, "target": target, "at_least": at_least}
