"""The head of one request."""

from __future__ import annotations

from typing import NamedTuple

Headers = list[tuple[bytes, bytes]]


class Request(NamedTuple):
    """The head of a request, checked. Names of headers are in lower case.

    `body_bytes` is None for a body in chunks. `upgrade` is the protocol that the peer offers to
    change to, in lower case; whoever does not take the offer answers as if there were none
    (RFC 9110, section 7.8).
    """

    method: str
    path: str
    raw_path: bytes
    query: bytes
    version: str
    headers: Headers
    body_bytes: int | None
    keep_alive: bool
    expects_continue: bool
    upgrade: bytes
