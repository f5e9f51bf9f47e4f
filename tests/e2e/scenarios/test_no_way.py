"""D3, D4: no relay is there, or none answers. It is said where and why, and mail is kept."""

from __future__ import annotations

import socket

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock as Clock

from tests.e2e.scenarios.common import acquainted, arrives, back, said, silence, until_kept
from tests.e2e.world import World
from zentalk.errors import ConnectFailedError, DeadlineError
from zentalk.net.memory import HostNetwork
from zentalk.net.serve import HANDSHAKE_SECONDS
from zentalk.net.transport import CONNECT_SECONDS, ByteStream
from zentalk.node.messages.reasons import Reason
from zentalk.relay.mailbox.service import MailboxService

pytestmark = pytest.mark.e2e

RELAYS = ("r1", "r2", "r3")
UNREACHED = "relay_not_reached"


async def test_d3_without_a_configured_relay_mail_is_kept_and_goes_once_there_is_one(
    world: World, autojump_clock: Clock
) -> None:
    await world.relay_net(3)
    bob = await world.person("bob")
    alice = await world.person("alice", ready=False, bootstraps=())
    message = await alice.send_text(bob.address, "hello")
    await until_kept(world, message, Reason.NO_RELAYS)
    assert "only 0 relays are known; at least 3 are needed" in alice.status().notes
    await world.crash("alice")
    alice = await world.person("alice")  # the same folder, with bootstraps in its configuration
    await bob.add_contact(alice.address, "alice")
    await arrives(world, message, ["hello"])


async def test_d3_a_relay_that_is_down_is_named_with_the_reason_and_mail_goes_later(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    with capture_logs() as log:
        await silence(world, *RELAYS)
        message = await world.send("alice", "bob", "later")
        await until_kept(world, message, Reason.NOT_CONNECTED)
        await trio.sleep(300)
    guards = {place for place, _ in said(log, UNREACHED)}
    assert guards
    assert said(log, UNREACHED) == {(place, "nobody listens there") for place in guards}
    assert guards <= {f"{name}:9001" for name in RELAYS}
    lines = [line for line in log if line["event"] == UNREACHED]
    assert len(lines) <= 2 * len(RELAYS), "of each node once for each relay, not at every try"
    [note] = [note for note in world.nodes["alice"].status().notes if "no relay is con" in note]
    assert "cannot connect to r" in note
    assert ":9001: nobody listens there" in note
    await back(world, *RELAYS)
    await arrives(world, message, ["hello", "later"])


async def test_d3_a_name_that_does_not_resolve_is_said_and_mail_goes_once_it_does(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alice resolves names herself, as in a network that takes public addresses only."""
    resolve, is_down = HostNetwork.resolve, True

    async def resolved(network: HostNetwork, host: str) -> list[str]:
        if is_down and network.name == "alice":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return await resolve(network, host)

    monkeypatch.setattr(HostNetwork, "resolve", resolved)
    await world.relay_net(3)
    bob = await world.person("bob")
    with capture_logs() as log:
        alice = await world.person("alice", ready=False, private_addresses=False)
        message = await alice.send_text(bob.address, "hello")
        await until_kept(world, message, Reason.NO_RELAYS)
    assert said(log, UNREACHED) == {
        ("r1:9001", "its name does not resolve"),
        ("r2:9001", "its name does not resolve"),
    }
    is_down = False
    await bob.add_contact(alice.address, "alice")
    await arrives(world, message, ["hello"])


async def test_d4_a_relay_that_does_not_answer_is_given_up_after_ten_seconds(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    alice = world.nodes["alice"]
    await world.crash("alice")
    for name in RELAYS:
        world.memory.cut("alice", name)
    began = trio.current_time()
    with pytest.raises(ConnectFailedError, match=r"^cannot connect to r1:9001: no answer$"):
        await world.memory.host("alice").dial("r1", 9001)
    assert trio.current_time() - began == CONNECT_SECONDS == 10
    with capture_logs() as log:
        alice = await world.person("alice", ready=False)
        message = await world.send("alice", "bob", "later")
        await until_kept(world, message, Reason.NOT_CONNECTED)
        await trio.sleep(CONNECT_SECONDS)
    assert {reason for _, reason in said(log, UNREACHED)} == {"no answer"}
    assert not alice._network.connected_guards()
    for name in RELAYS:
        world.memory.mend("alice", name)
    await arrives(world, message, ["hello", "later"])


async def test_d4_a_relay_that_does_not_acknowledge_within_five_seconds_is_hung_up_on(
    world: World, autojump_clock: Clock, nursery: trio.Nursery
) -> None:
    """A client registers at a relay by the handshake of its link: nothing is sent before that."""
    await acquainted(world)
    await silence(world, *RELAYS)
    held: list[float] = []

    async def say_nothing(stream: ByteStream, _host: str) -> None:
        began = trio.current_time()
        while await stream.receive_some(65_536):
            pass
        held.append(trio.current_time() - began)

    listeners = []
    for name in RELAYS:
        world.memory.revive(name)
        listeners.append(await world.memory.host(name).listen(name, 9001))
        nursery.start_soon(listeners[-1].serve, say_nothing)
    with capture_logs() as log:
        message = await world.send("alice", "bob", "later")
        await until_kept(world, message, Reason.NOT_CONNECTED)
        await trio.sleep(60)
    assert ("the handshake was not finished in time") in {
        reason for _, reason in said(log, UNREACHED)
    }
    assert held
    assert set(map(round, held)) == {HANDSHAKE_SECONDS} == {5}
    for listener in listeners:
        await listener.aclose()
    await back(world, *RELAYS)
    await arrives(world, message, ["hello", "later"])


async def test_d4_a_mailbox_that_is_not_acknowledged_is_given_up_and_nothing_is_lost(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who collects a mailbox registers by `mail.open`: over three links, so in ten seconds."""
    await acquainted(world)
    await world.crash("bob")
    open_mailbox, waited = MailboxService.open, list[float]()

    async def unanswered(*_asked: object) -> None:
        began = trio.current_time()
        try:
            await trio.sleep_forever()
        finally:  # its link has ended
            waited.append(trio.current_time() - began)

    monkeypatch.setattr(MailboxService, "open", unanswered)
    with capture_logs() as log:
        bob = await world.person("bob", ready=False)
        message = await world.send("alice", "bob", "later")
        await world.until_state("alice", message, "sent")
        await trio.sleep(60)
    assert bob.status().mailboxes == 0
    assert said(log, "mailbox_not_collected") == {
        (0, "the peer did not answer in time"),
        (1, "the peer did not answer in time"),
    }
    assert waited
    assert all(seconds == pytest.approx(10, abs=1.5) for seconds in waited)
    monkeypatch.setattr(MailboxService, "open", open_mailbox)
    await arrives(world, message, ["hello", "later"])


async def test_d4_a_question_that_is_not_answered_is_an_error_of_its_own(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await acquainted(world)
    alice = world.nodes["alice"]
    link = alice._network._links.link(alice._network.connected_guards()[0])
    assert link is not None
    for name in RELAYS:
        world.memory.cut("alice", name)
    with pytest.raises(DeadlineError, match=r"^the peer did not answer in time$"):
        await link.request(b"anything", timeout_seconds=5)
