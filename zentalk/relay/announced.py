"""Whether others can reach the announced host: what an operator should know before the start.

Only names that lead to loopback alone are told of. A test from outside is not made here.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import trio

from zentalk.config import RelaySettings
from zentalk.directory.subnets import MAIN_NETWORK
from zentalk.logs import quiet_logger

Resolve: TypeAlias = Callable[[str], Awaitable[list[str]]]
RESOLVE_SECONDS: Final = 5.0
_LOG: Final = quiet_logger("zentalk.relay")


async def _resolve(host: str) -> list[str]:
    found = await trio.socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(place[4][0]) for place in found]


async def unreachable(settings: RelaySettings, resolve: Resolve = _resolve) -> list[str]:
    """Return a sentence for each announced host that leads to this machine alone; only in `main`.

    A name that does not resolve now is no fault: machines start before their network does.
    """
    if settings.network != MAIN_NETWORK:
        return []
    sentences = []
    for host in settings.announced_hosts:
        if not await _only_loopback(host, resolve):
            continue
        _LOG.warning("announced_host_is_loopback")
        sentences.append(
            f"the announced host {host} leads to loopback addresses only, here at least, so that "
            "others may not reach this relay: look at /etc/hosts and the DNS entries, and set "
            "`announce_host` to a name or address that leads here from outside"
        )
    return sentences


async def _only_loopback(host: str, resolve: Resolve) -> bool:
    with trio.move_on_after(RESOLVE_SECONDS):
        try:
            found = await resolve(host.strip("[]"))
        except (OSError, UnicodeError):
            return False
        return bool(found) and all(_is_loopback(address) for address in found)
    return False


def _is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
