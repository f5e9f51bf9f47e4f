"""K50: a mailbox relay pushes what its owner has read, again and again, for days."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.test_session_recovery import all_arrive, renewals
from tests.e2e.test_state import acquainted
from tests.e2e.world import World
from tests.strangers.replays import MailboxRelay
from zentalk.node.delivery.message_states import MessageStates
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.messages.confirmations import REPEAT_SECONDS
from zentalk.node.messages.effects import BestEffortInner
from zentalk.node.sessions.sessions import Sender

pytestmark = pytest.mark.e2e

EVERY_SECONDS = 120.0


class Watch:
    """What Bob encrypts, and what he sends that is not stored."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.encrypted = 0
        self.sent = 0
        encrypt, send = Sender.encrypt, Outbox.send_best_effort

        def encrypting(sender: Sender, content: bytes) -> Any:
            own = world.nodes["bob"]._messages._composer._sessions
            self.encrypted += sender._sessions is own
            return encrypt(sender, content)

        def sending(outbox: Outbox, one: BestEffortInner) -> None:
            self.sent += outbox is world.nodes["bob"]._outbox
            send(outbox, one)

        monkeypatch.setattr(Sender, "encrypt", encrypting)
        monkeypatch.setattr(Outbox, "send_best_effort", sending)


async def replayed(world: World, monkeypatch: pytest.MonkeyPatch, hours: float) -> Watch:
    """Bob has read six messages; a relay pushes one of them every two minutes, in turn."""
    await acquainted(world)
    relay = MailboxRelay(world.nodes["bob"]._parts.incoming.receiver, monkeypatch)
    for number in range(6):
        message = await world.send("alice", "bob", f"{number}")
        await world.until_state("alice", message, "delivered")
    await trio.sleep(2 * REPEAT_SECONDS)  # the acks of the confirmations are written down
    kept = relay.kept[:]
    watch = Watch(world, monkeypatch)
    for number in range(int(hours * 3_600 / EVERY_SECONDS)):
        await relay.push(kept[number % len(kept)])
        await trio.sleep(EVERY_SECONDS)
    return watch


async def test_k50_replays_cost_nothing_once_the_confirmations_have_arrived(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = await replayed(world, monkeypatch, 0.5)
    assert (watch.encrypted, watch.sent) == (0, 0)
    await all_arrive(world, "bob", "alice", ["still here"])
    assert await renewals(world, "bob", "alice") == await renewals(world, "alice", "bob") == 0


@pytest.mark.long
async def test_k50_replays_for_half_a_day_reset_nothing_and_later_messages_are_read(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = await replayed(world, monkeypatch, 12)
    assert (watch.encrypted, watch.sent) == (0, 0)
    await all_arrive(world, "bob", "alice", ["still here"])
    assert await renewals(world, "bob", "alice") == await renewals(world, "alice", "bob") == 0


async def test_k50_control_acks_that_are_not_noted_let_each_replay_send_once_a_minute(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MessageStates, "taken", lambda states, confirmation: None)
    watch = await replayed(world, monkeypatch, 0.5)
    assert watch.encrypted == 0
    assert watch.sent > 10
