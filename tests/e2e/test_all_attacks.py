"""K43-K47, K49-K51 and K54 at once: what people notice while strangers try all that they can.

The others of that table take nothing from anybody: K48 and K55 only look, K52 is on the owner's own
machine, and in K53 relays refuse. The attackers are the programs of tests/strangers. They have one
host of four cores, a /48, 100 IPv4 addresses and 5 hostile relays. What is smaller than as shipped,
so that few fill it as many fill a real network, is in `SHORT`, `LONG` and `small_relays`; work is
2^12 times less on both sides.

The long form is a day (`LONG_HOURS`), with 30 relays and 100 people; 49 pairs write every half an
hour. In it strangers keep what they hold and go their rounds every 20 minutes: each hour it is
looked whether relays are still full and refuse them. Three more things are not as shipped, which
would cost a day of virtual time most of its hours of a core: a record has 8 holders and not 20 (two
thirds of these relays), pings of many links leave at one moment, and of the four links of a tunnel
the last one pings for the others.

A day takes 2 hours and 20 minutes of a core: the start 150 seconds, a virtual minute 5 to 6; pings
are most of it.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.siege import Siege, Size
from tests.e2e.world import World
from tests.strangers.ground import TOGETHER_SECONDS, RoundedKeepalive
from tests.strangers.mailboxes import Means
from zentalk.config import RelaySettings
from zentalk.directory import distance
from zentalk.ids import Day, MailboxId, NodeId
from zentalk.link.keepalive import PING_SECONDS
from zentalk.link.link import Link
from zentalk.mailbox import newcomers
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.work import mailbox_worth
from zentalk.net.pump import Pump
from zentalk.node.mailboxes import registration_work
from zentalk.node.mailboxes.registration_work import RegistrationWork
from zentalk.relay import wiring
from zentalk.relay.links.stream_shares import StreamShares
from zentalk.relay.storage import mailbox_settings
from zentalk.wire.deposit import Stamp

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MIB = 2**20
TOP_BITS = 10
"""Of work for a mailbox when all turns are gone: 22 as shipped."""
CORE = 2_000_000 // 2**12
"""Hashes a second of one core, scaled as the bits are."""
HOST_CORES = 4
SEND_ID_ROOM = 500
FEW_STREAMS = 64
"""At each relay of the short form, where `memory_bytes` would allow 128."""
SHORT = Size(
    relays=10,
    hostile=5,
    people=6,
    seconds=160,
    message_seconds=20,
    memory_bytes=16 * MIB,
    tunnels=4,
    means=Means(HOST_CORES * CORE // 8, TOP_BITS, 64),
    round_seconds=120,
    refill_seconds=120,
    junk=2,
    copies=4,
    waits_seconds=60,
)
CONTROL = replace(SHORT, relays=8, hostile=2, tunnels=3, seconds=130)
MORE_STREAMS = 80
"""The same in the long form, whose people have two tunnels each over four relays."""
LONG_HOURS = 24.0
LONG = Size(
    relays=30,
    hostile=5,
    people=100,
    seconds=LONG_HOURS * 3600,
    message_seconds=1800,
    memory_bytes=16 * MIB,
    tunnels=8,
    means=Means(HOST_CORES * CORE // 30, TOP_BITS, 64),
    round_seconds=1200,
    refill_seconds=180,
    news=100,
    copies=20,
    waits_seconds=7200,
)
FULL_SHARE = 0.85
"""Of all room for streams, the least that is taken in each hour of the long form: people's short
tunnels take some from the attackers, who take it back every `refill_seconds`."""
LEAST_MESSAGES = 2000
"""Of the long form: of fewer, 99 in a hundred say little."""
INNERMOST = 3
"""The depth of the last link of a tunnel in a full network."""
FEW_HOLDERS = 2
"""For each of a record's four points, in the long form: 5 as shipped, so that two thirds of its 30
relays would hold each record."""
TEN_MINUTES = 600.0
DISK_BYTES = 24 * MIB
"""Of one relay's folder: its databases begin with some megabytes, which are kept for later."""


@pytest.fixture(autouse=True)
def small_relays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let relays have few turns and little room, and let a node's work take it its time."""

    def chosen(settings: RelaySettings) -> MailboxSettings:
        return replace(
            mailbox_settings(settings),
            saved_turns=8,
            mailbox_bits=8,
            full_mailbox_bits=TOP_BITS,
            max_total_send_ids=SEND_ID_ROOM,
        )

    async def timed(work: RegistrationWork, search: Any, task: bytes) -> None:
        await trio.sleep(1)
        await attempt(work, search, task)

    attempt = RegistrationWork._try_some
    monkeypatch.setattr(wiring, "mailbox_settings", chosen)
    monkeypatch.setattr(RegistrationWork, "_try_some", timed)
    monkeypatch.setattr(registration_work, "_SLICE", CORE)
    monkeypatch.setattr(registration_work, "BITS_AT_ONCE", TOP_BITS)


@pytest.fixture
def few_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let relays have room for so many streams that the attackers' tunnels fill it."""
    monkeypatch.setattr(StreamShares, "_room", lambda _: FEW_STREAMS)


@pytest.fixture
def more_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let relays have as much room as the attackers of the long form fill."""
    monkeypatch.setattr(StreamShares, "_room", lambda _: MORE_STREAMS)


@pytest.fixture
def pings_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let people's links ping at the same times, and those around a tunnel's last one later.

    As shipped each pings after the same silence, all four of a tunnel at once; here the answer to
    the last one comes before it is the others' turn, as it passes through them.
    """

    def built(pump: Pump, link: Link, *arguments: Any, **settings: Any) -> None:
        build(pump, link, *arguments, **settings)
        if link.is_initiator and link.traffic.fixed_units:
            later = 0 if link.depth == INNERMOST else 2 * TOGETHER_SECONDS
            pump._keepalive = RoundedKeepalive(pump.last_activity, PING_SECONDS + later)

    build = Pump.__init__
    monkeypatch.setattr(Pump, "__init__", built)


