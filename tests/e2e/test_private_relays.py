"""D15: three relays for everybody and one for those who hold a token of it."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.node.relays.access import RelayAccess
from zentalk.relay.access.doorkeeper import Doorkeeper, Visitor
from zentalk.relay.access.files import write_tokens
from zentalk.relay.access.tokens import GivenToken
from zentalk.wire.text import AccessToken

pytestmark = pytest.mark.e2e

GIVEN = GivenToken("friends", 0, b"f" * 32)
TOLD = "takes only those who have a token of it"


def private(world: World, *given: GivenToken, name: str = "r4") -> None:
    """Let a relay be for those who hold one of these tokens."""
    relay = world.relays[name]
    settings = relay._settings.model_copy(update={"private": ("links", "mailboxes")})
    write_tokens(settings.directory, relay.node_id, given)
    relay.reload(settings)


async def private_net(world: World) -> AccessToken:
    await world.relay_net(4)
    private(world, GIVEN)
    return AccessToken(world.relays["r4"].node_id, GIVEN.secret)


async def notes(world: World, name: str) -> str:
    await trio.lowlevel.checkpoint()
    return "\n".join(world.nodes[name].status().notes)


async def test_d15_whoever_has_no_token_is_told_and_goes_elsewhere(
    world: World, autojump_clock: Clock
) -> None:
    await private_net(world)
    people = ["alice", "carol", "dave"]
    for name in people:
        await world.person(name)
    await trio.sleep(60)
    r4 = world.relays["r4"]
    for name in people:
        assert "r4" not in world.mailbox_relays(name)
        assert r4.node_id not in world.nodes[name]._network.guards()
    stats = r4.stats()
    assert stats.refused["access"] + stats.mailbox.get("mailboxes_refused_access", 0) >= 1
    assert stats.mailbox.get("mailboxes_made", 0) == 0
    told = [name for name in people if TOLD in await notes(world, name)]
    assert told
    assert "r4:9001" in await notes(world, told[0])
    await world.friends("alice", "carol")
    message = await world.send("alice", "carol", "over the others")
    await world.until_state("alice", message, "delivered")


async def test_d15_whoever_has_a_token_has_a_mailbox_there_and_keeps_it_when_it_is_revoked(
    world: World, autojump_clock: Clock
) -> None:
    token = await private_net(world)
    guards = (world.uris["r1"], world.uris["r2"])
    await world.person("alice")
    await world.person("bob", access_tokens=(token,), guards=guards)
    assert "r4" in world.mailbox_relays("bob")
    r4 = world.relays["r4"]
    assert r4.stats().access_tokens_used == 1
    assert r4.stats().mailbox["mailboxes_made"] == 1
    await world.friends("alice", "bob")
    await world.until_state("alice", await world.send("alice", "bob", "one"), "delivered")
    assert TOLD not in await notes(world, "bob")
    refused = r4.stats().refused.get("access", 0)
    private(world)
    assert r4.stats().access_tokens_used == 0
    assert r4.stats().refused["access"] == refused + 1, "the tunnel of the token ended"
    await world.until(lambda: world.nodes["bob"].mailboxes.listing()[0].collected)
    await trio.sleep(120)
    assert "r4" in world.mailbox_relays("bob")
    assert all(row.collected for row in world.nodes["bob"].mailboxes.listing())
    await world.until_state("alice", await world.send("alice", "bob", "two"), "delivered")


async def test_d15_a_private_guard_is_shown_the_token_once_it_asks(
    world: World, autojump_clock: Clock
) -> None:
    token = await private_net(world)
    pinned = (world.uris["r4"],)
    await world.person("bob", access_tokens=(token,), guards=pinned)
    r4 = world.relays["r4"]
    assert world.nodes["bob"]._network.connected_guards() == (r4.node_id,)
    assert r4.stats().refused["access"] >= 1, "the first link had shown nothing"
    await world.person("alice", guards=pinned, ready=False)
    await trio.sleep(60)
    said = await notes(world, "alice")
    assert f"the relay at r4:9001 {TOLD}: ask its operator" in said
    assert "`access_tokens` in config.toml" in said
    private(world)  # it is taken back
    await trio.sleep(60)
    assert "does not take the access token that you have of it" in await notes(world, "bob")


async def test_control_a_node_that_does_not_listen_asks_again_and_again(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await private_net(world)
    refused = world.relays["r4"].stats().refused

    async def tries(name: str) -> int:
        before = world.relays["r4"].stats().refused.get("access", 0)
        await world.person(name, guards=(world.uris["r4"],), ready=False)
        await trio.sleep(600)
        return world.relays["r4"].stats().refused["access"] - before

    assert "access" not in refused
    assert await tries("alice") <= 4, "its own, and those of three relays that look after r4"
    monkeypatch.setattr(RelayAccess, "left", lambda *_: False)
    assert await tries("bob") > 15


async def test_d15_a_network_of_nothing_but_private_relays(
    world: World, autojump_clock: Clock
) -> None:
    """Relays let each other in, and a node needs a token of each that it uses directly."""
    await world.relay_net(4)
    for name in world.relays:
        private(world, GIVEN, name=name)
    tokens = [AccessToken(relay.node_id, GIVEN.secret) for relay in world.relays.values()]
    for name in ("alice", "bob"):
        await world.person(name, access_tokens=tuple(tokens))
    await world.friends("alice", "bob")
    await world.until_state("alice", await world.send("alice", "bob", "one"), "delivered")
    await world.crash("r1")
    await world.relay("r1", private=("links", "mailboxes"))
    await trio.sleep(120)
    await world.until_state("alice", await world.send("alice", "bob", "two"), "delivered")
    await world.person("eve", ready=False)
    await trio.sleep(120)
    assert TOLD in await notes(world, "eve")
    assert world.nodes["eve"].status().guards_connected == 0


async def test_a_token_is_shown_where_mail_is_collected_and_on_no_other_tunnel(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Questions of one person must not be known to be of one person."""
    token = await private_net(world)
    shown: list[tuple[int, bool]] = []
    admit = Doorkeeper.admit

    def noted(self: Doorkeeper, link: Visitor, source: str) -> bool:
        if link.peer.is_client and self is world.relays["r4"].wiring.doorkeeper:
            shown.append((link.depth, bool(link.peer.access_proof)))
        return admit(self, link, source)

    monkeypatch.setattr(Doorkeeper, "admit", noted)
    guards = (world.uris["r1"], world.uris["r2"])
    node = await world.person("bob", access_tokens=(token,), guards=guards)
    assert any(depth and proof for depth, proof in shown), "the control: it collects there"
    shown.clear()
    async with node._network.tunnels.short(token.relay) as tunnel:
        await trio.sleep(1)
        assert tunnel.is_open
    assert {proof for depth, proof in shown if depth} == {False}
    assert not any(proof for depth, proof in shown if not depth), "r4 is no guard of his"
