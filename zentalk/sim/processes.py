"""Every relay and person as a program of its own, as on many machines.

Programs are the commands `relay run` and `api run`; people are driven over REST. A
kill is SIGKILL. What relays did is read from their status files, whose numbers are
rounded for operators.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import trio

from zentalk.client import AsyncClient
from zentalk.config import ApiSettings, RelaySettings
from zentalk.errors import DeadlineError, UnavailableError, ZentalkError
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.relay.status import read_status
from zentalk.sim.folders import (
    count_in_folder,
    make_person,
    pinned,
    relay_name,
    relay_settings,
    save_settings,
)
from zentalk.sim.launcher import Launcher, Process
from zentalk.sim.ledger import Shown
from zentalk.sim.memory import share_mib
from zentalk.sim.network import Received
from zentalk.sim.report import RelayLoad
from zentalk.sim.startup import Told, start_all
from zentalk.store.key_file import load_identity
from zentalk.wire.text import format_address

READY_SECONDS: Final = 90.0
DRAIN_SECONDS: Final = 10.0
WAIT_SECONDS: Final = 2.0
POLL_SECONDS: Final = 0.05
MEMORY_SECONDS: Final = 2.0
_PAGE: Final = 1000
_LOG: Final = "log"

T = TypeVar("T")


class _Program:
    """One program of the network, started again and again."""

    def __init__(self, name: str, launcher: Launcher, crashed: Callable[[str], None]) -> None:
        self.name = name
        self._launcher = launcher
        self._crashed = crashed
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """The process, if it runs."""
        process = self._process
        return None if process is None or process.ended.is_set() else process.pid

    async def start(self, nursery: trio.Nursery, command: str, folder: Path) -> str:
        """Run a command on a folder; return what it prints after `ready`."""
        self._process = await self._launcher.start(self.name, [command, str(folder)], folder / _LOG)
        try:
            value = await self._process.line_with("ready ")
        except UnavailableError as error:
            raise UnavailableError(f"{error}: {_last_line(folder / _LOG)}") from None
        nursery.start_soon(self._watch, self._process, folder)
        return value

    async def end(self, number: signal.Signals) -> None:
        """Send a signal and wait for the end."""
        process = self._process
        if process is None or process.ended.is_set():
            return
        process.told_to_end = True
        await self._launcher.signal(process, number)
        await process.ended.wait()

    async def _watch(self, process: Process, folder: Path) -> None:
        await process.ended.wait()
        if not process.told_to_end:
            reason = _last_line(folder / _LOG)
            self._crashed(f"{self.name}: ended with code {process.exit_code}: {reason}")


class ProcessRelay:
    """One relay as a program."""

    def __init__(self, name: str, folder: Path, program: _Program) -> None:
        self.name = name
        self.uri = ""
        self.program = program
        self._folder = folder
        self._killed = False

    async def start(self, nursery: trio.Nursery) -> None:
        """Run it, also after a kill; return once the network knows it."""
        self.uri = await self.program.start(nursery, "relay", self._folder)
        self._killed = False

    async def kill(self) -> None:
        """End it at once, as a crash would."""
        self._killed = True
        await self.program.end(signal.SIGKILL)

    async def drain(self) -> None:
        """Let it finish and write its last numbers, or kill it if that takes long."""
        with trio.move_on_after(DRAIN_SECONDS):
            await self.program.end(signal.SIGTERM)
            return
        await self.program.end(signal.SIGKILL)

    async def load(self) -> RelayLoad:
        """Return the rounded counters that it wrote last."""
        counters = (await trio.to_thread.run_sync(read_status, self._folder)).counters
        return RelayLoad(counters["forwarded"], counters["deposited"], not self._killed)

    async def envelopes_on_disk(self) -> int:
        """Count the envelopes in its database."""
        return await trio.to_thread.run_sync(count_in_folder, self._folder)


class ProcessUser:
    """One person's API node as a program, driven over REST."""

    def __init__(
        self, settings: ApiSettings, token: str, program: _Program, nursery: trio.Nursery
    ) -> None:
        self.name = settings.name
        self.address = format_address(UserAddress(load_identity(settings.directory).public))
        self.program = program
        self._settings = settings
        self._token = token
        self._nursery = nursery
        self._client: AsyncClient | None = None
        self._events: list[tuple[int, Received | None]] = []
        self._more = trio.Event()
        self._seen = 0
        self._following: trio.CancelScope | None = None
        self._unit_sizes: set[int] = set()

    async def start(self) -> None:
        """Start the node; return once it can send and receive, or raise DeadlineError."""
        url = await self.program.start(self._nursery, "api", self._settings.directory)
        self._client = AsyncClient(url, self._token)
        with trio.move_on_after(READY_SECONDS):
            while not await self._is_ready():  # noqa: ASYNC110  # another process sets no event
                await trio.sleep(POLL_SECONDS)
            self._following = trio.CancelScope()
            self._nursery.start_soon(self._follow, self._client, self._following)
            return
        raise DeadlineError(f"the node of {self.name} was not ready after {READY_SECONDS:g} s")

    async def stop(self) -> None:
        """Ask for what only the node knows, and kill it; its folder stays."""
        if self._client is not None:
            self._unit_sizes |= await _unit_sizes(self._client)
        await self.kill()

    async def kill(self) -> None:
        """Kill the node whatever it does; its folder stays."""
        client, self._client = self._client, None
        if client is None:
            return
        if self._following is not None:
            self._following.cancel()
        await self.program.end(signal.SIGKILL)
        await client.aclose()

    async def add_contact(self, address: str, name: str) -> None:
        """Add a contact."""
        await self._call(lambda client: client.add_contact(address, name))

    async def send(self, address: str, text: str, key: str) -> str:
        """Send a text and return the message's id."""
        return (await self._call(lambda client: client.send(address, text, key))).id

    async def received(self, after: int) -> tuple[int, list[Received]]:
        """Wait for events after a number, at most two seconds."""
        with trio.move_on_after(WAIT_SECONDS):
            while not (self._events and self._events[-1][0] > after):
                await self._more.wait()
        events, self._events = self._events, []
        fresh = [(seq, message) for seq, message in events if seq > after]
        last = fresh[-1][0] if fresh else after
        return last, [message for _, message in fresh if message is not None]

    async def history(self, address: str) -> list[Shown]:
        """Return the whole conversation with somebody, newest last."""
        shown: list[Shown] = []
        before: int | None = None
        while True:
            page = await self._call(
                lambda client, before=before: client.messages(address, before, _PAGE)  # type: ignore[misc]  # default binds the loop variable
            )
            if not page:
                return shown
            shown[:0] = [
                Shown(m.id, m.direction, m.text, m.state) for m in page if m.kind == "text"
            ]
            before = page[0].seq

    async def entries(self) -> Sequence[str]:
        """Return the URIs of the entry relays in use."""
        status: dict[str, Any] = await self._call(lambda client: client.network())
        return tuple(status["entries"])

    async def use_entries(self, uris: Sequence[str]) -> None:
        """Pin the entry relays: takes effect with the next start."""
        self._settings = pinned(self._settings, uris)
        save_settings(self._settings)

    async def unit_sizes(self) -> set[int]:
        """Return every size of unit so far, over all starts."""
        if self._client is not None:
            self._unit_sizes |= await _unit_sizes(self._client)
        return set(self._unit_sizes)

    async def _follow(self, client: AsyncClient, scope: trio.CancelScope) -> None:
        """Keep the event stream open; after a break or a restart go on where it ended."""
        with scope:
            while True:
                try:
                    async with client.stream_events(self._seen) as feed:
                        async for event in feed:
                            self._seen = event.seq
                            self._note(event.seq, event.type, event.data)
                except ZentalkError:
                    await trio.sleep(POLL_SECONDS)

    def _note(self, seq: int, kind: str, data: dict[str, Any]) -> None:
        message = None
        if kind == "message.received":
            message = Received(data["id"], data["conversation"], data["text"])
        self._events.append((seq, message))
        self._more.set()
        self._more = trio.Event()

    async def _is_ready(self) -> bool:
        return bool((await self._call(lambda client: client.network()))["ready"])

    async def _call(self, job: Callable[[AsyncClient], Awaitable[T]]) -> T:
        if self._client is None:
            raise UnavailableError(f"the node of {self.name} does not run")
        return await job(self._client)


