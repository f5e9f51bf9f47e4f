"""A crowd at one relay: many links that say nothing, and many that are as slow as they may be.

    python -m tests.faults.crowd --idle 1000 --slow 200 --messages 200

Alice writes to Bob, one message after the other, first alone and then with the crowd at a relay
that her packets enter by. Prints how long messages took in both cases, and the relay's memory.
A third of the slow ones dribbles a handshake, a third asks without reading the answers, a third
opens and closes connections, each in a rhythm of its own. Messages are measured once all have come.
The crowd is a process of its own, on the same cores.
"""

# ruff: noqa: T201  # it is a program

from __future__ import annotations

import argparse
import logging
import statistics
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from subprocess import PIPE
from typing import Any

import trio

from tests.faults.places import FixedPorts
from tests.faults.run import say
from zentalk.cli.logs import configure_logging
from zentalk.cli.programs import raise_file_limit
from zentalk.cli.sim import preload, program
from zentalk.errors import ZentalkError
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.runtime import Runtime
from zentalk.net.serve import connect
from zentalk.net.tcp import TcpNetwork
from zentalk.net.transport import ByteStream
from zentalk.sim.folders import run_folder
from zentalk.sim.launcher import Launcher
from zentalk.sim.ledger import Ledger, Shown
from zentalk.sim.processes import ProcessRelay, ProcessUser, process_network
from zentalk.wire.rpc_directory import encode_snapshot_request
from zentalk.wire.text import RelayUri, parse_relay_uri

RELAYS = 4
WARM_UP = 10
PATIENCE_SECONDS = 60.0
OPENING_AT_ONCE = 32
SLOW_PER_SECOND = 60
"""So many of the slow ones come in a second: in step they would be bursts, another attack."""
FAULTS = (ZentalkError, trio.BrokenResourceError, trio.ClosedResourceError, OSError)
BUDGET_MIB = 256
"""The default of `memory_bytes`."""


@dataclass(slots=True)
class Crowd:
    """Everybody who bothers one relay; `links` of them say nothing."""

    uri: RelayUri
    runtime: Runtime
    links: int = 0
    to_come: set[int] = field(default_factory=set)
    """The slow ones that were never there yet."""
    complete: trio.Event = field(default_factory=trio.Event)

    async def gather(self, idle: int, slow: int, nursery: trio.Nursery) -> None:
        """Open all; return once each has been there. They stay until cancelled."""
        slots = trio.Semaphore(OPENING_AT_ONCE)

        async def one() -> None:
            async with slots:
                with suppress(*FAULTS):
                    await self._link(nursery)
                    self.links += 1

        async with trio.open_nursery() as opening:
            for _ in range(idle):
                opening.start_soon(one)
        ways = (self._dribble, self._ask_without_reading, self._come_and_go)
        self.to_come = set(range(slow))
        for number in range(slow):
            nursery.start_soon(self._again_and_again, ways[number % len(ways)], number)
        if slow:
            await self.complete.wait()

    async def _link(self, nursery: trio.Nursery) -> Connection:
        return await connect(
            await TcpNetwork().dial(self.uri.host, self.uri.port),
            network="local",
            relay_identity=self.uri.identity,
            handlers=NoHandlers(),
            runtime=self.runtime,
            nursery=nursery,
        )

    async def _again_and_again(
        self, way: Callable[[ByteStream], Awaitable[None]], number: int
    ) -> None:
        await trio.sleep(number / SLOW_PER_SECOND)
        while True:
            with suppress(*FAULTS):
                stream = await TcpNetwork().dial(self.uri.host, self.uri.port)
                self._note(number)
                await way(stream)
            await trio.sleep(1)

    def _note(self, number: int) -> None:
        self.to_come.discard(number)
        if not self.to_come:
            self.complete.set()

    async def _dribble(self, stream: ByteStream) -> None:
        """Say one byte of a handshake in half a second, until hung up on."""
        async with aclosing(stream):
            while True:
                await stream.send_all(b"\0")
                await trio.sleep(0.5)

    async def _ask_without_reading(self, dialled: ByteStream) -> None:
        """Ask for the largest answer there is, over and over, and read none."""
        stream = _Unread(dialled)
        async with trio.open_nursery() as nursery:
            link = await connect(
                stream,
                network="local",
                relay_identity=self.uri.identity,
                handlers=NoHandlers(),
                runtime=self.runtime,
                nursery=nursery,
            )
            stream.reads = False
            while not link.closed.is_set():
                nursery.start_soon(self._ask, link)
                await trio.sleep(1)
            nursery.cancel_scope.cancel()

    async def _ask(self, link: Connection) -> None:
        with suppress(*FAULTS):
            await link.request(encode_snapshot_request())

    async def _come_and_go(self, stream: ByteStream) -> None:
        """Say nothing, and hang up."""
        async with aclosing(stream):
            await trio.sleep(0.5)


class _Unread:
    """A stream whose owner may stop reading."""

    def __init__(self, stream: ByteStream) -> None:
        self.reads = True
        self._stream = stream

    async def send_all(self, data: bytes, /) -> None:
        await self._stream.send_all(data)

    async def receive_some(self, max_bytes: int, /) -> bytes:
        if not self.reads:
            await trio.sleep_forever()
        return bytes(await self._stream.receive_some(max_bytes))

    async def aclose(self) -> None:
        await self._stream.aclose()


