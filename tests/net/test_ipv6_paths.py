"""Paths over IPv6, where two hosts have nothing else: through firewalls that let nothing new in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
import trio

from tests.faults.namespaces import SIDES
from tests.needed import program
from tests.net.ipv6_namespaces import RELAYS_V6, Ipv6Namespaces, house_v6
from tests.net.nat_namespaces import RELAYS
from tests.net.test_nats import PATIENCE_SECONDS, PORT, bound, datagrams_pass, meeting
from zentalk.direct.candidates import OwnPlaces
from zentalk.wire.direct import CandidateKind, DirectCandidate

KNOCK = b"@ from a stranger"
pytestmark = [pytest.mark.slow, pytest.mark.privileged]


@pytest.fixture(scope="module")
def houses() -> Iterator[Ipv6Namespaces]:
    program("nft")
    with Ipv6Namespaces() as made:
        yield made


def offered(side: str, places: OwnPlaces) -> None:
    """Nothing is between that changes addresses, so what relays saw is the machine's own."""
    own = DirectCandidate(CandidateKind.LOCAL, (house_v6(side), PORT))
    assert places.candidates == (own,)


@pytest.mark.parametrize("hosts", [RELAYS_V6, (*RELAYS, *RELAYS_V6)])
async def test_a_path_is_found_over_ipv6_through_two_firewalls(
    houses: Ipv6Namespaces, hosts: tuple[str, ...]
) -> None:
    """Relays of IPv6 alone, and such as have addresses of both and are asked at all of them."""
    with trio.fail_after(PATIENCE_SECONDS):
        async with meeting(houses, hosts, offered) as (found, ports):
            for session in found:
                await session.path_after()
            assert {session.path for session in found} == {(house_v6(side), PORT) for side in SIDES}
            await stranger_knocks(houses)
            await datagrams_pass(found, ports)
            assert not any(data == KNOCK for port in ports for data, _ in port.came), "the control"


async def stranger_knocks(houses: Ipv6Namespaces) -> None:
    """Send both hosts something from an address to which they have sent nothing."""
    async with AsyncExitStack() as stack:
        with houses.inside("hub"):
            port = await bound(stack, RELAYS_V6[0], PORT)
        for side in SIDES:
            await port.send(KNOCK, (house_v6(side), PORT))