class ProgramPlaces(Protocol):
    """Places and settings of programs, if they do not just run side by side."""

    def of_relay(self, settings: RelaySettings) -> tuple[RelaySettings, Launcher]:
        """Return what a relay gets for the settings of a scenario."""
        ...

    def of_person(self, settings: ApiSettings) -> tuple[ApiSettings, Launcher]:
        """Return what a person's node gets."""
        ...


class _OnePlace:
    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher

    def of_relay(self, settings: RelaySettings) -> tuple[RelaySettings, Launcher]:
        return settings, self._launcher

    def of_person(self, settings: ApiSettings) -> tuple[ApiSettings, Launcher]:
        return settings, self._launcher


class ProcessNetwork:
    """Relays and people as programs; `nursery` watches them."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.relays: list[ProcessRelay] = []
        self.users: list[ProcessUser] = []
        self.crashed: list[str] = []
        self.nursery = nursery
        self._peak_mib = 0.0

    async def finish(self) -> None:
        """Stop people, then let the relays drain."""
        self._measure()
        for user in self.users:
            await user.stop()
        async with trio.open_nursery() as nursery:
            for relay in self.relays:
                nursery.start_soon(relay.drain)

    def memory_mib(self) -> float:
        """Return the most memory that all programs were seen to use together."""
        return self._peak_mib

    async def measure_memory(self) -> None:
        """Look at the programs' memory now and then, until cancelled."""
        while True:
            self._measure()
            await trio.sleep(MEMORY_SECONDS)

    def _measure(self) -> None:
        programs = [*(r.program for r in self.relays), *(u.program for u in self.users)]
        now = share_mib(pid for program in programs if (pid := program.pid) is not None)
        self._peak_mib = max(self._peak_mib, now)


