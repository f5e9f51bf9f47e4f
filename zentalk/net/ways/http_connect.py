"""Asks an HTTP proxy for a connection by CONNECT (RFC 9110 section 9.3.6)."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Final

from zentalk.net.transport import ByteStream
from zentalk.net.ways.answers import ProxyRefusedError, read_until

_MAX_ANSWER_BYTES: Final = 16 * 1024
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: |\r\n)")
_WORDS: Final = {
    403: "it does not connect to this address or port (403)",
    401: "it wants another user or password (401)",
    407: "it wants another user or password (407)",
}


async def connect_by_http(stream: ByteStream, host: str, port: int, who: tuple[str, str]) -> None:
    """Make a stream to a proxy one to a host; `who` are user and password, empty for nobody.

    Raises ProxyRefusedError, and what streams raise.
    """
    target = f"{host}:{port}"
    head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
    if any(who):
        shown = b64encode(":".join(who).encode()).decode("ascii")
        head += f"Proxy-Authorization: Basic {shown}\r\n"
    await stream.send_all(f"{head}\r\n".encode("ascii"))
    answer = await read_until(stream, b"\r\n\r\n", _MAX_ANSWER_BYTES)
    status = _STATUS.match(answer)
    if status is None:
        raise ProxyRefusedError("what answers there is no HTTP proxy")
    code = int(status[1])
    if not 200 <= code < 300:
        raise ProxyRefusedError(_WORDS.get(code, f"it answered {code}"))
