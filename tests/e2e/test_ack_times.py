"""K20 as a promise of the whole program: a stranger's acks do not tell whether an owner is there.

The stranger is somebody with a node of her own and the settings that it comes with: she writes to
two people who do not know her, and looks at nothing but when the relays acknowledge.
"""

from __future__ import annotations

import statistics

import pytest
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.mailbox.acks import AckSchedule

pytestmark = pytest.mark.e2e

MESSAGES = 8
"""To each of them: fewer than after which strangers are asked for work."""
ON_THE_WAY_SECONDS = 0.5
"""More than packets and acks take between hosts that are 10 ms apart."""


async def times_of_acks(world: World) -> dict[str, list[float]]:
    """Return how long the acks for messages to Alice, who is there, and Bob, who is not, took."""
    await world.relay_net(5)
    for name in ("alice", "bob", "mallory"):
        await world.person(name)
    for name in ("alice", "bob"):  # what is slow at first: records, keys, mailboxes
        await world.until_state("mallory", await world.send("mallory", name, "hello"), "sent")
    await world.crash("bob")
    found: dict[str, list[float]] = {"alice": [], "bob": []}
    for number in range(MESSAGES):
        for name, times in found.items():
            message = await world.send("mallory", name, f"{number}")
            await world.until_state("mallory", message, "sent")
            times.append(await waited(world, message.id))
    return found


async def waited(world: World, message_id: str) -> float:
    """Return the seconds from the writing of a message to its ack, by Mallory's event log."""
    events = await world.nodes["mallory"].events(0, 1000)
    own = [event for event in events if event.data.get("id") == message_id]
    created = next(event.at for event in own if event.type == "message.created")
    sent = next(event.at for event in own if event.data.get("state") == "sent")
    return sent - created


async def test_k20_a_stranger_cannot_tell_by_acks_whether_an_owner_is_there(
    world: World, autojump_clock: Clock
) -> None:
    found = await times_of_acks(world)
    for times in found.values():
        assert min(times) >= 4.0
        assert max(times) <= 6.0 + ON_THE_WAY_SECONDS
    # Both are drawn evenly from two seconds: three sigma of the difference of two means.
    there, away = (statistics.mean(times) for times in found.values())
    assert abs(there - away) < 3 * (2 / 12**0.5) * (2 / MESSAGES) ** 0.5


async def test_k20_control_without_drawn_times_acks_leave_when_mail_is_safe(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So what is measured is when acks leave. Public mail is safe before it is pushed (K49)."""

    def at_once(self: AckSchedule, now: float) -> list[object]:
        ready = [item for item in self._heap if item[3].safe]
        self._heap = [item for item in self._heap if not item[3].safe]
        return [item[2] for item in ready]

    def safe_or_drawn(self: AckSchedule) -> float | None:
        return min((0.0 if item[3].safe else item[0] for item in self._heap), default=None)

    monkeypatch.setattr(AckSchedule, "due", at_once)
    monkeypatch.setattr(AckSchedule, "next_deadline", safe_or_drawn)
    found = await times_of_acks(world)
    assert all(max(times) < 1.0 for times in found.values())