@pytest.fixture
def few_holders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let records have so few holders for 30 relays as 20 are for many."""
    monkeypatch.setattr(distance, "HOLDERS_PER_POINT", FEW_HOLDERS)


def a_graphics_card(siege: Siege, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let relays believe that the maker of mailboxes did more work than anybody can."""

    def granted(relay: NodeId, mailbox: MailboxId, stamp: Stamp, today: Day) -> int:
        mine = mailbox in siege.maker.mailboxes
        return 64 if mine else mailbox_worth(relay, mailbox, stamp, today)

    monkeypatch.setattr(newcomers, "mailbox_worth", granted)


def everybody_attacked(world: World, siege: Siege) -> None:
    """All the programs ran, and what they could use up was used up."""
    assert siege.maker.made > 4 * len(world.relays)
    assert siege.maker.send_ids > SEND_ID_ROOM
    assert siege.flooder.sent > 0
    assert siege.people.asked > 0
    assert sum(relay.replayed for relay in siege.hostile) > 0
    assert all(relay.stats().refused["handshake"] > 0 for relay in world.relays.values())


def relays_were_full(world: World) -> None:
    stats = [relay.stats() for relay in world.relays.values()]
    assert sum(one.streams for one in stats) > 0.9 * FEW_STREAMS * len(stats)
    assert all(one.refused.get("busy", 0) > 0 for one in stats)


def nobody_gave_up(siege: Siege) -> None:
    """In each hour every attacker went on, and relays were full and refused them."""
    assert len(siege.looks) == int(LONG_HOURS)
    for before, after in pairwise(siege.looks):
        assert after.streams > FULL_SHARE * MORE_STREAMS * siege.size.relays
        idle = [what for what, times in after.tries.items() if times <= before.tries[what]]
        assert idle == []


def people_go_on(world: World, siege: Siege) -> None:
    """What is promised of contacts, of mailboxes, and of relays."""
    outcome = siege.outcome
    assert outcome.in_time >= 0.99
    assert outcome.away_seconds is not None
    assert outcome.away_seconds <= TEN_MINUTES
    assert outcome.lost == []
    assert siege.private == [[], []], "nobody dialled what is nobody's business"
    for name, relay in world.relays.items():
        assert relay.stats().memory_bytes <= siege.size.memory_bytes
        assert relay.stats().relays_known == len(world.relays), "and none that is made up"
        assert folder_bytes(world.folder / name) <= DISK_BYTES


def folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


async def besieged(world: World, size: Size) -> Siege:
    siege = Siege(world, size)
    await siege.settle()
    await siege.live()
    return siege


@pytest.mark.usefixtures("few_streams")
async def test_k43_to_k54_all_at_once_change_nothing_for_people(
    world: World, autojump_clock: Clock
) -> None:
    siege = await besieged(world, SHORT)
    everybody_attacked(world, siege)
    relays_were_full(world)
    people_go_on(world, siege)
    assert siege.outcome.newcomer_seconds is not None
    assert siege.outcome.newcomer_seconds <= TEN_MINUTES


@pytest.mark.usefixtures("few_streams")
async def test_k43_to_k54_control_without_shares_of_streams_the_same_people_are_shut_out(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StreamShares, "_evict", lambda *_: False)
    siege = await besieged(world, CONTROL)
    assert siege.outcome.newcomer_seconds is None
    assert siege.outcome.away_seconds is None
    assert siege.outcome.lost == [siege.names[-1]]


@pytest.mark.long
@pytest.mark.usefixtures("few_streams")
async def test_k43_to_k54_with_a_graphics_card_only_newcomers_wait(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They wait as long as it works at every relay, and no longer (ADR 0015)."""
    siege = Siege(world, replace(SHORT, means=Means(0, TOP_BITS, 64), seconds=300))
    a_graphics_card(siege, monkeypatch)
    await siege.settle()
    await siege.live()
    people_go_on(world, siege)
    assert siege.outcome.newcomer_seconds is None
    await world.until(lambda: world.nodes["new"].mailboxes.connected() == 2, TEN_MINUTES)


@pytest.mark.long
@pytest.mark.usefixtures("more_streams", "few_holders", "pings_together")
async def test_k43_to_k54_all_at_once_for_a_day_change_nothing_for_a_hundred_people(
    world: World, autojump_clock: Clock
) -> None:
    siege = await besieged(world, LONG)
    people_go_on(world, siege)
    everybody_attacked(world, siege)
    nobody_gave_up(siege)
    assert len(siege.outcome.seconds) >= LEAST_MESSAGES
    assert siege.outcome.newcomer_seconds is not None
    assert siege.outcome.newcomer_seconds <= TEN_MINUTES


@pytest.mark.long
@pytest.mark.usefixtures("more_streams", "few_holders", "pings_together")
async def test_k43_to_k54_with_a_graphics_card_for_a_day_only_newcomers_wait(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    siege = Siege(world, replace(LONG, means=Means(0, TOP_BITS, 64)))
    a_graphics_card(siege, monkeypatch)
    await siege.settle()
    await siege.live()
    people_go_on(world, siege)
    everybody_attacked(world, siege)
    nobody_gave_up(siege)
    assert len(siege.outcome.seconds) >= LEAST_MESSAGES
    assert siege.outcome.newcomer_seconds is None
    await world.until(lambda: world.nodes["new"].mailboxes.connected() == 2, TEN_MINUTES)
