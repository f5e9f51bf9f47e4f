"""People who are removed or blocked, over a whole network: what each side sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.crypto.ed25519 import SigningKey
from zentalk.ids import UserAddress
from zentalk.net.runtime import seeded_entropy
from zentalk.node.mailboxes.collector import UPKEEP_SECONDS, Collector
from zentalk.node.mailboxes.manager import MailboxManager
from zentalk.relay.mailbox.service import MailboxService
from zentalk.wire.rpc_send_ids import SINKS

pytestmark = pytest.mark.e2e

TOLD_SECONDS = 5.0
"""Within these both mailbox relays know who is blocked; a look by itself may take ten minutes."""


def sunk(world: World) -> int:
    """Count what came under sinks at the relays, and that nothing of it is there."""
    found = 0
    for relay in world.relays:
        [[count, size]] = world.rows(
            relay, "SELECT count(*), coalesce(sum(size_bytes), 0) FROM envelope WHERE work = -2"
        )
        assert size == 0
        found += int(str(count))
    return found


async def friends(world: World) -> None:
    await world.relay_net(3)
    for name in ("alice", "bob"):
        await world.person(name)
    await world.friends("alice", "bob")
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        first = await world.send(sender, reader, "hello")
        await world.until_state(sender, first, "delivered")


async def test_k51_a_blocked_contact_sees_sent_and_is_heard_again_once_unblocked(
    world: World, autojump_clock: Clock
) -> None:
    await friends(world)
    alice, bob = world.nodes["alice"], world.nodes["bob"]
    assert (await bob.block(alice.address)).state == "blocked"
    dropped = await world.send("alice", "bob", "why?")
    await world.until_state("alice", dropped, "sent")
    await trio.sleep(300)
    assert (await alice.message(dropped.id)).state == "sent"
    await bob.unblock(alice.address)
    heard = await world.send("alice", "bob", "thanks")
    await world.until_state("alice", heard, "delivered")
    await world.until_inbox("bob", "alice", ["hello", "thanks"])
    [*_, last] = await bob.messages(alice.address)
    assert (last.text, last.missing) == ("thanks", 1)


async def test_k51_a_blocked_contact_gets_acks_as_from_somebody_who_is_away(
    world: World, autojump_clock: Clock
) -> None:
    await friends(world)
    alice, bob = world.nodes["alice"], world.nodes["bob"]
    await bob.block(alice.address)
    await trio.sleep(TOLD_SECONDS)
    first = await world.send("alice", "bob", "why?")
    await world.until_state("alice", first, "sent")
    assert sunk(world) >= 1
    more = [await world.send("alice", "bob", f"{number}") for number in range(20)]
    for message in more:
        await world.until_state("alice", message, "sent")
    await trio.sleep(60)
    assert await world.inbox("bob", "alice") == ["hello"]
    await bob.unblock(alice.address)
    await trio.sleep(TOLD_SECONDS)
    assert sunk(world) == 0
    heard = await world.send("alice", "bob", "thanks")
    await world.until_state("alice", heard, "delivered")

    async def is_shown() -> bool:
        return "thanks" in await world.inbox("bob", "alice")

    await world.until(is_shown)  # after half a minute without what was sent before


async def test_k51_control_without_word_from_the_owner_sinks_begin_at_the_next_look(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MailboxManager, "look_again", lambda _self: None)
    await friends(world)
    await world.nodes["bob"].block(world.nodes["alice"].address)
    await trio.sleep(TOLD_SECONDS)
    first = await world.send("alice", "bob", "why?")
    await world.until_state("alice", first, "sent")
    assert sunk(world) == 0
    await trio.sleep(UPKEEP_SECONDS)
    second = await world.send("alice", "bob", "hello?")
    await world.until_state("alice", second, "sent")
    assert sunk(world) >= 1


async def asked_while_polling(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Block in profile `strong`; count requests for sinks soon after it, and by the next look."""
    asked = [0]
    known = MailboxService.requests

    def counting(service: MailboxService) -> Mapping[str, Any]:
        methods = dict(known(service))
        sinks = methods[SINKS]

        async def count(*request: Any) -> Any:
            asked[0] += 1
            return await sinks(*request)

        return methods | {SINKS: count}

    monkeypatch.setattr(MailboxService, "requests", counting)
    await world.relay_net(3)
    await world.person("alice")
    bob = await world.person("bob", profile="strong")
    await world.friends("alice", "bob")
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        message = await world.send(sender, reader, "hello")
        await world.until_state(sender, message, "delivered")
    await bob.block(world.nodes["alice"].address)
    await trio.sleep(TOLD_SECONDS)
    soon = asked[0]
    await trio.sleep(UPKEEP_SECONDS)
    return [soon, asked[0]]


