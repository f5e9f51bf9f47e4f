"""A network that reaches everything through a proxy: nothing is dialled or resolved from here.

Names go to the proxy as they are. Whoever uses Tor must not ask a name server of its own first.
"""

from __future__ import annotations

from collections.abc import Sequence

from zentalk.config.proxies import HTTP, Proxy, parse_proxy
from zentalk.errors import ConnectFailedError
from zentalk.net.transport import ByteStream, Listener, Network, kept_if_made
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
        whose = f"the proxy {proxy.place}: "
        try:
            stream = await self._direct.dial(proxy.host, proxy.port)
        except ConnectFailedError as error:
            raise ConnectFailedError(target, f"{whose}{error.reason}") from None
        async with kept_if_made(stream, target, whose):
            try:
                await self._ask(stream, host, port)
            except ProxyRefusedError as error:
                raise ConnectFailedError(target, f"{whose}{error}") from None
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
