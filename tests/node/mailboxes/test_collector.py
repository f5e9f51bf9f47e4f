"""What a collector keeps for its relay, however much that pushes."""

from __future__ import annotations

from typing import Any, cast

from zentalk.net.runtime import Runtime
from zentalk.node.mailboxes.collector import Collector
from zentalk.node.mailboxes.receiver import MAX_WAITING
from zentalk.store.history.models import OwnMailbox


def test_what_is_deferred_is_bounded_and_named_once() -> None:
    """A relay that pushes one envelope for ever, or numbers without end, makes no list grow."""
    parts: Any = None
    mailbox = cast("OwnMailbox", None)
    collector = Collector(Runtime.virtual(1, 1_800_000_000.0), mailbox, parts, parts, parts, parts)
    for _ in range(3):
        collector.defer([7])
    assert len(collector._deferred) == 1
    for seq in range(3 * MAX_WAITING):
        collector.defer([seq])
    assert len(collector._deferred) == MAX_WAITING
