"""Tells which addresses may be named to others, where only the public Internet counts.

Whoever signs a descriptor, or writes to a contact where it can be reached, decides what others send
to because of it. Nobody can so make them knock at a machine of their own, at a neighbour in their
cellar, or at a service that is none of ours. Names are never resolved here.
"""

from __future__ import annotations

import ipaddress
from typing import Final

LEAST_PORT: Final = 1024
WEB_PORTS: Final = frozenset({80, 443})
"""Ports below `LEAST_PORT` that relays do use: some lines let nothing else out."""
_TUNNELLED: Final = tuple(
    ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16")
)
"""They stand for an IPv4 address, which a gateway near the dialler would reach."""


def public_address(text: str) -> str | None:
    """Return an address in its usual form, without brackets, if it is one of the Internet.

    None for a name, for an address of a machine, a house or a test, and for one that stands for
    another; an IPv4 address in the form of IPv6 is the IPv4 address.
    """
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return public_address(str(address.ipv4_mapped))
        if any(address in network for network in _TUNNELLED):
            return None
    if not address.is_global or address.is_multicast or address.is_reserved:
        return None
    return str(address)


def is_public_port(port: int) -> bool:
    """Say whether a relay of the Internet may listen there: not where mail or SSH does."""
    return port >= LEAST_PORT or port in WEB_PORTS
