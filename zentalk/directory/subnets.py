"""Groups addresses into neighbourhoods, so that one operator cannot fill a table.

Outside the network `main`, loopback and private addresses and plain names are exempt: a
network on one machine has nothing else. Names are never resolved here.
"""

from __future__ import annotations

import functools
import ipaddress
from typing import Final

MAIN_NETWORK: Final = "main"
_NARROW_BITS: Final = {4: 24, 6: 48}
_WIDE_BITS: Final = {4: 16, 6: 32}


def narrow_subnet(host: str, network: str) -> str:
    """Return the /24 (IPv6: /48) of a host, or "" if it is exempt."""
    return _subnet(host, network == MAIN_NETWORK, narrow=True)


def wide_subnet(host: str, network: str) -> str:
    """Return the /16 (IPv6: /32) of a host, or "" if it is exempt."""
    return _subnet(host, network == MAIN_NETWORK, narrow=False)


@functools.lru_cache(maxsize=32_768)
def _subnet(host: str, strict: bool, *, narrow: bool) -> str:
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        # A name: its last two labels stand for the network, as its owner makes the rest up.
        return ".".join(host.lower().rstrip(".").split(".")[-2:]) if strict else ""
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    if not strict and (address.is_private or address.is_loopback or address.is_link_local):
        return ""
    bits = (_NARROW_BITS if narrow else _WIDE_BITS)[address.version]
    return str(ipaddress.ip_network((address, bits), strict=False))
