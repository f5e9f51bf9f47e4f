"""An operator's month in virtual time: no acknowledged mail is lost, and each event is said.

Every event befalls all relays that hold the mail, and its sender is gone before it is collected: so
no copy elsewhere can make up for a loss.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.ids import DAY_SECONDS
from zentalk.net.runtime import Runtime
from zentalk.store import directory_store
from zentalk.store.disk_space import DiskSpace
from zentalk.store.mailbox import earlier_files, schema
from zentalk.store.mailbox.earlier_files import QUEUE_FILE
from zentalk.store.sqlite import open_database
from zentalk.wire.text import RelayUri

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

RELAYS = 5
HOURS_OFF = 2 * 3600.0
NOBODY = RelayUri(b"n" * 32, "nowhere", 9001)


class Month(World):
    """Five relays of which one operator has those with Bob's mail; nights may pass at once."""

    def __init__(self, folder: Path, nursery: trio.Nursery, nights: float) -> None:
        super().__init__(folder, nursery)
        self.skews: dict[str, float] = {}
        self.full: set[str] = set()
        self.settings: dict[str, dict[str, Any]] = {}
        self.texts: list[str] = []
        self.operated: list[str] = []
        self._nights = nights
        self._slept = 0.0

    def _runtime(self, name: str) -> Runtime:
        runtime = super()._runtime(name)
        wall = runtime.wall
        return replace(runtime, wall=lambda: wall() + self._slept + self.skews.get(name, 0.0))

    async def begin(self) -> None:
        """Let Alice and Bob meet; Bob leaves, and his relays are the operator's."""
        await self.relay_net(RELAYS)
        for name in ("alice", "bob"):
            await self.person(name)
        await self.friends("alice", "bob")
        await self.acknowledged("first")
        await self.until_inbox("bob", "alice", self.texts)
        self.operated = self.mailbox_relays("bob")
        await self.crash("bob")

    async def acknowledged(self, text: str) -> None:
        """Let Alice write, and wait until a relay has promised to keep it."""
        message = await self.send("alice", "bob", text)
        self.texts.append(text)

        async def promised() -> bool:
            found = await self.nodes["alice"].message(message.id)
            return found.state in {"sent", "delivered"}

        await self.until(promised)

    async def start_again(self, name: str, **settings: Any) -> None:
        """Start a relay of the operator with what was changed so far, and these changes."""
        self.settings[name] = self.settings.get(name, {}) | settings
        await self.relay(name, **self.settings[name])

    async def stop_relay(self, name: str) -> None:
        """Stop a relay as its operator does, and wait until it is gone."""
        relay = self.relays[name]
        relay.stop()
        await self.until(lambda: relay.status().state == "stopped")
        await self.crash(name)

    async def night(self) -> None:
        """Let everything stand still for as long as nights last, relays and people."""
        if not self._nights:
            return
        for name in (*self.relays, "alice"):
            await self.crash(name)
        self._slept += self._nights
        for name in sorted(self.relays):
            await self.start_again(name)
        await self.person("alice")

    def waiting(self) -> dict[str, int]:
        """Return how much mail each relay of the operator holds, by its database."""
        return {name: self.envelopes(name) for name in self.operated}

    def said(self, name: str, word: str) -> bool:
        """Tell whether a warning of a relay's status has a word."""
        return any(word in warning for warning in self.relays[name].status().warnings)


async def reload(month: Month) -> None:
    for name in month.operated:
        relay = month.relays[name]
        bootstraps = (*relay._settings.bootstraps, NOBODY)
        relay.reload(
            relay._settings.model_copy(update={"bootstraps": bootstraps, "family": "ours"})
        )
        assert month.said(name, "only after a restart: `family`")


async def change_ports(month: Month) -> None:
    """The relays are stopped and started again, so that nothing is cut off."""
    for name in month.operated:
        await month.stop_relay(name)
        await month.start_again(name, port=9_055)
        assert not month.said(name, "cut off")
        assert month.relays[name].status().port == 9_055


async def change_addresses(month: Month) -> None:
    """Another address, and one of IPv6 beside it; nobody listens at the old one."""
    for number, name in enumerate(month.operated, start=1):
        addresses = (f"192.0.2.{number}", f"[2001:db8::{number}]")
        for address in addresses:
            month.memory.add_address(name, address)
        await month.stop_relay(name)
        await month.start_again(name, host=addresses)
        assert f"@{addresses[0]}:9055" in month.relays[name].status().uri


def as_before(path: Path, migrations: tuple[str, ...]) -> None:
    """Write a database again as the version before would have written it."""
    old_path = path.with_name("old")
    with closing(open_database(old_path, migrations[:-1])) as old:
        old.execute("PRAGMA foreign_keys = OFF")
        old.execute("ATTACH ? AS new", (str(path),))
        tables = old.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            columns = [row[1] for row in old.execute(f"PRAGMA main.table_info({table})")]
            listed = ", ".join(f'"{column}"' for column in columns)
            old.execute(f"INSERT OR REPLACE INTO main.{table} SELECT {listed} FROM new.{table}")
        old.execute("DETACH new")
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    old_path.rename(path)


async def upgrade(month: Month) -> None:
    """The relay's files are those of the version before, one of them under its earlier name."""
    for name in month.operated:
        waited = month.envelopes(name)
        await month.crash(name)
        folder = month.folder / name
        as_before(folder / QUEUE_FILE, schema.MIGRATIONS)
        as_before(folder / directory_store.FILE_NAME, directory_store.MIGRATIONS)
        (folder / QUEUE_FILE).rename(folder / "queue-9001.db")
        (folder / f"{QUEUE_FILE}.ballast").rename(folder / "queue-9001.db.ballast")
        await month.start_again(name)
        assert not earlier_files.earlier_files(folder)
        assert month.relays[name].stats().mailbox["deliverable"] == waited


