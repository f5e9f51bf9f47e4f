"""What leaves over a relay that looks dead is sent again soon: it says nothing of its mailbox."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.node.delivery.test_outbox import item, outbox_over
from tests.node.delivery.test_outbox_restarts import MIDDLE, OverRelays
from zentalk.ids import NodeId


class OverDeadRelays(OverRelays):
    """The first packets go over a middle that looks dead."""

    lost = 3

    def looks_lost(self, hops: tuple[NodeId, ...]) -> bool:
        return MIDDLE in hops and len(self.times) <= self.lost


@pytest.mark.parametrize(
    ("lost", "times"), [(3, [0, 1.5, 3, 4.5, 6, 9]), (0, [0, 1.5, 4.5])], ids=["lost", "control"]
)
async def test_its_retries_do_not_grow_rarer(
    autojump_clock: MockClock, lost: int, times: list[float]
) -> None:
    doubles = OverDeadRelays()
    doubles.lost = lost
    doubles.items = {1: item(1)}
    outbox, began = outbox_over(doubles), trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        outbox.add(doubles.items.values())
        await trio.sleep(10)
        nursery.cancel_scope.cancel()
    assert [round(time - began, 2) for time in doubles.times] == times
