"""What a node makes of the fates of its packets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import trio
from trio.testing import MockClock

from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.node.packets.fates import PacketFates
from zentalk.node.relays.scores import RelayScores

GUARD, MIDDLE, DRAWN, END, OTHER = (NodeId(bytes([number]) * 32) for number in range(5))


async def test_a_packet_over_a_dead_relay_looks_lost_unless_it_is_the_end(
    autojump_clock: MockClock,
) -> None:
    scores = RelayScores()
    tunnels: Any = SimpleNamespace(scores=scores, links=None)
    relays: Any = None
    fates = PacketFates(60.0, Runtime.virtual(0, 0.0), tunnels, relays)
    for witness in (GUARD, OTHER):
        assert not fates.looks_lost((GUARD, MIDDLE, DRAWN, END))
        scores.unreachable(DRAWN, trio.current_time(), by=witness)
    assert fates.looks_lost((GUARD, MIDDLE, DRAWN, END))
    assert not fates.looks_lost((GUARD, MIDDLE, END, DRAWN))