@asynccontextmanager
async def process_network(
    parent: Path, nodes: int, users: int, told: Told, launcher: Launcher | ProgramPlaces
) -> AsyncIterator[ProcessNetwork]:
    """Run a network of programs inside the block; all are killed at its end.

    Other launchers than a single one must be running already. Raises the ZentalkError
    of a program that cannot start.
    """
    entropy = Runtime.real().entropy
    async with trio.open_nursery() as nursery:
        network = ProcessNetwork(nursery)
        places: ProgramPlaces
        if isinstance(launcher, Launcher):
            await nursery.start(launcher.run)
            places = _OnePlace(launcher)
        else:
            places = launcher

        async def start_relay(index: int, bootstraps: Sequence[str]) -> ProcessRelay:
            settings, launcher = places.of_relay(relay_settings(parent, index, bootstraps))
            await trio.to_thread.run_sync(save_settings, settings)
            name = relay_name(index)
            program = _Program(name, launcher, network.crashed.append)
            relay = ProcessRelay(name, settings.directory, program)
            await relay.start(nursery)
            return relay

        async def start_user(index: int, bootstraps: Sequence[str]) -> ProcessUser:
            settings, token = make_person(parent, index, bootstraps, entropy)
            settings, launcher = places.of_person(settings)
            await trio.to_thread.run_sync(save_settings, settings)
            program = _Program(settings.name, launcher, network.crashed.append)
            user = ProcessUser(settings, token, program, nursery)
            await user.start()
            return user

        network.relays, network.users = await start_all(nodes, users, start_relay, start_user, told)
        nursery.start_soon(network.measure_memory)
        yield network
        await network.finish()
        nursery.cancel_scope.cancel()


async def _unit_sizes(client: AsyncClient) -> set[int]:
    try:
        return set((await client.network())["unit_sizes"])
    except ZentalkError:
        return set()


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text("utf-8", "replace").split("\n")
    except OSError:
        lines = []
    return next((line for line in reversed(lines) if line), "it wrote no reason")
