"""Groups in local networks: two machines on one bridge, in namespaces where nothing else hears."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import trio

from tests.faults.namespaces import SIDES
from tests.net.lan_namespaces import LanNamespaces, lan_address
from zentalk.net import multicast as module
from zentalk.net.interfaces import local_interfaces
from zentalk.net.multicast import GROUP_PORT, MulticastGroup, join_local_groups

PATIENCE_SECONDS = 20.0


@pytest.fixture(scope="module")
def lan() -> Iterator[LanNamespaces]:
    with LanNamespaces() as made:
        yield made


async def until_there(lan: LanNamespaces, side: str) -> MulticastGroup:
    """Join on a side once its address of the link counts, which takes the system two seconds."""
    with trio.fail_after(PATIENCE_SECONDS):
        while True:
            with lan.inside(side):
                group = await MulticastGroup.join(is_v6=True)
                if group.own_addresses():
                    return group
            await group.aclose()
            await trio.sleep(0.2)


@pytest.mark.privileged
async def test_what_one_sends_the_other_hears_and_knows_from_where(lan: LanNamespaces) -> None:
    groups = []
    for side in SIDES:
        with lan.inside(side):
            groups.append(await MulticastGroup.join(is_v6=False))
    here, there = groups
    with lan.inside("left"):
        own = here.own_addresses()
    with lan.inside("right"):
        there.own_addresses()
    assert own == [lan_address("left")]
    with trio.fail_after(PATIENCE_SECONDS):
        await here.send(b"to all", own[0])
        assert await there.receive() == (b"to all", (own[0], GROUP_PORT))
        assert await here.receive() == (b"to all", (own[0], GROUP_PORT)), "programs here hear it"
        await here.send(b"lost", "192.168.7.99")
        await here.send(b"kept", own[0])
        assert (await there.receive())[0] == b"kept"
    for group in groups:
        await group.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await here.receive()


@pytest.mark.privileged
async def test_of_ipv6_the_address_of_the_link_leads_back(lan: LanNamespaces) -> None:
    here, there = [await until_there(lan, side) for side in SIDES]
    with lan.inside("left"):
        [own] = here.own_addresses()
        bare, _, number = own.partition("%")
        assert number == str(socket.if_nametoindex("line"))
    with lan.inside("right"):
        number = str(socket.if_nametoindex("line"))
    with trio.fail_after(PATIENCE_SECONDS):
        await here.send(b"to all", own)
        assert await there.receive() == (b"to all", (f"{bare}%{number}", GROUP_PORT))
    await here.aclose()
    await there.aclose()


@pytest.mark.privileged
async def test_the_group_ends_at_the_router(lan: LanNamespaces) -> None:
    """A time to live of 1: no router passes it on."""
    with lan.inside("left"):
        group = await MulticastGroup.join(is_v6=False)
    six = await until_there(lan, "left")
    four = group._socket.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL)
    hops = six._socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS)
    assert (four, hops) == (1, 1)
    await group.aclose()
    await six.aclose()


@pytest.mark.privileged
async def test_a_machine_without_networks_talks_to_itself(lan: LanNamespaces) -> None:
    with lan.inside("alone"):
        [own] = local_interfaces()
        assert (own.name, own.address) == ("lo", "127.0.0.1")
        group = await MulticastGroup.join(is_v6=False)
        assert group.own_addresses() == ["127.0.0.1"]
        with trio.fail_after(PATIENCE_SECONDS):
            await group.send(b"to all", "127.0.0.1")
            assert await group.receive() == (b"to all", ("127.0.0.1", GROUP_PORT))
        await group.aclose()


async def test_without_any_group_the_fault_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*, is_v6: bool) -> MulticastGroup:
        await trio.lowlevel.checkpoint()
        raise OSError(1, "IPv6" if is_v6 else "IPv4")

    monkeypatch.setattr(module.MulticastGroup, "join", refused)
    with pytest.raises(OSError, match="IPv4"):
        await join_local_groups()
