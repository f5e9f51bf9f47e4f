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


def unless_known(request: Request, response: Response) -> Response:
    """Give a response to GET its tag; return a 304 in its place if the client has that already."""
    tag = tag_of(bytes(response.body))
    response.raw_headers.append((b"etag", tag.encode("ascii")))
    if not is_known(tag, request.headers.getlist(IF_NONE_MATCH)):
        return response
    same = Response(status_code=HTTPStatus.NOT_MODIFIED.value)
    same.raw_headers = [pair for pair in response.raw_headers if pair[0] not in _OF_A_BODY]
    return same


def tag_of(body: bytes) -> str:
    """Return the strong tag of a body, with its quotes."""
    return f'"{sha256(body)[:_TAG_BYTES].hex()}"'


def is_known(tag: str, fields: Iterable[str]) -> bool:
    """Say whether lines of If-None-Match name a tag.

    They are compared weakly: `W/` before a tag of the client counts for nothing. What is malformed
    names nothing.
    """
    return any(line.strip() == _ANY or tag in _TAG.findall(line) for line in fields)
