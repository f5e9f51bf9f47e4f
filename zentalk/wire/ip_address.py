"""Addresses of the Internet as bytes, in formats that carry one: 4 bytes of IPv4, 16 of IPv6.

Names, and addresses that stand for several machines or for none, have no such form.
"""

from __future__ import annotations

import ipaddress
from typing import Final, TypeAlias

from zentalk.errors import DecodeError, LocalProtocolError

Place: TypeAlias = tuple[str, int]
"""An IP address without brackets, in its usual form, and a UDP port."""

_LENGTHS: Final = (4, 16)


def pack_address(text: str) -> bytes:
    """Return the bytes of an address; raises LocalProtocolError if it has none."""
    try:
        data = ipaddress.ip_address(text).packed
        unpack_address(data)
    except (ValueError, DecodeError) as error:
        raise LocalProtocolError(f"this address cannot be written: {error}") from None
    return data


def unpack_address(data: bytes) -> str:
    """Return the address in its usual form; raises DecodeError if it is no single machine's."""
    if len(data) not in _LENGTHS:
        raise DecodeError("an address is of another length")
    address = ipaddress.ip_address(data)
    if address.is_unspecified or address.is_multicast:
        raise DecodeError("an address is not one machine's")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        raise DecodeError("an address of IPv4 is in the form of IPv6")
    return str(address)
