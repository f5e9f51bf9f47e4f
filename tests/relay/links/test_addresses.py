"""A relay at several addresses: it is found at each, and one that is silent costs one attempt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.relay.harness import PORT, Owner, World, world
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import ConnectFailedError
from zentalk.ids import SendId
from zentalk.link.geometry import cell_bytes
from zentalk.link.keepalive import DEAD_SECONDS, PING_SECONDS
from zentalk.net.dialling import RelayDialler
from zentalk.net.transport import CONNECT_SECONDS
from zentalk.node.tunnels.dialer import Dialer
from zentalk.relay.directory.known_relays import KnownRelays
from zentalk.relay.directory.service import SWEEP_SECONDS
from zentalk.relay.links.neighbours import RelayLinks
from zentalk.relay.observing.observing import SPREAD_SECONDS
from zentalk.wire.text import RelayUri

OLD, NEW = "192.0.2.7", "[2001:db8::7]"
BOTH_OBSERVED_SECONDS = SWEEP_SECONDS + SPREAD_SECONDS + 10
RECONNECTED_SECONDS = PING_SECONDS + DEAD_SECONDS + 2 * CONNECT_SECONDS
SEND_ID = SendId(b"s" * 16)


async def start_at_both(world: World, name: str = "r2", **changes: Any) -> None:
    for address in (OLD, NEW):
        world.network.add_address(name, address)
    await world.start(name, host=(OLD, NEW), **changes)


async def test_it_listens_and_is_announced_at_each(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with world(tmp_path) as net:
        await net.start("r1")
        await start_at_both(net)
        await net.settle(2)
        known = net.relays["r1"].relay._wiring
        assert known is not None
        descriptor = known.directory.state.known.descriptor_of(net.relays["r2"].node_id)
        assert descriptor is not None
        assert [uri.host for uri in descriptor.uris()] == [OLD, NEW]
        assert net.relays["r2"].uri.host == OLD
        for address in (OLD, NEW):
            stream = await net.network.host("somebody").dial(address, PORT)
            await stream.aclose()


async def only_over(net: World, *silent: str) -> RelayLinks:
    """Return the links of `r1`, which can reach `r2` but at these addresses, and not be reached."""
    net.network.cut("r2", "r1")
    for address in silent:
        net.network.cut("r1", address)
    wiring = net.relays["r1"].relay._wiring
    assert wiring is not None
    wiring.links.close_all()
    return wiring.links


async def mail_while_an_address_dies(
    net: World, dying: str, other: str, before: Callable[[], None] = lambda: None
) -> list[bytes]:
    """Send from `r1` to a mailbox at `r2` over one address until that dies, and go on.

    `before` is called before it dies. Returns what arrived within the time that it takes to notice
    and to connect again.
    """
    await net.start("r1")
    await start_at_both(net)
    await net.settle(2)
    await trio.sleep(BOTH_OBSERVED_SECONDS)
    owner, r2 = Owner(SigningKey(b"o" * 32)), net.relays["r2"]
    phone = await net.client("phone", "r2", owner)
    await owner.open(phone, r2)
    await owner.register(phone, SEND_ID)
    links = await only_over(net, other)
    await links.get(r2.node_id)
    net.network.mend("r1", other)

    async def send_until_there(text: bytes) -> None:
        with trio.move_on_after(RECONNECTED_SECONDS):
            while text not in owner.pushed:
                packet = net.deposit(net.hops("r1", "r2"), SEND_ID, text)
                net.relays["r1"].router.packet_received(packet)
                await trio.sleep(5)

    await send_until_there(b"before")
    before()
    net.network.cut("r1", dying)
    await send_until_there(b"after")
    return sorted(set(owner.pushed))


@pytest.mark.parametrize(("dying", "other"), [(OLD, NEW), (NEW, OLD)])
async def test_traffic_between_relays_goes_on_over_the_other_address(
    tmp_path: Path, autojump_clock: MockClock, dying: str, other: str
) -> None:
    async with world(tmp_path) as net:
        assert await mail_while_an_address_dies(net, dying, other) == [b"after", b"before"]
        client = await net.client("alice", "r1")
        await client.open_stream(net.relays["r2"].node_id, cell_bytes(1))


@pytest.mark.parametrize(("dying", "other"), [(OLD, NEW), (NEW, OLD)])
async def test_control_dialled_only_where_it_was_reached_last_a_relay_is_cut_off(
    tmp_path: Path,
    autojump_clock: MockClock,
    dying: str,
    other: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = KnownRelays.addresses_of

    def only_the_last() -> None:
        monkeypatch.setattr(KnownRelays, "addresses_of", lambda *relay: both(*relay)[:1])

    async with world(tmp_path) as net:
        arrived = await mail_while_an_address_dies(net, dying, other, only_the_last)
        assert arrived == [b"before"]


async def test_with_one_address_a_relay_is_out_of_reach_while_that_is_silent(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with world(tmp_path) as net:
        await net.start("r1")
        await start_at_both(net, announce_host=OLD)
        await net.settle(2)
        links = await only_over(net, OLD)
        with pytest.raises(ConnectFailedError):
            await links.get(net.relays["r2"].node_id)


async def test_a_node_goes_on_to_the_next_address_and_comes_back_to_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with world(tmp_path) as net:
        await start_at_both(net)
        dialer = Dialer(
            "local", net.runtime, RelayDialler(net.network.host("phone"), public_only=False)
        )
        uris = net.relays["r2"].descriptor.uris()
        net.network.cut("phone", OLD)
        waits = []
        for _ in range(2):
            began = trio.current_time()
            link = await dialer.dial(uris, net.nursery)
            waits.append(trio.current_time() - began)
            link.close()
        assert waits == [pytest.approx(CONNECT_SECONDS), pytest.approx(0)]
        net.network.cut("phone", NEW)
        with pytest.raises(ConnectFailedError):
            await dialer.dial(uris, net.nursery)


async def test_an_address_where_another_relay_answers_is_passed_over(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with world(tmp_path) as net:
        first, other = await net.start_all("r1", "r2")
        uris = [RelayUri(first.uri.identity, host, PORT) for host in (other.uri.host, "r1")]
        dialer = Dialer(
            "local", net.runtime, RelayDialler(net.network.host("phone"), public_only=False)
        )
        link = await dialer.dial(uris, net.nursery)
        assert link.peer.node_id == first.node_id
