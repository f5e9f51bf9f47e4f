"""The one place where the node does HTTP as a client. Bounded in time and in what it reads.

No proxy of the environment is used, no redirection is followed, and no body of an answer is read.
Nothing here is logged: a URL is a secret of its owner. For devices, a name is looked up once, and
the address that was found and checked is the one that is dialled: a name cannot mean another
place a moment later.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import Final, Protocol

import httpx
import trio

from zentalk.node.notify.schedule import Answer
from zentalk.node.notify.targets import DEFAULT_PORTS
from zentalk.wire.public_addresses import public_address

TOTAL_SECONDS: Final = 15.0
"""From the look-up of the name to the head of the answer."""
_LIMITS: Final = httpx.Limits(max_connections=32, max_keepalive_connections=0)
NOT_PUBLIC: Final = "the host has no address on the public Internet"


class Outgoing(Protocol):
    """What can send one request."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST a body; every failure is an answer, never an exception."""


class HttpPoster:
    """Sends requests over HTTP/1.1, each on a connection of its own.

    With `public_only` it connects to nothing but addresses of the public Internet.
    """

    def __init__(self, *, public_only: bool = False) -> None:
        self._public_only = public_only

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST a body; every failure is an answer, never an exception."""
        with trio.move_on_after(TOTAL_SECONDS):
            try:
                if self._public_only:
                    return await _post_to_public(httpx.URL(url), headers, body)
                return await _post(httpx.URL(url), headers, body)
            except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
                return Answer(0, _explained(error))
        return Answer(0, f"no answer within {TOTAL_SECONDS:g} s")


async def _post_to_public(url: httpx.URL, headers: Mapping[str, str], body: bytes) -> Answer:
    """POST to the first address of a host that is public, under the host's name."""
    host = url.raw_host.decode("ascii")
    found = await trio.socket.getaddrinfo(
        host.strip("[]"), url.port or DEFAULT_PORTS[url.scheme], type=socket.SOCK_STREAM
    )
    public = next(filter(None, (public_address(str(each[4][0])) for each in found)), None)
    if public is None:
        return Answer(0, NOT_PUBLIC)
    named = {**headers, "Host": url.netloc.decode("ascii")}
    return await _post(url.copy_with(host=public), named, body, {"sni_hostname": host})


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
