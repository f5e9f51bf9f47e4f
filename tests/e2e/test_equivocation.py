"""A relay whose key signs two descriptors for one epoch and boot is out, and is told so (K31)."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.cli import relay as commands
from zentalk.config import write_config
from zentalk.net.connection import NoHandlers
from zentalk.net.serve import connect
from zentalk.relay.standing import EXCLUDED
from zentalk.relay.status import read_status
from zentalk.store.key_file import load_identity
from zentalk.wire.descriptor import Lane, sign_descriptor
from zentalk.wire.rpc_directory import encode_equivocation

pytestmark = pytest.mark.e2e


async def report_second_descriptor(world: World, guilty: str, to: str) -> None:
    """Sign another descriptor with the key of `guilty`, as a thief or a copy of it would."""
    keys = world.relays[guilty]._keys
    assert keys is not None
    shown = keys.descriptor
    lanes = tuple(Lane(lane.port, bytes(31) + b"\x09", lane.next_mix_key) for lane in shown.lanes)
    key = load_identity(world.folder / guilty)
    second = sign_descriptor(key, replace(shown.body, lanes=lanes))
    uri = world.uris[to]
    async with trio.open_nursery() as nursery:
        link = await connect(
            await world.memory.host("witness").dial(uri.host, uri.port),
            network="local",
            relay_identity=uri.identity,
            handlers=NoHandlers(),
            runtime=world.runtime.for_part("witness"),
            nursery=nursery,
        )
        link.notify(encode_equivocation(shown.raw, second.raw))
        await trio.sleep(1)
        link.close()


async def test_k31_a_convicted_relay_is_out_everywhere_and_told_so(
    world: World, autojump_clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.relay_net(4)
    guilty = world.relays["r1"].node_id
    with capture_logs() as logs:
        await report_second_descriptor(world, "r1", to="r3")
        await trio.sleep(120)
    for name in ("r2", "r3", "r4"):
        assert world.relays[name].wiring.directory.state.known.descriptor_of(guilty) is None
        assert EXCLUDED not in read_status(world.folder / name).warnings
    # The others end its links as well, so that it may also be warned that it is alone.
    assert EXCLUDED in read_status(world.folder / "r1").warnings
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["relay_excluded"]
    write_config(world.relays["r1"]._settings)
    commands.status(world.folder / "r1", as_json=False)
    assert f"warning   {EXCLUDED}" in capsys.readouterr().out
    await world.crash("r1")
    await world.relay("r1")
    assert EXCLUDED in world.relays["r1"].status().warnings, "and still after a restart"


async def test_k31_control_without_a_report_nobody_is_warned(
    world: World, autojump_clock: Clock
) -> None:
    await world.relay_net(4)
    await trio.sleep(120)
    for name in world.relays:
        assert EXCLUDED not in read_status(world.folder / name).warnings
