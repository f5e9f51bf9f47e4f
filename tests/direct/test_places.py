"""Where probes may go: a contact cannot make a node knock at other people's doors."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from zentalk.direct.places import may_be_probed, own_subnet

SUBNETS = (own_subnet("192.168.7.20"), own_subnet("fd12:3456::20"))


@pytest.mark.parametrize(
    "place",
    [
        ("11.77.1.1", 4000),
        ("11.77.1.1", 1024),
        ("2a00:1450::5", 65_535),
        ("192.168.7.21", 4000),
        ("fd12:3456::21", 4000),
    ],
)
def test_the_internet_and_neighbours_may_be_probed(place: tuple[str, int]) -> None:
    assert may_be_probed(place, SUBNETS)


@pytest.mark.parametrize(
    "place",
    [
        ("11.77.1.1", 1023),
        ("11.77.1.1", 443),
        ("11.77.1.1", 53),
        ("192.168.7.21", 80),
        ("192.168.8.21", 4000),
        ("192.168.7.0", 4000),
        ("192.168.7.255", 4000),
        ("10.0.0.1", 4000),
        ("127.0.0.1", 4000),
        ("::1", 4000),
        ("169.254.169.254", 4000),
        ("fe80::1", 4000),
        ("fd99::1", 4000),
        ("255.255.255.255", 4000),
        ("224.0.0.251", 5353),
        ("ff02::fb", 5353),
        ("0.0.0.0", 4000),
        ("::ffff:11.77.1.1", 4000),
        ("::ffff:10.0.0.1", 4000),
        ("64:ff9b::a00:1", 4000),
        ("100.64.0.1", 4000),
        ("localhost", 4000),
        ("example.org", 4000),
        ("", 4000),
    ],
)
def test_nobody_else_is(place: tuple[str, int]) -> None:
    assert not may_be_probed(place, SUBNETS)


def test_loopback_is_a_neighbour_only_of_loopback() -> None:
    assert may_be_probed(("127.0.0.1", 4000), [own_subnet("127.0.0.2")])


def test_a_neighbourhood_is_that_of_a_house() -> None:
    assert own_subnet("10.1.2.3") == ip_network("10.1.2.0/24")
    assert own_subnet("fd12::1:2") == ip_network("fd12::/64")
