"""A relay that is private, as strangers, guests and banned people meet it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.relay.harness import Owner, Running, World, snapshot, world
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import ConfigError, LinkClosedError, RefusedError
from zentalk.ids import SendId
from zentalk.link.hello import ClientCredentials
from zentalk.net.connection import Connection
from zentalk.net.runtime import seeded_entropy
from zentalk.relay import connections as connections_module
from zentalk.relay.access.bans import Ban, range_of
from zentalk.relay.access.files import TOKENS_FILE, write_bans, write_tokens
from zentalk.relay.access.tokens import GivenToken
from zentalk.wire.frames import Hello
from zentalk.wire.rpc_mailbox import decode_price_response, encode_price_request

BOTH = ("links", "mailboxes")
FRIEND = GivenToken("friend", 0, b"f" * 32)
OTHER = GivenToken("other", 0, b"o" * 32)
GUEST = ClientCredentials(FRIEND.secret)


def reload(
    running: Running, *given: GivenToken, bans: tuple[Ban, ...] = (), **changes: Any
) -> None:
    relay = running.relay
    write_tokens(relay._settings.directory, relay.node_id, given)
    write_bans(relay._settings.directory, bans)
    relay.reload(relay._settings.model_copy(update=changes))


async def private(net: World, name: str = "r1", *given: GivenToken, **changes: Any) -> Running:
    running = await net.start(name)
    reload(running, *given, **changes)
    return running


async def ended(link: Connection) -> str:
    with trio.fail_after(5):
        await link.closed.wait()
    return link.left_because


def owner(name: str) -> Owner:
    return Owner(SigningKey.generate(seeded_entropy(name.encode())))


async def price(link: Connection) -> int:
    return decode_price_response(await link.request(encode_price_request()))


async def test_d15_links_are_for_those_who_hold_a_token_and_others_are_told(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1 = await private(net, "r1", FRIEND, private=BOTH)
        guest = await net.ground.client("a", "r1", hello=GUEST)
        assert len(await snapshot(guest)) == 1
        stranger = await net.client("b", "r1")
        assert await ended(stranger) == "access"
        wrong = await net.ground.client("c", "r1", hello=ClientCredentials(OTHER.secret))
        assert await ended(wrong) == "access"
        stats = r1.relay.stats()
        assert stats.refused["access"] == 2
        assert (stats.access_tokens, stats.access_tokens_used) == (1, 1)
        assert not guest.closed.is_set()


async def test_control_an_open_relay_takes_anybody(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1 = await private(net, "r1", FRIEND)
        assert len(await snapshot(await net.client("b", "r1"))) == 1
        wrong = await net.ground.client("c", "r1", hello=ClientCredentials(OTHER.secret))
        assert len(await snapshot(wrong)) == 1
        assert r1.relay.stats().access_tokens_used == 0


async def test_a_stranger_can_do_nothing_before_it_is_told(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """What comes in one piece with the hello is not looked at."""
    async with world(tmp_path) as net:
        r1 = await private(net, "r1", FRIEND, private=("links",))
        await net.start("r2")
        await net.settle(2)
        assert r1.relay.stats().relay_links == 1, "relays are let in"

        def packet() -> bytes:
            return net.deposit(net.hops("r1", "r2"), SendId(b"s" * 16), b"x")

        stranger = await net.client("b", "r1")
        stranger.send_packet(packet())
        with pytest.raises(LinkClosedError):
            await snapshot(stranger)
        await trio.sleep(5)
        assert r1.relay.stats().forwarded == 0
        guest = await net.ground.client("a", "r1", hello=GUEST)
        guest.send_packet(packet())
        await trio.sleep(5)
        assert r1.relay.stats().forwarded == 1, "the control"


async def replayed(net: World, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """Let a friend open a link, and somebody else show the proof that was seen there."""
    r1 = await private(net, "r1", FRIEND, private=("links",))
    guest = await net.ground.client("a", "r1", hello=GUEST)
    await snapshot(guest)
    (served,) = r1.relay.wiring.connections.open
    hello = Hello(proof=served.peer.access_proof)
    monkeypatch.setattr("zentalk.link.link.make_hello", lambda _credentials, _hash: hello)
    return await net.client("thief", "r1")


async def test_a_proof_from_one_link_does_not_open_another(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as net:
        assert await ended(await replayed(net, monkeypatch)) == "access"


async def test_control_without_the_handshake_hash_it_would(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zentalk.link.noise.HandshakeState.hash", property(lambda _self: b"same"))
    async with world(tmp_path) as net:
        thief = await replayed(net, monkeypatch)
        assert len(await snapshot(thief)) == 1


async def tunnelled(net: World, host: str, hello: ClientCredentials | None = None) -> Connection:
    """Come to r1 over r2, as people come to their mailboxes."""
    link = await net.ground.client(host, "r2")
    return await net.ground.tunnel(link, ["r1"], hello=hello)


async def test_d15_new_mailboxes_are_for_those_who_hold_a_token(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1 = await net.start("r1")
        await net.start("r2")
        await net.settle(2)
        early, guest, late = owner("early"), owner("guest"), owner("late")
        link = await tunnelled(net, "a")
        await early.open(link, r1)
        link.close()
        reload(r1, FRIEND, private=("mailboxes",))
        await guest.open(await tunnelled(net, "b", GUEST), r1)
        refused = await tunnelled(net, "c")
        with pytest.raises(RefusedError) as caught:
            await late.open(refused, r1)
        assert caught.value.reason == "access"
        assert not refused.closed.is_set(), "the link stays: it may ask other things"
        with pytest.raises(RefusedError) as caught:
            await price(refused)
        assert caught.value.reason == "access"
        await early.open(await tunnelled(net, "d"), r1)  # the one that was there stays
        mailbox = r1.relay.stats().mailbox
        assert mailbox["mailboxes_refused_access"] == 1
        assert mailbox["mailboxes_made"] == 2


async def test_a_holder_waits_for_no_turn_and_does_no_work(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1 = await net.start("r1")
        await net.start("r2")
        await net.settle(2)
        reload(r1, FRIEND)
        core = r1.relay.wiring.mailboxes._driver._core
        assert core is not None
        core._newcomers._taken = 500.0  # every turn is taken
        stranger = await tunnelled(net, "a")
        assert await price(stranger) > 0
        with pytest.raises(RefusedError, match="work"):
            await owner("stranger").open(stranger, r1)
        guest = await tunnelled(net, "b", GUEST)
        assert await price(guest) == 0
        taken = core._newcomers._taken
        await owner("guest").open(guest, r1)
        assert core._newcomers._taken == taken, "strangers' turns are theirs"


async def test_a_revoked_token_ends_its_links_and_its_collection_and_nobody_elses(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1 = await net.start("r1")
        await net.start("r2")
        await net.settle(2)
        reload(r1, FRIEND, OTHER, private=BOTH)
        friend = await net.ground.client("a", "r1", hello=GUEST)
        other = await net.ground.client("b", "r1", hello=ClientCredentials(OTHER.secret))
        collecting = await tunnelled(net, "c", GUEST)
        guest = owner("guest")
        await guest.open(collecting, r1)
        assert r1.relay.stats().access_tokens_used == 2
        reload(r1, FRIEND, OTHER)
        await trio.sleep(5)
        assert friend.is_open, "the control: what changes nothing ends nothing"
        reload(r1, OTHER)
        assert await ended(friend) == "access"
        assert await ended(collecting) == "access"
        await trio.sleep(5)
        assert other.is_open
        assert r1.relay.stats().access_tokens_used == 1
        assert await ended(await net.ground.client("a", "r1", hello=GUEST)) == "access"
        await guest.open(await tunnelled(net, "c"), r1)  # the mailbox is there


async def test_a_new_token_of_the_same_name_is_another_token(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1 = await private(net, "r1", FRIEND, private=BOTH)
        link = await net.ground.client("a", "r1", hello=GUEST)
        reload(r1, GivenToken(FRIEND.name, 0, b"n" * 32))
        assert await ended(link) == "access"


async def test_tokens_in_use_are_those_of_links_that_are_open(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1 = await private(net, "r1", FRIEND)
        other = await net.ground.client("a", "r1", hello=ClientCredentials(OTHER.secret))
        link = await net.ground.client("b", "r1", hello=GUEST)
        await snapshot(link)
        assert r1.relay.stats().access_tokens_used == 1
        reload(r1, FRIEND, OTHER)
        assert r1.relay.stats().access_tokens_used == 2, "a token may come after its link"
        assert other.is_open
        link.close()
        await trio.sleep(5)
        assert r1.relay.stats().access_tokens_used == 1


@pytest.mark.parametrize("is_banned", [True, False])
async def test_a_banned_relay_is_no_neighbour(
    autojump_clock: MockClock, tmp_path: Path, is_banned: bool
) -> None:
    """Control: one that is not banned is."""
    async with world(tmp_path) as net:
        r1 = await private(net)
        reload(r1, bans=(Ban(range_of("192.0.2.7" if is_banned else "192.0.2.8")),))
        links = r1.relay.wiring.links
        registered: list[Connection] = []
        register = links.register

        def noted(link: Connection) -> None:
            registered.append(link)
            register(link)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(links, "register", noted)
            await net.start("192.0.2.7")
            await trio.sleep(30)
        assert bool(registered) is not is_banned


async def test_links_of_strangers_end_when_a_relay_becomes_private(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1 = await private(net, "r1", FRIEND)
        stranger, guest = (
            await net.client("a", "r1"),
            await net.ground.client("b", "r1", hello=GUEST),
        )
        reload(r1, FRIEND, private=("links",))
        assert await ended(stranger) == "access"
        assert guest.is_open
        assert r1.relay.status().warnings == []


async def test_rules_that_cannot_be_read_change_nothing(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1 = await private(net, "r1", FRIEND)
        (tmp_path / "r1" / TOKENS_FILE).write_bytes(b"[")
        settings = r1.relay._settings
        with pytest.raises(ConfigError, match="is damaged"):
            r1.relay.reload(settings.model_copy(update={"private": BOTH, "max_links": 7}))
        assert r1.relay._settings is settings
        assert len(await snapshot(await net.client("a", "r1"))) == 1


async def test_d5_a_banned_address_is_told_and_no_other_is_refused(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1 = await private(net)
        here, there = await net.client("192.0.2.7", "r1"), await net.client("192.0.3.7", "r1")
        reload(r1, bans=(Ban(range_of("192.0.2.0/24")),))
        assert await ended(here) == "banned"
        assert await ended(await net.client("192.0.2.8", "r1")) == "banned"
        assert there.is_open
        assert len(await snapshot(await net.client("192.0.3.8", "r1"))) == 1
        assert r1.relay.stats().refused["banned"] == 2
        reload(r1)
        assert len(await snapshot(await net.client("192.0.2.7", "r1"))) == 1


async def test_a_token_is_no_way_round_a_ban(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with world(tmp_path) as net:
        r1 = await private(net, "r1", FRIEND)
        reload(r1, FRIEND, bans=(Ban(range_of("192.0.2.7")),))
        assert await ended(await net.ground.client("192.0.2.7", "r1", hello=GUEST)) == "banned"


async def test_a_ban_ends_by_itself(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with world(tmp_path) as net:
        r1 = await private(net)
        until = int(net.runtime.wall()) + 60
        reload(r1, bans=(Ban(range_of("192.0.2.7"), until),))
        assert await ended(await net.client("192.0.2.7", "r1")) == "banned"
        await trio.sleep(61)
        assert len(await snapshot(await net.client("192.0.2.7", "r1"))) == 1


async def crowd_of_the_banned(net: World, r1: Running) -> int:
    """Let forty connections of one banned range say nothing; return how many are kept."""
    reload(r1, bans=(Ban(range_of("192.0.2.0/24")),))
    for number in range(40):
        await net.network.host(f"192.0.2.{number}").dial("r1", r1.uri.port)
    await trio.sleep(0.5)
    return r1.relay.wiring.connections._told


async def test_telling_the_banned_takes_few_places(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1 = await private(net)
        assert await crowd_of_the_banned(net, r1) == connections_module.TOLD_AT_ONCE
        assert r1.relay.stats().connections == 0, "and none of the others'"
        assert r1.relay.stats().refused["banned"] == 40


async def test_control_without_the_bound_it_would_take_as_many_as_come(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections_module, "TOLD_AT_ONCE", 1000)
    async with world(tmp_path) as net:
        assert await crowd_of_the_banned(net, await private(net)) == 40


async def test_a_banned_source_that_comes_again_and_again_is_not_answered_each_time(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """A handshake costs the relay more than whoever begins one."""
    async with world(tmp_path) as net:
        r1 = await private(net)
        reload(r1, bans=(Ban(range_of("192.0.2.7")),))
        told = 0
        for _ in range(40):
            with suppress(LinkClosedError):
                told += await ended(await net.client("192.0.2.7", "r1")) == "banned"
        assert 0 < told < 30