async def fill_disks(month: Month) -> None:
    """Somebody else takes the last byte: mail waits at its sender until there is room."""
    before = month.waiting()
    month.full.update(month.operated)
    message = await month.send("alice", "bob", "while full")
    month.texts.append("while full")
    await trio.sleep(60)
    assert (await month.nodes["alice"].message(message.id)).state == "queued"
    assert month.waiting() == before
    for name in month.operated:
        assert month.said(name, "no new mail can be stored: the disk of")
    month.full.clear()

    async def kept() -> bool:
        return (await month.nodes["alice"].message(message.id)).state == "sent"

    await month.until(kept)
    await month.until(lambda: not all(month.said(name, "no new mail") for name in month.operated))


async def set_clocks_wrong(month: Month) -> None:
    """Two hours ahead, and back: nothing expires, and the operator is told both times."""
    before = month.waiting()
    for name in month.operated:
        month.skews[name] = HOURS_OFF
    for name in month.operated:
        await month.until(lambda name=name: month.said(name, "clock is about 2 hours ahead"))  # type: ignore[misc]  # binds the loop variable
    assert month.waiting() == before
    month.skews.clear()
    for name in month.operated:
        await month.until(lambda name=name: not month.said(name, "clock"))  # type: ignore[misc]  # binds the loop variable
    assert month.waiting() == before


async def cut_the_power(month: Month) -> None:
    """In the middle of a write: half of a frame is at the end of the log."""
    for name in month.operated:
        boot, waited = month.relays[name].stats().boot, month.envelopes(name)
        await month.crash(name)
        log = month.folder / name / f"{QUEUE_FILE}-wal"
        with log.open("ab") as file:
            file.write(os.urandom(1000))
        await month.start_again(name)
        assert month.said(name, "cut off: a power cut")
        assert month.relays[name].stats().boot > boot
        assert month.envelopes(name) == waited


EVENTS = {
    reload: ["settings_reloaded"],
    change_ports: ["relay_starts"],
    change_addresses: ["relay_starts"],
    upgrade: ["queue_files_taken_over"],
    fill_disks: ["mail_cannot_be_stored", "mail_can_be_stored_again"],
    set_clocks_wrong: ["own_clock_seems_wrong", "own_clock_seems_right"],
    cut_the_power: ["relay_starts", "last_run_was_cut_off"],
}
STARTS: dict[Any, Callable[[int], dict[str, Any]]] = {
    change_ports: lambda _number: {"port": 9_055, "announced_port": 9_055},
    change_addresses: lambda number: {
        "host": f"192.0.2.{number},[2001:db8::{number}]",
        "announced_host": f"192.0.2.{number},[2001:db8::{number}]",
        "port": 9_055,
    },
}
"""What the line of each of their starts has to say, by their number."""
"""What happens, and what the log of each relay that it happens to has to say."""


@pytest.fixture
async def month(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Month]:
    async with trio.open_nursery() as nursery:
        found = Month(tmp_path, nursery, request.param)
        free_bytes = DiskSpace._free_bytes

        def free(space: DiskSpace) -> int:
            return 0 if space._ballast.parent.name in found.full else free_bytes(space)

        monkeypatch.setattr(DiskSpace, "_free_bytes", free)
        yield found
        nursery.cancel_scope.cancel()


@contextmanager
def heard() -> Iterator[list[Any]]:
    structlog.reset_defaults()
    with capture_logs() as logs:
        yield logs


@pytest.mark.parametrize(
    "month",
    [0.0, pytest.param(4 * DAY_SECONDS, marks=pytest.mark.long)],
    indirect=True,
    ids=["at once", "a month"],
)
async def test_no_acknowledged_mail_is_lost_and_each_event_is_said(
    month: Month, autojump_clock: Clock
) -> None:
    await month.begin()
    for number, (event, words) in enumerate(EVENTS.items()):
        await month.acknowledged(f"{number} before {event.__name__}")
        with heard() as logs:
            await event(month)
        events = [line["event"] for line in logs]
        for word in words:
            assert events.count(word) >= len(month.operated), (event.__name__, word, events)
        if event in STARTS:
            starts = [line for line in logs if line["event"] == "relay_starts"]
            for place, _ in enumerate(month.operated, start=1):
                wanted = STARTS[event](place).items()
                assert any(wanted <= line.items() for line in starts), (event.__name__, starts)
            assert "last_run_was_cut_off" not in events
        await month.acknowledged(f"{number} after {event.__name__}")
        await month.night()
    assert any(month.waiting().values())
    await month.crash("alice")
    await month.person("bob")
    await month.until_inbox("bob", "alice", month.texts)
    # What Bob confirms may lie at one of these relays too.
    await month.person("alice")
    await month.until(lambda: not any(month.waiting().values()))


@pytest.mark.parametrize("month", [0.0], indirect=True)
async def test_control_a_queue_that_is_lost_with_its_power_is_missed(
    month: Month, autojump_clock: Clock
) -> None:
    await month.begin()
    await month.acknowledged("before")
    for name in month.operated:
        await month.crash(name)
        for path in (month.folder / name).glob("queue*"):
            path.unlink()
        await month.start_again(name)
    await month.crash("alice")
    await month.person("bob")
    await trio.sleep(60)
    assert await month.inbox("bob", "alice") == ["first"]
