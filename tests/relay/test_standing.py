"""A relay that is alone says so, in the log once and in the status for as long as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.relay.harness import world
from zentalk.relay.standing import CUT_OFF, CUT_OFF_SHOWN_SECONDS, Standing
from zentalk.relay.status import STATUS_FILE
from zentalk.wire.text import RelayUri

NOBODY = RelayUri(b"n" * 32, "nowhere", 9001)
Logs = list[Any]


@pytest.fixture
def logs() -> Iterator[Logs]:
    structlog.reset_defaults()
    with capture_logs() as found:
        yield found


def events(logs: Logs, *names: str) -> list[str]:
    return [line["event"] for line in logs if line["event"] in names]


OWN_PLACE = {"host", "port", "announced_host", "announced_port"}
CHANGES = ("no_bootstrap_answers", "joined_the_network", "lost_the_network")


async def test_a_relay_that_reaches_no_bootstrap_says_so_and_keeps_trying(
    autojump_clock: MockClock, tmp_path: Path, logs: Logs
) -> None:
    async with world(tmp_path) as net:
        first = await net.start("r1")
        await net.crash("r1")
        lonely = await net.start("r2", bootstraps=(first.uri, NOBODY))
        await trio.sleep(30)
        (sentence,) = lonely.relay.status().warnings
        assert "none of the 2 relays in `bootstraps` answers" in sentence
        assert "keeps trying" in sentence
        assert events(logs, *CHANGES) == ["no_bootstrap_answers"]
        await net.start("r1", bootstraps=())
        await trio.sleep(60)
        assert lonely.relay.status().warnings == []
        assert events(logs, *CHANGES) == ["no_bootstrap_answers", "joined_the_network"]


async def test_control_one_bootstrap_that_answers_is_enough(
    autojump_clock: MockClock, tmp_path: Path, logs: Logs
) -> None:
    async with world(tmp_path) as net:
        first = await net.start("r1")
        second = await net.start("r2", bootstraps=(NOBODY, first.uri))
        await trio.sleep(120)
        assert second.relay.status().warnings == first.relay.status().warnings == []
        assert events(logs, *CHANGES) == ["joined_the_network"]


async def test_a_relay_that_loses_everybody_says_so_until_one_is_back(
    autojump_clock: MockClock, tmp_path: Path, logs: Logs
) -> None:
    async with world(tmp_path) as net:
        _r1, r2 = await net.start_all("r1", "r2")
        assert r2.relay.status().warnings == []
        await net.crash("r1")
        await trio.sleep(300)
        (sentence,) = r2.relay.status().warnings
        assert "no other relay answers any more" in sentence
        assert events(logs, "lost_the_network") == ["lost_the_network"]
        await net.start("r1", bootstraps=())
        await trio.sleep(300)
        assert r2.relay.status().warnings == []
        assert events(logs, *CHANGES)[-1] == "joined_the_network"


async def test_the_log_tells_of_start_and_end_and_names_nobody_else(
    autojump_clock: MockClock, tmp_path: Path, logs: Logs
) -> None:
    async with world(tmp_path) as net:
        r1, _ = await net.start_all("r1", "r2")
        await net.stop("r2")
        names = ("relay_starts", "joined_the_network", "relay_draining", "relay_stopped")
        assert events(logs, *names) == ["relay_starts", *names]
        start = next(line for line in logs if line["event"] == "relay_starts")
        assert (start["host"], start["port"]) == ("r1", 9001)
        assert (start["announced_host"], start["announced_port"]) == ("r1", 9001)
        assert start["network"] == "local"
        assert start["max_links"] == 4096
        assert start["memory_bytes"] == 256 * 2**20
        text = repr([line for line in logs if line["event"] != "relay_starts"])
        for start in (line for line in logs if line["event"] == "relay_starts"):
            text += repr([start[key] for key in start.keys() - OWN_PLACE])
        assert r1.node_id.hex() not in repr(logs)
        assert "9001" not in text
        assert "'r1'" not in text
        assert "'r2'" not in text


async def test_the_start_names_where_it_listens_and_what_it_announces(
    autojump_clock: MockClock, tmp_path: Path, logs: Logs
) -> None:
    hosts = ("192.0.2.7", "[2001:db8::7]")
    outside: dict[str, Any] = {"announce_host": hosts, "announce_port": 443}
    async with world(tmp_path) as net:
        await net.start("r1", **outside)
        (start,) = (line for line in logs if line["event"] == "relay_starts")
        assert (start["host"], start["port"]) == ("r1", 9001)
        assert start["announced_host"] == "192.0.2.7,[2001:db8::7]"
        assert start["announced_port"] == 443


async def test_a_run_that_was_cut_off_is_said_at_the_next_start_and_for_a_day(
    autojump_clock: MockClock, tmp_path: Path, logs: Logs
) -> None:
    async with world(tmp_path) as net:
        await net.start("r1")
        await net.crash("r1")
        again = await net.start("r1")
        assert events(logs, "last_run_was_cut_off") == ["last_run_was_cut_off"]
        assert again.relay.status().warnings == [CUT_OFF]
        await trio.sleep(CUT_OFF_SHOWN_SECONDS + 1)
        assert again.relay.status().warnings == []


async def test_control_a_relay_that_was_stopped_was_not_cut_off(
    autojump_clock: MockClock, tmp_path: Path, logs: Logs
) -> None:
    async with world(tmp_path) as net:
        for _ in range(2):
            found = await net.start("r1")
            assert found.relay.status().warnings == []
            await net.stop("r1")
        assert events(logs, "last_run_was_cut_off") == []


@pytest.mark.parametrize("content", [b"", b"{"])
async def test_a_status_that_is_damaged_was_cut_off_too(
    autojump_clock: MockClock, tmp_path: Path, content: bytes
) -> None:
    async with world(tmp_path) as net:
        await net.start("r1")
        await net.stop("r1")
        (tmp_path / "r1" / STATUS_FILE).write_bytes(content)
        assert (await net.start("r1")).relay.status().warnings == [CUT_OFF]


def test_bootstraps_that_the_network_has_forgotten(logs: Logs) -> None:
    standing = Standing(2)
    standing.bootstraps_seen(any_live=False)
    assert standing.warnings == [], "before it has joined, the other warning says it"
    standing.reached(5)
    standing.bootstraps_seen(any_live=True)
    assert standing.warnings == []
    for _ in range(2):
        standing.bootstraps_seen(any_live=False)
    (sentence,) = standing.warnings
    assert "knows none of the relays in `bootstraps`" in sentence
    standing.bootstraps_seen(any_live=True)
    assert standing.warnings == []
    assert events(logs, "bootstraps_are_gone", "bootstraps_are_back") == [
        "bootstraps_are_gone",
        "bootstraps_are_back",
    ]


def test_the_first_relay_of_a_network_looks_for_nobody(logs: Logs) -> None:
    standing = Standing(0)
    standing.no_bootstrap_answered()
    standing.bootstraps_seen(any_live=False)
    assert standing.warnings == []
    assert logs == []
