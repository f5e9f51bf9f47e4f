"""Sources: what counts as one when strangers are counted by where they come from."""

from __future__ import annotations

import ipaddress
from typing import Final

_HOST_PREFIX: Final = {4: 32, 6: 64}


def is_loopback(host: str) -> bool:
    """Say whether an address is of this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def source_of(host: str) -> str:
    """Return what counts as one source: an address, of IPv6 its /64, as who has one has all."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    prefix = _HOST_PREFIX[address.version]
    return str(ipaddress.ip_network((address, prefix), strict=False))
