"""Settings that change while a relay runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.relay.harness import Running, snapshot, world
from zentalk.config import RelaySettings
from zentalk.errors import ConfigError
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.relay.relay import Relay
from zentalk.wire.text import RelayUri

NOBODY = RelayUri(b"n" * 32, "nowhere", 9001)
OTHER = RelayUri(b"o" * 32, "nowhere-else", 9001)


def reload(running: Running, **changes: Any) -> None:
    running.relay.reload(running.relay._settings.model_copy(update=changes))


async def test_new_bootstraps_are_tried_at_once(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with world(tmp_path) as net:
        first = await net.start("r1")
        lonely = await net.start("r2", bootstraps=(NOBODY,))
        await trio.sleep(120)
        assert lonely.relay.stats().relays_known == 1, "the control: nobody finds it by itself"
        assert lonely.relay.status().warnings
        reload(lonely, bootstraps=(first.uri,))
        await trio.sleep(5)
        assert lonely.relay.stats().relays_known == 2
        assert lonely.relay.status().warnings == []


async def test_bootstraps_that_were_taken_out_are_not_tried_any_more(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as net:
        lonely = await net.start("r1", bootstraps=(NOBODY,))
        host = lonely.relay._network
        tried: list[str] = []
        dial = host.dial

        async def noted(name: str, port: int) -> Any:
            tried.append(name)
            return await dial(name, port)

        monkeypatch.setattr(host, "dial", noted)
        await trio.sleep(120)
        assert set(tried) == {"nowhere"}
        reload(lonely, bootstraps=(OTHER,))
        await trio.sleep(60)
        tried.clear()
        await trio.sleep(120)
        assert set(tried) == {"nowhere-else"}
        assert "none of the 1 relays" in lonely.relay.status().warnings[0]


async def test_a_lower_limit_of_connections_holds_for_new_ones(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1 = await net.start("r1")
        first = await net.client("a", "r1")
        second = await net.client("b", "r1")
        reload(r1, max_links=1)
        assert not first.closed.is_set()
        assert not second.closed.is_set()
        third = await net.client("c", "r1")
        await trio.sleep(1)
        assert r1.relay.stats().refused["evicted"] == 1, "one made room, as in a full relay"
        assert len(await snapshot(third)) == 1
        reload(r1, max_links=100)
        await net.client("d", "r1")
        assert r1.relay.stats().refused["evicted"] == 1


async def test_what_needs_a_restart_is_named_until_it_is_as_before(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1 = await net.start("r1")
        before = r1.relay._settings
        reload(r1, port=9055, lanes=2, max_links=50)
        (sentence,) = r1.relay.status().warnings
        assert sentence.endswith("after a restart: `port`, `lanes`")
        assert r1.uri.port == 9001
        r1.relay.reload(before)
        assert r1.relay.status().warnings == []


async def test_settings_that_cannot_be_used_change_nothing(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_few(_wanted: int, _besides: int) -> int:
        raise ConfigError("too few files")

    async with world(tmp_path) as net:
        r1 = await net.start("r1")
        before = r1.relay._settings
        monkeypatch.setattr("zentalk.relay.relay.connections_allowed", too_few)
        with pytest.raises(ConfigError, match="too few"):
            reload(r1, bootstraps=(NOBODY,), max_links=9)
        assert r1.relay._settings is before
        assert not r1.relay.wiring.directory.state.known.bootstraps


def test_before_it_runs(tmp_path: Path) -> None:
    settings = RelaySettings(directory=tmp_path, id_difficulty=0)
    relay = Relay(settings, Runtime.virtual(1, 0.0), MemoryNetwork().host("r"))
    with pytest.raises(ConfigError, match="not running"):
        relay.reload(settings)
