"""B4 and B7 over each way: TCP, WebSockets, and directly.

Times to live are those of relays and of what they are given, so no way changes them; here is shown
that none does. What a direct line carries waits nowhere: whoever is away has mail at relays, and
what is over by the time the line stands again goes over neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.scenarios.ways import DIRECT, WAYS, OneWay
from tests.e2e.world import World
from zentalk.ids import DAY_SECONDS
from zentalk.link.events import RequestReceived
from zentalk.net.connection import Connection
from zentalk.node.delivery import retry_schedule
from zentalk.node.direct.mail import DirectInbox
from zentalk.node.mailboxes.collector import Collector
from zentalk.store.history.models import StoredMessage
from zentalk.wire.rpc_direct import encode_mail_response

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
HOUR = 3600


@pytest.mark.parametrize("way", WAYS)
async def test_b4_what_is_over_comes_on_no_way_and_what_is_not_comes(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """First a message's own time is over, then that for which relays keep mail."""
    two = await OneWay.start(world, way, queue_ttl_seconds=2 * HOUR, sweep_seconds=600)
    await two.passes("before")
    await world.crash("bob")
    short = await left_behind(two, "one hour", HOUR)
    await left_behind(two, "thirty days", 30 * DAY_SECONDS)
    await trio.sleep(2 * HOUR)
    await two.person("bob")
    await world.until_inbox("bob", "alice", ["hello", "before", "thirty days"])
    await world.crash("bob")
    late = await left_behind(two, "late", 30 * DAY_SECONDS)
    assert sorted(world.holders()) == sorted(world.mailbox_relays("bob"))
    await trio.sleep(3 * HOUR)
    assert world.holders() == []
    await two.person("bob")
    await trio.sleep(60)
    texts = ["hello", "before", "thirty days"]
    assert await world.inbox("bob", "alice") == texts
    # Its sender has it, and deposits it again, as its own time is not over.
    monkeypatch.setattr(retry_schedule, "DAY_SECONDS", 60)
    await two.person("alice")
    await world.until_state("alice", late, "delivered")
    await two.passes("after")
    assert await world.inbox("bob", "alice") == [*texts, "late", "after"]
    assert (await world.nodes["alice"].message(short.id)).state == "failed"


async def left_behind(two: OneWay, text: str, seconds: int) -> StoredMessage:
    """Let Alice write what may wait so long, and leave when relays have it."""
    await two.world.crash("alice")
    await two.person("alice", message_ttl_seconds=seconds)
    message = await two.world.send("alice", "bob", text)
    await two.world.until_state("alice", message, "sent")
    await trio.sleep(60)  # the second mailbox has it, too
    await two.world.crash("alice")
    return message


class Repeats:
    """Says each ack twice, and all earlier ones with it; with `late` the earlier ones alone.

    Directly it is the answers of a line, else what a mailbox's owner tells a relay.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
        self.late = False
        self.said: dict[object, list[int]] = defaultdict(list)
        self._acknowledge, self._respond = Collector.acknowledge, Connection._respond
        if way == DIRECT:
            monkeypatch.setattr(Connection, "_respond", self._answer)
        else:
            monkeypatch.setattr(Collector, "acknowledge", self._tell)

    @property
    def _tell(self) -> Callable[[Collector, list[int]], None]:
        def acknowledge(collector: Collector, seqs: list[int]) -> None:
            earlier = self.said[collector]
            self._acknowledge(collector, [*earlier, *([] if self.late else 2 * seqs)])
            earlier += seqs

        return acknowledge

    @property
    def _answer(self) -> Callable[[Connection, RequestReceived], Awaitable[None]]:
        async def respond(connection: Connection, event: RequestReceived) -> None:
            if not isinstance(connection._handlers, DirectInbox):
                await self._respond(connection, event)
                return
            earlier = self.said[connection]
            for call_id in earlier:
                connection._traffic.respond(call_id, encode_mail_response())
            if not self.late:
                await self._respond(connection, event)
                connection._traffic.respond(event.call_id, encode_mail_response())
            connection._pump.wake()
            earlier.append(event.call_id)

        return respond


@pytest.mark.parametrize("way", WAYS)
async def test_b7_a_second_ack_changes_nothing_on_any_way(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    two = await OneWay.start(world, way)
    repeats = Repeats(monkeypatch, way)
    texts = [f"{number}" for number in range(5)]
    for text in texts:
        await two.passes(text)
    assert await world.inbox("bob", "alice") == ["hello", *texts]
    assert max(map(len, repeats.said.values())) >= len(texts), "no link ended meanwhile"
    # Nor does it stand for newer mail, which waits at a relay or goes to one.
    repeats.late = True
    before = two.deposited()
    message = await world.send("alice", "bob", "newer")
    await world.until_state("alice", message, "delivered")
    await trio.sleep(10)
    assert two.deposited() > before
    assert bool(world.holders()) == (way != DIRECT)
    repeats.late = False
    await world.crash("bob")
    await two.person("bob")
    await two.passes("last")
    assert await world.inbox("bob", "alice") == ["hello", *texts, "newer", "last"]
    await world.until(lambda: world.holders() == [], 60)
