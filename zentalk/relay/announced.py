"""Whether others can reach what is announced: what an operator should know before the start.

In networks of public addresses others drop a descriptor that names anything else, without a word.
In each network a name may lead to this machine alone without its operator's will: Debian gives a
machine's own name 127.0.1.1 in `/etc/hosts`. A test from outside is not made here.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeAlias

import trio

from zentalk.config import RelaySettings
from zentalk.logs import quiet_logger
from zentalk.wire.public_addresses import is_public_port, public_address

Resolve: TypeAlias = Callable[[str], Awaitable[list[str]]]
RESOLVE_SECONDS: Final = 5.0
_LOG: Final = quiet_logger("zentalk.relay")


async def _resolve(host: str) -> list[str]:
    found = await trio.socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(place[4][0]) for place in found]


async def unreachable(settings: RelaySettings, resolve: Resolve = _resolve) -> list[str]:
    """Return a sentence for each announced host and port that others do not take.

    Where private addresses may be announced, these are names that lead to loopback, but for
    `localhost`: whoever writes that, or an address of loopback, means this machine. A name that
    does not resolve now is no fault: machines start before their network does.
    """
    if settings.private_addresses:
        return await _loopback_names(settings, resolve)
    sentences = []
    first = settings.announce_port or settings.port
    refused = [port for port in range(first, first + settings.lanes) if not is_public_port(port)]
    if first and refused:
        sentences.append(
            f"others take no relay at port {refused[0]}: on this network a relay listens at 80, 443"
            " or a port from 1024 on; set `port` or `announce_port`"
        )
    for host in settings.announced_hosts:
        found = await _addresses(host, resolve)
        if not found or any(map(public_address, found)):
            continue
        kind = "loopback" if all(map(_is_loopback, found)) else "private"
        sentences.append(_unreachable(host, kind))
    return sentences


async def _loopback_names(settings: RelaySettings, resolve: Resolve) -> list[str]:
    sentences = []
    for host in settings.announced_hosts:
        if _is_meant(host):
            continue
        found = await _addresses(host, resolve)
        if found and all(map(_is_loopback, found)):
            sentences.append(_unreachable(host, "loopback"))
    return sentences


def _is_meant(host: str) -> bool:
    """Tell whether a host leads where it does by itself: an address, or the name of this machine.

    Of names below `localhost` the same is said (RFC 6761 section 6.3).
    """
    name = host.strip("[]").rstrip(".").lower()
    with suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    return name == "localhost" or name.endswith(".localhost")


def _unreachable(host: str, kind: str) -> str:
    _LOG.warning("announced_host_is_not_public", kind=kind)
    return (
        f"the announced host {host} leads to {kind} addresses only, here at least, so that "
        "others may not reach this relay: look at /etc/hosts and the DNS entries, and set "
        "`announce_host` to a name or address that leads here from outside"
    )


async def _addresses(host: str, resolve: Resolve) -> list[str]:
    """Return what a host stands for, nothing if that is not known now."""
    with trio.move_on_after(RESOLVE_SECONDS):
        try:
            return [found.partition("%")[0] for found in await resolve(host.strip("[]"))]
        except (OSError, UnicodeError):
            return []
    return []


def _is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