async def join(uri: str, idle: int, slow: int) -> None:
    """Be the crowd, until the end of our input."""
    async with trio.open_nursery() as nursery:
        crowd = Crowd(parse_relay_uri(uri), Runtime.real())
        await crowd.gather(idle, slow, nursery)
        print(crowd.links, flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)
        nursery.cancel_scope.cancel()


async def with_crowd(uri: str, idle: int, slow: int, job: Callable[[], Awaitable[None]]) -> int:
    """Run a job while a crowd is there; return how many idle links there were."""
    words = ["--join", uri, "--idle", str(idle), "--slow", str(slow)]
    crowd = await trio.lowlevel.open_process(
        [sys.executable, "-m", "tests.faults.crowd", *words], stdin=PIPE, stdout=PIPE
    )
    assert crowd.stdout is not None
    try:
        line = b""
        while not line.endswith(b"\n"):
            data = await crowd.stdout.receive_some()
            if not data:
                raise RuntimeError("the crowd ended")
            line += data
        await job()
    finally:
        crowd.kill()
        with trio.CancelScope(shield=True):
            await crowd.wait()
    return int(line)


class Post:
    """Alice writes to Bob, one message at a time."""

    def __init__(self, alice: ProcessUser, bob: ProcessUser) -> None:
        self.ledger = Ledger(64)
        self._alice = alice
        self._bob = bob
        self._seen = 0
        self._number = 0

    async def write(self, count: int) -> list[float]:
        """Write messages; return the seconds that each took to be announced to Bob."""
        took = []
        for _ in range(count):
            number, now = self._number, trio.current_time()
            self._number += 1
            entry = self.ledger.write(number, 0, 1, now, "calm")
            message = await self._alice.send(self._bob.address, entry.text, f"n{number}")
            self.ledger.accepted(number, message)
            with trio.move_on_after(PATIENCE_SECONDS):
                while self.ledger.waiting(number):
                    self._seen, received = await self._bob.received(self._seen)
                    for each in received:
                        arrived = trio.current_time()
                        self.ledger.noticed(1, each.id, each.text, arrived)
            took.append(trio.current_time() - now)
        return took

    async def histories(self) -> list[tuple[int, int, list[Shown]]]:
        """Return what both see."""
        return [
            (0, 1, await self._alice.history(self._bob.address)),
            (1, 0, await self._bob.history(self._alice.address)),
        ]


async def trial(
    idle: int, slow: int, messages: int, folder: Path, launcher: Launcher
) -> dict[str, Any]:
    """Measure messages without and with a crowd, and what the relay's memory came to."""
    async with trio.open_nursery() as nursery:
        await nursery.start(launcher.run)
        places = FixedPorts(launcher, RELAYS)
        async with process_network(folder, RELAYS, 2, lambda *_: None, places) as network:
            alice, bob = network.users
            for one, other in ((alice, bob), (bob, alice)):
                await one.add_contact(other.address, other.name)
            post = Post(alice, bob)
            await post.write(WARM_UP)
            uri = (await alice.entries())[0]
            [relay] = [each for each in network.relays if each.uri == uri]
            alone = await post.write(messages)
            beset: list[float] = []
            most_mib = 0.0

            async def job() -> None:
                nonlocal most_mib
                with trio.CancelScope() as watching:
                    async with trio.open_nursery() as both:
                        both.start_soon(measure)
                        beset.extend(await post.write(messages))
                        watching.cancel()

            async def measure() -> None:
                nonlocal most_mib
                while True:
                    most_mib = max(most_mib, resident_mib(relay))
                    await trio.sleep(0.5)

            links = await with_crowd(uri, idle, slow, job)
            histories = await post.histories()
        nursery.cancel_scope.cancel()
    verdict = post.ledger.judge(histories)
    return {
        "seed": 0,
        "messages": WARM_UP + 2 * messages,
        **asdict(verdict),
        "idle_links": links,
        "relay_mib": round(most_mib, 1),
        "budget_mib": BUDGET_MIB,
        "p99_alone_ms": round(percentile(alone) * 1000, 1),
        "p99_with_crowd_ms": round(percentile(beset) * 1000, 1),
        "p99_ratio": round(percentile(beset) / percentile(alone), 2),
        "median_ratio": round(statistics.median(beset) / statistics.median(alone), 2),
        "crashed": network.crashed,
        "faults": post.ledger.faults(histories),
    }


def resident_mib(relay: ProcessRelay) -> float:
    """Return what a relay's process holds now."""
    for line in Path(f"/proc/{relay.program.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def percentile(seconds: Sequence[float]) -> float:
    """Return the 99th percentile."""
    return sorted(seconds)[min(len(seconds) - 1, len(seconds) * 99 // 100)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.crowd")
    parser.add_argument("--idle", type=int, default=1000)
    parser.add_argument("--slow", type=int, default=200)
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="as other trials have it; not used")
    parser.add_argument("--join", help="be the crowd at this relay (URI)")
    options = parser.parse_args()
    configure_logging(logging.ERROR)
    raise_file_limit()
    if options.join:
        trio.run(join, options.join, options.idle, options.slow)
        return 0
    with run_folder() as folder, Launcher(program, preload) as launcher:
        numbers = (options.idle, options.slow, options.messages)
        report = trio.run(trial, *numbers, folder, launcher)
    return say(report)


if __name__ == "__main__":
    sys.exit(main())
