"""The one place where the node does HTTP as a client. Bounded in time and in what it reads.

No proxy of the environment is used, no redirection is followed, and no body of an answer is read.
Nothing here is logged: a URL is a secret of its owner. For devices, a name is looked up once, and
the address that was found and checked is the one that is dialled: a name cannot mean another
place a moment later.

With the node's own `proxy` all goes through that, and no name is looked up here; only what stays on
this machine does not. Which address a name leads to is then known to the proxy alone: so a name
that a device has chosen has to prove itself by a certificate.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Final, Protocol

import httpcore
import httpx
import trio

from zentalk.errors import ConnectFailedError
from zentalk.net.tcp import TcpNetwork
from zentalk.net.ways.http_lines import HttpLines
from zentalk.net.ways.proxy import proxied
from zentalk.node.notify.schedule import Answer
from zentalk.node.notify.targets import DEFAULT_PORTS
from zentalk.wire.public_addresses import public_address

TOTAL_SECONDS: Final = 15.0
"""From the look-up of the name to the head of the answer."""
_LIMITS: Final = httpx.Limits(max_connections=32, max_keepalive_connections=0)
NOT_PUBLIC: Final = "the host has no address on the public Internet"
NOT_PROVED: Final = (
    "through a proxy a device is woken only at an https endpoint: what a name leads to is not"
    " known here, and only a certificate proves it"
)
_HERE: Final = {"localhost": "127.0.0.1"}
"""No name is looked up where a proxy looks names up, not even this one."""
_FAULTS: Final = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    ConnectFailedError,
    OSError,
    ValueError,
)


class Outgoing(Protocol):
    """What can send one request."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST a body; every failure is an answer, never an exception."""


class HttpPoster:
    """Sends requests over HTTP/1.1, each on a connection of its own, through `proxy` if it is set.

    With `public_only` it connects to nothing but addresses of the public Internet.
    """

    def __init__(self, proxy: str = "", *, public_only: bool = False) -> None:
        self._public_only = public_only
        self._lines = HttpLines(proxied(TcpNetwork(), proxy)) if proxy else None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST a body; every failure is an answer, never an exception."""
        with trio.move_on_after(TOTAL_SECONDS):
            try:
                return await self._post(httpx.URL(url), headers, body)
            except _FAULTS as error:
                return Answer(0, _explained(error))
        return Answer(0, f"no answer within {TOTAL_SECONDS:g} s")

    async def _post(self, url: httpx.URL, headers: Mapping[str, str], body: bytes) -> Answer:
        if self._lines is not None and (self._public_only or not _is_here(url)):
            refusal = _unproved(url) if self._public_only else ""
            if refusal:
                return Answer(0, refusal)
            return await _post_over(self._lines, url, headers, body)
        if self._public_only:
            return await _post_to_public(url, headers, body)
        if self._lines is None or url.host not in _HERE:
            return await _post(url, headers, body)
        return await _post_to(_HERE[url.host], url, headers, body)


def _is_here(url: httpx.URL) -> bool:
    """Tell whether a request stays on this machine; names but one are not known here."""
    try:
        return ipaddress.ip_address(_HERE.get(url.host, url.host)).is_loopback
    except ValueError:
        return False


def _unproved(url: httpx.URL) -> str:
    """Return why a proxy must not be asked to connect for a device; empty if it may."""
    try:
        ipaddress.ip_address(url.host)
    except ValueError:
        return "" if url.scheme == "https" else NOT_PROVED
    return "" if public_address(url.host) is not None else NOT_PUBLIC


async def _post_over(
    lines: HttpLines, url: httpx.URL, headers: Mapping[str, str], body: bytes
) -> Answer:
    """POST over connections that somebody else makes."""
    async with (
        httpcore.AsyncConnectionPool(ssl.create_default_context(), network_backend=lines) as pool,
        pool.stream("POST", str(url), headers=list(headers.items()), content=body) as response,
    ):
        found = {name.lower(): value for name, value in response.headers}
        wait = found.get(b"retry-after", b"").decode("latin-1")
        return Answer(response.status, "", _seconds(wait))


async def _post_to_public(url: httpx.URL, headers: Mapping[str, str], body: bytes) -> Answer:
    """POST to the first address of a host that is public, under the host's name."""
    host = url.raw_host.decode("ascii")
    found = await trio.socket.getaddrinfo(
        host.strip("[]"), url.port or DEFAULT_PORTS[url.scheme], type=socket.SOCK_STREAM
    )
    public = next(filter(None, (public_address(str(each[4][0])) for each in found)), None)
    if public is None:
        return Answer(0, NOT_PUBLIC)
    return await _post_to(public, url, headers, body)


async def _post_to(address: str, url: httpx.URL, headers: Mapping[str, str], body: bytes) -> Answer:
    """POST to an address, under the host's name."""
    named = {**headers, "Host": url.netloc.decode("ascii")}
    host = url.raw_host.decode("ascii")
    return await _post(url.copy_with(host=address), named, body, {"sni_hostname": host})


async def _post(
    url: httpx.URL,
    headers: Mapping[str, str],
    body: bytes,
    extensions: Mapping[str, str] | None = None,
) -> Answer:
    async with (
        httpx.AsyncClient(
            timeout=TOTAL_SECONDS, trust_env=False, follow_redirects=False, limits=_LIMITS
        ) as client,
        client.stream(
            "POST", url, headers=dict(headers), content=body, extensions=dict(extensions or {})
        ) as response,
    ):
        # Left unread: the connection is closed whatever the answer still holds.
        return Answer(response.status_code, "", _seconds(response.headers.get("retry-after", "")))


def _seconds(value: str) -> float | None:
    """Return a `Retry-After` in seconds; dates are passed over, our own schedule is as good."""
    return float(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


def _explained(error: Exception) -> str:
    """Return what went wrong without what it went wrong with."""
    if isinstance(error, ConnectFailedError):
        return error.reason
    if any(isinstance(cause, socket.gaierror) for cause in _causes(error)):
        return "the host name was not found"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {TOTAL_SECONDS:g} s"
    if isinstance(error, httpx.ConnectError):
        return "nothing answers there, or its certificate is not valid"
    return "the connection was lost, or the answer was no HTTP"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
