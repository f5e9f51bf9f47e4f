"""Entity tags: what a client has already is not sent again.

A tag is a hash of the body, so it is strong: two answers with one tag are the same bytes. It says
nothing that the answer itself does not say, and it is given only with the answer.

Source: RFC 9110 sections 8.8.3 (ETag), 13.1.2 (If-None-Match) and 15.4.5 (304).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from zentalk.crypto.hashing import sha256

IF_NONE_MATCH: Final = "If-None-Match"
_TAG_BYTES: Final = 16
_ANY: Final = "*"
_TAG: Final = re.compile(r'(?:W/)?("[^\x00-\x20"\x7f]*")')
_OF_A_BODY: Final = frozenset({b"content-length", b"content-type"})


class TaggedAnswer:
    """A response to GET with its tag, which may answer any number of requests."""

    __slots__ = ("_response", "_tag")

    def __init__(self, response: Response) -> None:
        self._tag = tag_of(bytes(response.body))
        self._response = response
        response.raw_headers.append((b"etag", self._tag.encode("ascii")))

    def to(self, request: Request) -> Response:
        """Return the response, or a 304 in its place if the client has that already."""
        if not is_known(self._tag, request.headers.getlist(IF_NONE_MATCH)):
            return self._response
        same = Response(status_code=HTTPStatus.NOT_MODIFIED.value)
        kept = (pair for pair in self._response.raw_headers if pair[0] not in _OF_A_BODY)
        same.raw_headers = list(kept)
        return same


def unless_known(request: Request, response: Response) -> Response:
    """Give a response to GET its tag; return a 304 in its place if the client has that already."""
    return TaggedAnswer(response).to(request)


def tag_of(body: bytes) -> str:
    """Return the strong tag of a body, with its quotes."""
    return f'"{sha256(body)[:_TAG_BYTES].hex()}"'


def is_known(tag: str, fields: Iterable[str]) -> bool:
    """Say whether lines of If-None-Match name a tag.

    They are compared weakly: `W/` before a tag of the client counts for nothing. What is malformed
    names nothing.
    """
    return any(line.strip() == _ANY or tag in _TAG.findall(line) for line in fields)
