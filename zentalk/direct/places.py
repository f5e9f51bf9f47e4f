"""Tells where probes may go: a contact must not make a node knock at other people's doors.

Spec: docs/spec/direct.md section 4.3. Names are never resolved here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TypeAlias

from zentalk.wire.ip_address import Place
from zentalk.wire.public_addresses import LEAST_PORT, public_address

Subnet: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_HOUSE_BITS = {4: 24, 6: 64}


def may_be_probed(place: Place, subnets: Iterable[Subnet]) -> bool:
    """Say whether probes may go there: to the Internet, or to a neighbour in one's own subnet.

    Never to ports below 1024, where the services of others are, nor to many machines at once.
    """
    text, port = place
    if port < LEAST_PORT:
        return False
    if public_address(text) == text:
        return True
    return is_neighbour(place, subnets)


def is_neighbour(place: Place, subnets: Iterable[Subnet]) -> bool:
    """Say whether a place is a neighbour's, at a port to which probes may go."""
    text, port = place
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return port >= LEAST_PORT and any(
        address in subnet and _is_one_machine(address, subnet) for subnet in subnets
    )


def own_subnet(address: str) -> Subnet:
    """Return the neighbourhood of an own address: its IPv4 /24 or IPv6 /64, as houses have.

    Which mask the interface really has is not asked: a wider one would let a contact name more.
    The name of an interface behind the address is left out.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return ipaddress.ip_network((parsed, _HOUSE_BITS[parsed.version]), strict=False)


def _is_one_machine(address: ipaddress.IPv4Address | ipaddress.IPv6Address, subnet: Subnet) -> bool:
    edges = (subnet.network_address, subnet.broadcast_address)
    return address not in edges and not address.is_multicast
