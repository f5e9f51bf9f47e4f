"""Asks a SOCKS5 proxy for a connection (RFC 1928), with a user and a password (RFC 1929).

Names are passed on as names. The libraries that exist make the same messages and leave it to their
user to know where an answer ends; that is most of what there is to do.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from zentalk.net.transport import ByteStream
from zentalk.net.ways.answers import ProxyRefusedError, read_exactly

_VERSION: Final = 5
_NO_PROOF, _PASSWORD = 0, 2
_PASSWORD_VERSION: Final = 1
_CONNECT: Final = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_ADDRESS_BYTES: Final = {_IPV4: 4, _IPV6: 16}
_PORT_BYTES: Final = 2
_NO_SOCKS: Final = "what answers there is no SOCKS5 proxy"
_WORDS: Final = {
    1: "it failed",
    2: "it does not connect to this address or port",
    3: "the network cannot be reached from there",
    4: "the host cannot be reached from there",
    5: "the connection was refused",
    6: "the connection took too long",
    7: "it makes no connections",
    8: "it does not know addresses of this kind",
}


async def connect_by_socks(stream: ByteStream, host: str, port: int, who: tuple[str, str]) -> None:
    """Make a stream to a proxy one to a host; `who` are user and password, empty for nobody.

    Raises ProxyRefusedError, and what streams raise.
    """
    await _greet(stream, who)
    request = bytes([_VERSION, _CONNECT, 0]) + _address(host) + port.to_bytes(_PORT_BYTES)
    await stream.send_all(request)
    version, code, _, kind = await read_exactly(stream, 4)
    if version != _VERSION:
        raise ProxyRefusedError(_NO_SOCKS)
    if code:
        raise ProxyRefusedError(_WORDS.get(code, f"it answered {code}"))
    length = _ADDRESS_BYTES.get(kind)
    if kind == _NAME:
        length = (await read_exactly(stream, 1))[0]
    if length is None:
        raise ProxyRefusedError(_NO_SOCKS)
    await read_exactly(stream, length + _PORT_BYTES)  # where it connects from


async def _greet(stream: ByteStream, who: tuple[str, str]) -> None:
    offered = bytes([_PASSWORD, _NO_PROOF]) if any(who) else bytes([_NO_PROOF])
    await stream.send_all(bytes([_VERSION, len(offered)]) + offered)
    version, wanted = await read_exactly(stream, 2)
    if version != _VERSION:
        raise ProxyRefusedError(_NO_SOCKS)
    if wanted not in offered:
        raise ProxyRefusedError("it wants a user and a password")
    if wanted == _PASSWORD:
        parts = [text.encode() for text in who]
        lengths = b"".join(bytes([len(part)]) + part for part in parts)
        await stream.send_all(bytes([_PASSWORD_VERSION]) + lengths)
        _, refused = await read_exactly(stream, 2)
        if refused:
            raise ProxyRefusedError("it wants another user or password")


def _address(host: str) -> bytes:
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        name = host.encode("ascii")
        return bytes([_NAME, len(name)]) + name
    return bytes([_IPV4 if address.version == 4 else _IPV6]) + address.packed
