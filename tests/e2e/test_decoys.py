"""Look-ups for nobody: what the line of a strong node shows besides packets and polls."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.node.records import decoys
from zentalk.relay.connections import LinkHandlers
from zentalk.wire.rpc import decode_call
from zentalk.wire.rpc_directory import RECORD_GET
from zentalk.wire.rpc_prekeys import PREKEYS_TAKE
from zentalk.wire.rpc_send_ids import STATE

pytestmark = pytest.mark.e2e


async def asked_of_relays(
    world: World, monkeypatch: pytest.MonkeyPatch, profile: str
) -> Counter[str]:
    """Count what relays are asked while Alice, alone in the world, does nothing."""
    asked: Counter[str] = Counter()
    ask = LinkHandlers.request_received

    async def watched(inbound: LinkHandlers, connection: Any, body: bytes) -> bytes:
        asked[decode_call(body)[0]] += connection.peer.is_client
        return await ask(inbound, connection, body)

    monkeypatch.setattr(decoys, "MEAN_SECONDS", 300.0)
    await world.relay_net(4)
    await world.person("alice", profile=profile)
    monkeypatch.setattr(LinkHandlers, "request_received", watched)
    await trio.sleep(1200)
    return asked


async def test_a_strong_node_looks_itself_up_now_and_then(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await asked_of_relays(world, monkeypatch, "strong")
    assert asked[STATE] >= 1
    assert asked[RECORD_GET] >= asked[STATE]
    assert asked[PREKEYS_TAKE] == 0


async def test_control_in_other_profiles_only_look_ups_that_are_needed_show(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await asked_of_relays(world, monkeypatch, "balanced")
    assert asked[RECORD_GET] == asked[STATE] == 0
