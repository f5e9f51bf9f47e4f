"""A network that reaches everything through a proxy: nothing is dialled or resolved from here.

Names go to the proxy as they are. Whoever uses Tor must not ask a name server of its own first.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from zentalk.config.proxies import HTTP, Proxy, parse_proxy
from zentalk.errors import ConnectFailedError
from zentalk.net.transport import CONNECT_SECONDS, ByteStream, Listener, Network
from zentalk.net.ways.answers import ProxyRefusedError
from zentalk.net.ways.http_connect import connect_by_http
from zentalk.net.ways.socks import connect_by_socks


def proxied(network: Network, url: str) -> Network:
    """Return a network that dials through the proxy at `url`; the same network without one."""
    return ProxiedNetwork(network, parse_proxy(url)) if url else network


class ProxiedNetwork:
    """Dials through `proxy`, which is reached over `direct`."""

    def __init__(self, direct: Network, proxy: Proxy) -> None:
        self._direct = direct
        self._proxy = proxy

    async def dial(self, host: str, port: int) -> ByteStream:
        """Have the proxy connect within 10 s; raises ConnectFailedError."""
        proxy, target = self._proxy, f"{host}:{port}"
        try:
            stream = await self._direct.dial(proxy.host, proxy.port)
        except ConnectFailedError as error:
            raise ConnectFailedError(target, f"the proxy {proxy.place}: {error.reason}") from None
        try:
            with trio.fail_after(CONNECT_SECONDS):
                await self._ask(stream, host, port)
        except BaseException as error:
            with trio.CancelScope(shield=True), trio.move_on_after(1):
                await stream.aclose()
            reason = _reason_of(error)
            if reason:
                raise ConnectFailedError(target, f"the proxy {proxy.place}: {reason}") from None
            raise
        return stream

    async def _ask(self, stream: ByteStream, host: str, port: int) -> None:
        who = (self._proxy.user, self._proxy.password)
        if self._proxy.kind == HTTP:
            await connect_by_http(stream, host, port, who)
        else:
            await connect_by_socks(stream, host, port, who)

    async def resolve(self, host: str) -> Sequence[str]:
        """Return the host as it is: the proxy resolves it."""
        return [host]

    async def listen(self, host: str, port: int) -> Listener:
        """Listen here, as without a proxy."""
        return await self._direct.listen(host, port)


def _reason_of(error: BaseException) -> str:
    match error:
        case trio.TooSlowError():
            return "no answer"
        case trio.BrokenResourceError() | trio.ClosedResourceError():
            return "the connection broke"
        case ProxyRefusedError():
            return str(error)
    return ""
