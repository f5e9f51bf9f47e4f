"""Comparing sets with another relay while the clock moves on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import trio
from trio.testing import MockClock

from tests.relay.directory_net import Net, eventually, start
from zentalk.ids import EPOCH_SECONDS


async def test_an_epoch_that_turns_while_sets_are_compared_ends_nothing(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    net = Net(tmp_path)
    first, second = net.add(1), net.add(2, bootstraps=[1])
    async with trio.open_nursery() as nursery:
        start(nursery, first, second)
        await eventually(net.everyone_knows_everyone)
        now = second.runtime.wall()
        looks = iter([now, now])
        late = now + 3 * EPOCH_SECONDS
        crawler = second.service._tasks.crawler
        crawler._runtime = replace(crawler._runtime, wall=lambda: next(looks, late))
        await crawler.exchange(await second.links.dial(first.own.uri))
        nursery.cancel_scope.cancel()
