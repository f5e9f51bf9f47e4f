"""At which relays a node takes mailboxes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.node.mailboxes import Mailboxes
from zentalk.wire.descriptor import ROLE_MAILBOX

RELAYS = [NodeId(bytes([number]) * 32) for number in range(6)]


def choose(seed: int, *, suspects: set[NodeId], known: set[NodeId]) -> list[NodeId]:
    network: Any = SimpleNamespace(
        descriptors=lambda: {relay: SimpleNamespace(roles=ROLE_MAILBOX) for relay in RELAYS},
        guards=lambda: (RELAYS[4],),
        suspects=lambda: frozenset(suspects),
    )
    nothing: Any = None
    runtime = Runtime.virtual(seed, 1_800_000_000.0)
    chooser = Mailboxes(runtime, nothing, nothing, network, nothing, nothing, lambda: None)
    return chooser._choose(taken=set(), known=known)


def test_relays_that_look_dead_come_after_guards_and_before_those_that_were_left() -> None:
    for seed in range(20):
        suspects = set(RELAYS[:3])
        assert choose(seed, suspects=suspects, known={RELAYS[5]}) == [RELAYS[3], RELAYS[4]]
        assert set(choose(seed, suspects=set(RELAYS), known=set())).isdisjoint({RELAYS[4]})
        last = choose(seed, suspects=set(RELAYS[:5]), known=set(RELAYS[1:]))
        assert last[0] == RELAYS[0]


def test_control_without_suspicion_any_relay_may_be_drawn() -> None:
    drawn = {relay for seed in range(20) for relay in choose(seed, suspects=set(), known=set())}
    assert drawn == set(RELAYS) - {RELAYS[4]}
