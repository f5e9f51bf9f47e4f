"""K43-K47, K49-K51 and K54 at once: what people notice while strangers try all that they can.

The attackers are the programs of tests/strangers. They have one host of four cores, a /48, 100 IPv4
addresses and some hostile relays. What is smaller than as shipped, so that few fill it as many fill
a real network, is in `SHORT`, `LONG` and `small_relays`; work is 2^12 times less on both sides.

The long form is an hour, not a day: with 30 relays and 100 people a virtual hour takes a busy core
1,600 s, and their start 340 s (measured over a quarter of an hour of attack). Its relays are three
quarters full of streams at the end, those of the short form full.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.siege import Siege, Size
from tests.e2e.world import World
from tests.strangers.mailboxes import Means
from zentalk.config import RelaySettings
from zentalk.ids import Day, MailboxId, NodeId
from zentalk.mailbox import newcomers
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.work import mailbox_worth
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
    relays=8,
    hostile=2,
    people=6,
    seconds=160,
    message_seconds=20,
    memory_bytes=16 * MIB,
    tunnels=3,
    means=Means(HOST_CORES * CORE // 8, TOP_BITS, 64),
    round_seconds=120,
    junk=2,
    copies=4,
    waits_seconds=60,
)
LONG_HOURS = 1.0
LONG = Size(
    relays=30,
    hostile=5,
    people=100,
    seconds=LONG_HOURS * 3600,
    message_seconds=300,
    memory_bytes=16 * MIB,
    tunnels=14,
    means=Means(HOST_CORES * CORE // 30, TOP_BITS, 64),
    round_seconds=300,
    news=100,
    copies=20,
    waits_seconds=300,
)
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
    assert all(one.refused["busy"] > 0 for one in stats)


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
    siege = await besieged(world, replace(SHORT, seconds=130))
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
async def test_k43_to_k54_all_at_once_for_an_hour_change_nothing_for_a_hundred_people(
    world: World, autojump_clock: Clock
) -> None:
    siege = await besieged(world, LONG)
    everybody_attacked(world, siege)
    people_go_on(world, siege)
    assert siege.outcome.newcomer_seconds is not None
    assert siege.outcome.newcomer_seconds <= TEN_MINUTES
