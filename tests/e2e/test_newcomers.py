"""K45: people who come to relays whose turns for new mailboxes are gone. Real work, few bits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.config import RelaySettings
from zentalk.errors import UnavailableError
from zentalk.mailbox.settings import MailboxSettings
from zentalk.node.mailboxes.prices import Prices
from zentalk.node.mailboxes.registration_work import RegistrationWork
from zentalk.relay import wiring
from zentalk.relay.storage import mailbox_settings

pytestmark = pytest.mark.e2e

GONE = {"saved_turns": 1, "mailbox_bits": 8, "full_mailbox_bits": 10}
"""One mailbox is free; every other waits for a turn of two minutes, and works for it."""


SLICE_SECONDS = 1.0
"""For 16,384 tries, which take real time too: some 21 bits within a turn."""


@pytest.fixture(autouse=True)
def work_takes_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing takes no virtual time, in which people would outbid each other for ever."""
    try_some = RegistrationWork._try_some

    async def slowly(self: RegistrationWork, *arguments: Any) -> None:
        await trio.sleep(SLICE_SECONDS)
        await try_some(self, *arguments)

    monkeypatch.setattr(RegistrationWork, "_try_some", slowly)


def turns(monkeypatch: pytest.MonkeyPatch, besieged: set[str], **limits: Any) -> None:
    """Let some relays have few turns for new mailboxes, and the others as many as usual."""

    def chosen(settings: RelaySettings) -> MailboxSettings:
        made = mailbox_settings(settings)
        return replace(made, **limits) if settings.directory.name in besieged else made

    monkeypatch.setattr(wiring, "mailbox_settings", chosen)


def refused(world: World, name: str) -> int:
    return int(world.relays[name].stats().mailbox.get("mailboxes_refused_work", 0))


async def test_k45_newcomers_work_for_their_mailboxes_and_write(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All relays are besieged, so everybody but the first works, waits for a turn and gets in."""
    turns(monkeypatch, {"r1", "r2", "r3", "r4"}, **GONE)
    await world.relay_net(4)
    for name in ("early", "alice", "bob"):
        await world.person(name, ready=False)
    with trio.fail_after(1_800):
        for name in ("early", "alice", "bob"):
            await world.nodes[name].ready()
    assert sum(refused(world, name) for name in world.relays) > 0
    await world.friends("alice", "bob")
    await world.until_state("alice", await world.send("alice", "bob", "hello"), "delivered")


async def test_k45_a_newcomer_goes_where_less_is_asked_for(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes to one of two besieged relays asks others, and takes two that are free."""
    turns(monkeypatch, {"r1", "r2"}, **GONE)
    await world.relay_net(5)
    for number in range(4):
        await world.person(f"early{number}")
    await world.person("alice")
    assert set(world.mailbox_relays("alice")) <= {"r3", "r4", "r5"}
    assert sum(refused(world, name) for name in ("r1", "r2")) > 0


@pytest.mark.slow
async def test_k45_control_a_node_that_asks_nobody_else_stays_where_work_is_asked_for(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_self: Prices, _relay: object, _bits: int) -> bool:
        await trio.lowlevel.checkpoint()
        return False

    monkeypatch.setattr(Prices, "is_cheaper_elsewhere", never)
    turns(monkeypatch, {"r1", "r2"}, **GONE)
    await world.relay_net(5)
    people = [f"early{number}" for number in range(5)]
    for name in people:
        await world.person(name)
    await trio.sleep(120)
    assert any({"r1", "r2"} & set(world.mailbox_relays(name)) for name in people[2:])


@pytest.mark.slow
async def test_k45_control_a_node_that_does_not_work_stays_outside(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def idle(_self: RegistrationWork, _mailbox: object, _bits: int) -> None:
        await trio.lowlevel.checkpoint()
        raise UnavailableError("no")

    monkeypatch.setattr(RegistrationWork, "reach", idle)
    turns(monkeypatch, {"r1", "r2", "r3"}, turn_seconds=10_000.0, **GONE)
    await world.relay_net(3)
    for name in ("early", "earlier", "earliest", "alice"):
        await world.person(name, ready=False)
    await trio.sleep(300)
    assert sum(node.mailboxes.connected() for node in world.nodes.values()) <= 3
