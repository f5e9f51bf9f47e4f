"""The interfaces of this machine on which a local network is, and its addresses there.

A tunnel is none: what is at its other end is not here. Where the system does not say what an
interface is, there is none; this module has no other way to find out.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from typing import Final, NamedTuple

try:
    import fcntl
except ImportError:  # not on this system
    fcntl = None  # type: ignore[assignment]  # asked for before it is used

MAX_INTERFACES: Final = 8
"""The first ones: machines with many have them for what they run inside."""
_NAME_BYTES: Final = 16
_REQUEST_BYTES: Final = 256
_FLAGS_OF, _ADDRESS_OF = (0x8913, 0x8915) if sys.platform == "linux" else (0xC0206911, 0xC0206921)
"""SIOCGIFFLAGS and SIOCGIFADDR of Linux and of BSD's kind."""
_UP, _LOOPBACK, _POINT_TO_POINT = 0x1, 0x8, 0x10
_MULTICAST: Final = 0x1000 if sys.platform == "linux" else 0x8000


class LocalInterface(NamedTuple):
    """An interface on which a local network is, or the machine's own."""

    name: str
    number: int
    """The number by which the system knows it."""
    address: str
    """Its first IPv4 address; empty if it has none."""


def local_interfaces() -> list[LocalInterface]:
    """Return those of local networks; if there is none, the machine's own, for its programs."""
    if fcntl is None:
        return []
    found, own = list[LocalInterface](), list[LocalInterface]()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for number, name in socket.if_nameindex():
            flags = _flags(asked, name)
            if not flags & _UP or flags & _POINT_TO_POINT:
                continue
            interface = LocalInterface(name, number, _address(asked, name))
            if flags & _LOOPBACK:
                own.append(interface)
            elif flags & _MULTICAST:
                found.append(interface)
    return (found or own)[:MAX_INTERFACES]


def _ask(asked: socket.socket, what: int, name: str) -> bytes:
    """Return an interface's answer; raises OSError if it is gone, or has none."""
    request = name.encode()[: _NAME_BYTES - 1].ljust(_REQUEST_BYTES, b"\0")
    return fcntl.ioctl(asked.fileno(), what, request)[_NAME_BYTES:]


def _flags(asked: socket.socket, name: str) -> int:
    try:
        return int(struct.unpack_from("@H", _ask(asked, _FLAGS_OF, name))[0])
    except OSError:
        return 0


def _address(asked: socket.socket, name: str) -> str:
    try:
        return str(ipaddress.IPv4Address(_ask(asked, _ADDRESS_OF, name)[4:8]))
    except OSError:
        return ""
