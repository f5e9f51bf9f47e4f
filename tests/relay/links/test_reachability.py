"""A relay that nobody dials says so; one that is reached, or knows too few others, does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import structlog
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.relay.harness import START, World, world
from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.relay.links.reachability import (
    ENOUGH_RELAYS,
    LATELY_SECONDS,
    LOOK_SECONDS,
    MAX_UNVERIFIED,
    Reachability,
)

NAMES = [f"r{number}" for number in range(ENOUGH_RELAYS + 1)]
WORD = "nobody_dials_this_relay"


class Line:
    is_open = True


def node(number: int) -> NodeId:
    return NodeId(number.to_bytes(32))


def behind_nat(net: World, name: str) -> None:
    """Let nobody dial a host, which itself dials whom it likes."""
    reach = net.network._join

    def join(source: str, target: str, port: int) -> Any:
        return None if target == name else reach(source, target, port)

    net.network._join = join  # type: ignore[method-assign]


async def test_a_relay_behind_a_closed_port_says_so_after_an_hour(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    structlog.reset_defaults()
    async with world(tmp_path) as net:
        reach = net.network._join
        with capture_logs() as logs:
            await net.start_all(*NAMES[:-1])
            behind_nat(net, NAMES[-1])
            shut = await net.start(NAMES[-1])
            # The others know nothing of it: none has reached it.
            for _ in range(300):
                if net._knows(shut, len(NAMES)):
                    break
                await trio.sleep(1)
            await trio.sleep(LATELY_SECONDS / 2)
            assert shut.relay.status().warnings == []
            await trio.sleep(LATELY_SECONDS / 2 + 120)
            (sentence,) = shut.relay.status().warnings
            assert sentence.startswith(
                f"no other relay has dialled this one for an hour, though it knows {ENOUGH_RELAYS}"
            )
            assert "cannot be seen from here" in sentence
            assert shut.relay.status().counters["dialled_by"] == 0
            for name in NAMES[:-1]:  # the control: same hour, same network, ports open
                others = net.relays[name].relay.status()
                assert others.warnings == []
                assert others.counters["dialled_by"] >= 1
            net.network._join = reach  # type: ignore[method-assign]
            # Links that were made from there serve both sides for as long as they are used.
            for _ in range(int(LATELY_SECONDS / LOOK_SECONDS)):
                await trio.sleep(LOOK_SECONDS)
                if not shut.relay.status().warnings:
                    break
        assert shut.relay.status().warnings == []
        assert shut.relay.status().counters["dialled_by"] >= 1
        seen = [line["event"] for line in logs if "dial" in line["event"]]
        assert seen == [WORD, "others_dial_this_relay_again"]


@pytest.mark.parametrize("others", [0, ENOUGH_RELAYS - 1])
async def test_too_few_others_mean_nothing(autojump_clock: MockClock, others: int) -> None:
    reachability = Reachability(Runtime.virtual(1, START), lambda: others, lambda _: True)
    await trio.sleep(2 * LATELY_SECONDS)
    reachability.look()
    assert reachability.warnings == []


async def test_a_link_that_stays_open_counts_and_its_end_begins_the_hour(
    autojump_clock: MockClock,
) -> None:
    reachability = Reachability(Runtime.virtual(1, START), lambda: ENOUGH_RELAYS, lambda _: True)
    line = Line()
    reachability.dialled_by(node(1), line)
    for _ in range(3):
        await trio.sleep(LATELY_SECONDS)
        reachability.look()
        assert (reachability.count, reachability.warnings) == (1, [])
    line.is_open = False
    reachability.look()
    assert (reachability.count, reachability.warnings) == (0, [])
    await trio.sleep(LATELY_SECONDS)
    reachability.look()
    assert len(reachability.warnings) == 1
    reachability.dialled_by(node(2), Line())
    reachability.look()
    assert (reachability.count, reachability.warnings) == (1, [])


async def test_strangers_that_say_to_be_relays_end_no_silence_and_take_no_room(
    autojump_clock: MockClock,
) -> None:
    known = node(0)
    reachability = Reachability(
        Runtime.virtual(1, START), lambda: ENOUGH_RELAYS, lambda one: one == known
    )
    await trio.sleep(LATELY_SECONDS)
    for number in range(1, 2 * MAX_UNVERIFIED):
        reachability.dialled_by(node(number), Line())
    reachability.look()
    assert (reachability.count, len(reachability.warnings)) == (0, 1)
    assert len(reachability._dialled) == MAX_UNVERIFIED
    reachability.dialled_by(known, Line())
    reachability.look()
    assert (reachability.count, reachability.warnings) == (1, [])
