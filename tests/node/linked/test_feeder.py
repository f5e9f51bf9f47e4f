"""What a replica has said is done in transactions that keep nobody waiting for long."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from tests.node.persons import NOW, Person
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.linked.feeder import TAKEN_AT_ONCE, Feeder
from zentalk.node.linked.owner_writes import OwnerWrites
from zentalk.store.history import links
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.links import LinkRole, LinkRow

LINK = LinkRow(b"l" * 8, LinkRole.REPLICA, NOW, NOW + 600, None, b"f" * 16, None, 0, None)


def test_of_much_that_a_replica_has_said_only_some_is_done_at_once(tmp_path: Path) -> None:
    alice = Person(tmp_path, "alice")
    feeder = Feeder(
        Runtime.virtual(1, NOW),
        cast("HistoryDatabase", None),
        alice.composer,
        cast("Outbox", None),
        cast("OwnerWrites", None),
    )
    for _ in range(TAKEN_AT_ONCE + 3):
        alice.tx(lambda tx: links.put_inbox(tx, b"?"))
    for left in (3, 0):
        alice.tx(lambda tx: feeder._take_in(LINK, NOW, tx))
        assert alice.tx(links.inbox_count) == left
    alice.close()
