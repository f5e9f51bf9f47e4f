"""What may stand as a host or a path in a URI or descriptor, and which hosts nobody can dial.

Nothing is resolved here.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

_MAX_CHARS: Final = 253
_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_\-]{0,61}[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9a-fA-F]*)")
"""What resolvers read as an IPv4 address, of whatever form: `0`, `127.1`, `0x7f.1`."""
MAX_PATH_CHARS: Final = 32
_PATH: Final = re.compile(r"(?:/[a-z0-9_\-]+(?:\.[a-z0-9_\-]+)*)+")
"""Without dots at the ends of a part, `/./` and `/../` cannot be written."""
_BRACKETS: Final = re.compile(r"\[([0-9a-fA-F:.]{2,45})\]")


def is_host(text: str) -> bool:
    """Tell whether a text may stand as the host in a URI or descriptor.

    A name with labels as in RFC 1123 (and `_`, as containers have it), an IPv4 address in its
    usual form, or an IPv6 address in brackets: nothing that a resolver cannot even encode, and
    nothing that a terminal would obey.
    """
    if len(text) > _MAX_CHARS:
        return False
    inner = _BRACKETS.fullmatch(text)
    if inner:
        return _address(inner[1]) is not None and ":" in inner[1]
    if _NUMERIC.fullmatch(text):
        return _address(text) is not None
    return _NAME.fullmatch(text) is not None


def is_address(host: str) -> bool:
    """Tell whether a host is an address, in brackets or without, and no name."""
    return _address(host.strip("[]")) is not None


def is_path(text: str) -> bool:
    """Tell whether a text may be the path under which a relay takes WebSockets."""
    return len(text) <= MAX_PATH_CHARS and _PATH.fullmatch(text) is not None


def is_unspecified(host: str) -> bool:
    """Tell whether a host means "all addresses of this machine" and so none that others reach."""
    address = _address(host.strip("[]"))
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address is not None and address.is_unspecified


def with_brackets(text: str) -> str:
    """Return an IPv6 address in the brackets that it has in a URI; anything else unchanged."""
    return f"[{text}]" if ":" in text and _address(text) is not None else text


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
