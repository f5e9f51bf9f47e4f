"""Whose request it is: the address that limits count against."""

from __future__ import annotations

import ipaddress
from typing import Any

from starlette.types import Scope

from zentalk.net.sources import is_loopback

_FORWARDED = b"x-forwarded-for"


def client_of(scope: Scope, *, behind_proxy: bool) -> str:
    """Return the address of a client.

    `behind_proxy` says that a proxy on this machine names it: the last address counts, as all
    before it are only what the client has claimed.
    """
    client: Any = scope.get("client")
    host = str(client[0]) if client else ""
    if not (behind_proxy and is_loopback(host)):
        return host
    named = [value for name, value in scope["headers"] if name == _FORWARDED]
    last = named[-1].rpartition(b",")[2].strip().decode("latin-1") if named else ""
    try:
        return str(ipaddress.ip_address(last.strip("[]")))
    except ValueError:
        return host
