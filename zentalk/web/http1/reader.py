"""The requests of one connection, in order: heads and bodies out of the bytes that arrive."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from zentalk.web.http1.body import ChunkedBody, RequestBody, SizedBody
from zentalk.web.http1.errors import RequestError, bad_request
from zentalk.web.http1.head import parse_head, target_too_long
from zentalk.web.http1.limits import MAX_HEAD_BYTES
from zentalk.web.http1.request import Request

_HEAD_END: Final = re.compile(rb"\n\r?\n")
"""Bare line feeds end a head as well, so that it is refused at once and not waited for."""
_FIRST_BYTES: Final = frozenset(b"\r!#$%&'*+-.^_`|~0123456789") | frozenset(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)


class RequestReader:
    """Gives the next head when the body before it has ended, then that request's body.

    It holds what was fed and not yet taken: who feeds it looks at `buffered` first. After a
    RequestError nothing more can be read.
    """

    __slots__ = ("_body", "_buffer", "_searched")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._body: RequestBody | None = None

    @property
    def buffered(self) -> int:
        """The number of bytes that were fed and not yet taken."""
        return len(self._buffer)

    @property
    def body_left(self) -> int | None:
        """The number of bytes of the body still to come, 0 at its end, None if nobody knows."""
        return 0 if self._body is None else self._body.left

    def feed(self, data: bytes) -> None:
        """Take bytes in the order in which they arrived."""
        self._buffer += data

    def next_request(self) -> Request | None:
        """Return the next head once all of it is there, else None.

        Raises RequestError if it is not one. The body before it must have been taken.
        """
        buffer = self._buffer
        if not buffer:
            return None
        if buffer[0] not in _FIRST_BYTES:
            raise bad_request("what was sent is not HTTP")
        end = _HEAD_END.search(buffer, self._searched, MAX_HEAD_BYTES)
        if end is None:
            if len(buffer) > MAX_HEAD_BYTES:
                raise self._too_large()
            self._searched = max(0, len(buffer) - 2)
            return None
        self._searched = 0
        head = bytes(buffer[: end.end()])
        del buffer[: end.end()]
        request = parse_head(head)
        if request.body_bytes is None:
            self._body = ChunkedBody()
        else:
            self._body = SizedBody(request.body_bytes) if request.body_bytes else None
        return request

    def take_body(self) -> bytes:
        """Return what is there of the body and was not taken yet; raises RequestError."""
        return b"" if self._body is None else self._body.take(self._buffer)

    def take_rest(self) -> bytes:
        """Return all that was fed and not taken, for another protocol to read."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def _too_large(self) -> RequestError:
        if self._buffer.find(b"\n", 0, MAX_HEAD_BYTES) == -1:
            return target_too_long()
        detail = f"the request's headers are larger than {MAX_HEAD_BYTES} bytes"
        return RequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)
