"""The handshake of a WebSocket: checks of the request, and the answer 101."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from wsproto.utilities import generate_accept_token

from zentalk.web.http1.errors import AnswerError, RequestError, bad_request
from zentalk.web.http1.request import Request
from zentalk.web.http1.writer import header_lines

_KEY: Final = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==")
"""16 bytes in base64."""


class Handshake:
    """A request that may become a WebSocket; raises RequestError if it may not."""

    def __init__(self, request: Request) -> None:
        keys = _values(request, b"sec-websocket-key")
        if _values(request, b"sec-websocket-version") != [b"13"]:
            raise RequestError(
                HTTPStatus.UPGRADE_REQUIRED,
                "this server speaks version 13 of WebSocket only",
                {"Sec-WebSocket-Version": "13"},
            )
        if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
            raise bad_request("a WebSocket needs one Sec-WebSocket-Key of 16 bytes in base64")
        self._key = keys[0]
        offered = b",".join(_values(request, b"sec-websocket-protocol")).decode("latin-1")
        self.subprotocols = [word.strip() for word in offered.split(",") if word.strip()]
        """The protocols that the client would like to speak, in its order."""

    def accepted(self, subprotocol: str | None, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """Return the answer; raises AnswerError if it cannot be one."""
        if subprotocol is not None and subprotocol not in self.subprotocols:
            raise AnswerError("a WebSocket was accepted with a subprotocol that nobody offered")
        own = [
            (b"upgrade", b"websocket"),
            (b"connection", b"Upgrade"),
            (b"sec-websocket-accept", generate_accept_token(self._key)),
        ]
        if subprotocol is not None:
            own.append((b"sec-websocket-protocol", subprotocol.encode("latin-1")))
        lines = header_lines([*own, *headers])
        return b"HTTP/1.1 101 Switching Protocols\r\n" + lines + b"\r\n"


def is_websocket(request: Request) -> bool:
    """Say whether a request asks for a WebSocket; others that offer one are answered as usual."""
    return request.upgrade == b"websocket" and request.method == "GET" and request.body_bytes == 0


def _values(request: Request, wanted: bytes) -> list[bytes]:
    return [value for name, value in request.headers if name == wanted]
