"""A relay behind NAT or a proxy: it listens at one address and tells others another."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.config import RelaySettings, load_relay_settings, write_config
from zentalk.config.loading import validate
from zentalk.errors import ConfigError
from zentalk.net.splice import splice
from zentalk.net.transport import ByteStream
from zentalk.wire.text import format_relay_uri


async def serve_at(world: World, outside: tuple[str, int], inside: tuple[str, int]) -> None:
    """Carry connections from the announced address to where the relay listens."""
    host = world.memory.host(outside[0])
    listener = await host.listen(*outside)

    async def carry(stream: ByteStream, _source: str) -> None:
        await splice(stream, await host.dial(*inside))

    await listener.serve(carry)


async def test_others_are_told_the_announced_address_and_port(
    tmp_path: Path, autojump_clock: Clock
) -> None:
    async with trio.open_nursery() as nursery:
        world = World(tmp_path, nursery)
        await world.relay("r1")
        nursery.start_soon(serve_at, world, ("relay.example.org", 443), ("r2", 9001))
        relay = await world.relay(
            "r2", host="r2", announce_host="relay.example.org", announce_port=443, lanes=2
        )
        assert format_relay_uri(world.uris["r2"]).endswith("@relay.example.org:443")
        assert relay.status().port == 9001
        directory = world.relays["r1"]._wiring.directory  # type: ignore[union-attr]
        await world.until(lambda: directory.state.known.descriptor_of(relay.node_id))
        told = directory.state.known.descriptor_of(relay.node_id)
        assert told is not None
        assert told.host == "relay.example.org"
        assert [lane.port for lane in told.lanes] == [443, 444]
        nursery.cancel_scope.cancel()


def test_settings_are_read_back_as_written(tmp_path: Path) -> None:
    settings = RelaySettings(
        directory=tmp_path / "r", announce_host="relay.example.org", announce_port=443
    )
    write_config(settings)
    assert load_relay_settings(tmp_path / "r") == settings


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"announce_host": "no host"}, "announce_host"),
        ({"announce_port": 65535, "lanes": 2}, "announce_port"),
    ],
)
def test_what_cannot_be_announced_is_refused(
    tmp_path: Path, values: dict[str, object], names: str
) -> None:
    with pytest.raises(ConfigError, match=names):
        validate(RelaySettings, values | {"directory": tmp_path}, "config.toml")