async def test_k51_in_profile_strong_no_request_shows_the_moment_of_blocking(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await asked_while_polling(world, monkeypatch) == [0, 2]


async def test_k51_control_a_collector_that_looks_at_once_there_too_shows_it(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Collector, "look_again", lambda self: self._due.set())
    assert await asked_while_polling(world, monkeypatch) == [2, 2]


async def test_a_relay_without_sinks_keeps_what_a_blocked_contact_sends_to_be_dropped(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = MailboxService.requests

    def earlier(service: MailboxService) -> Mapping[str, Any]:
        return {method: call for method, call in known(service).items() if method != SINKS}

    monkeypatch.setattr(MailboxService, "requests", earlier)
    await friends(world)
    alice, bob = world.nodes["alice"], world.nodes["bob"]
    await bob.block(alice.address)
    await trio.sleep(UPKEEP_SECONDS)
    dropped = await world.send("alice", "bob", "why?")
    await world.until_state("alice", dropped, "sent")
    await trio.sleep(60)
    assert (sunk(world), await world.inbox("bob", "alice")) == (0, ["hello"])
    await bob.unblock(alice.address)
    heard = await world.send("alice", "bob", "thanks")
    await world.until_state("alice", heard, "delivered")


async def test_a_removed_contact_is_forgotten_and_asks_again(
    world: World, autojump_clock: Clock
) -> None:
    await friends(world)
    alice, bob = world.nodes["alice"], world.nodes["bob"]
    await world.crash("alice")
    await bob.send_text(alice.address, "are you there?")
    await bob.remove(alice.address)
    assert (await bob.contacts(), await bob.messages(alice.address)) == ([], [])
    await world.person("alice")
    again = await world.send("alice", "bob", "it is me")
    await world.until_inbox("bob", "alice", ["it is me"])
    [request] = await bob.contacts()
    assert request.state == "request"
    await world.send("bob", "alice", "who?")
    await world.until_state("alice", again, "delivered")
    assert (await world.inbox("alice", "bob"))[-1] == "who?"


async def test_k51_a_refused_stranger_is_told_nothing(world: World, autojump_clock: Clock) -> None:
    await world.relay_net(3)
    for name in ("alice", "bob"):
        await world.person(name)
    first = await world.send("alice", "bob", "it is me")
    await world.until_inbox("bob", "alice", ["it is me"])
    await world.nodes["bob"].refuse(world.nodes["alice"].address)
    second = await world.send("alice", "bob", "please")
    await world.until_state("alice", second, "sent")
    await trio.sleep(300)
    states = [(await world.nodes["alice"].message(one.id)).state for one in (first, second)]
    assert (states, await world.inbox("bob", "alice")) == (["sent", "sent"], [])


async def test_nobody_is_looked_for_any_more_who_was_removed(
    world: World, autojump_clock: Clock
) -> None:
    await world.relay_net(3)
    alice = await world.person("alice")
    nobody = UserAddress(SigningKey.generate(seeded_entropy(b"nobody")).public)
    await alice.send_text(nobody, "hello?")
    wanted = alice._parts.delivery.recipients.wanted
    await trio.sleep(30)
    assert nobody in wanted
    await alice.remove(nobody)
    await trio.sleep(90)
    assert (nobody in wanted, len(alice._outbox)) == (False, 0)
    await alice.send_text(nobody, "hello again?")
    await trio.sleep(5)
    assert nobody in wanted
