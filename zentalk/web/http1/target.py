"""The forms of a request target (RFC 9112, section 3.2)."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final, NamedTuple

from zentalk.web.http1.errors import RequestError, bad_request

_ABSOLUTE: Final = re.compile(rb"(?i:https?)://([^/?@]+)(/[^?]*)?(?:\?(.*))?")
AUTHORITY: Final = re.compile(rb"[A-Za-z0-9\-._~%!$&'()*+,;=:\[\]]*")
"""Characters allowed in a Host header: none that would end a host name in a URL."""


class Target(NamedTuple):
    """Path and query as they came; `authority` only where the target names its host itself."""

    raw_path: bytes
    query: bytes
    authority: bytes | None


def split_target(method: str, target: bytes) -> Target:
    """Return the parts of a target; raises RequestError.

    A target in absolute form is what a proxy gets; its host counts instead of the Host header.
    """
    if b"#" in target:
        raise bad_request("the request target has a fragment (#...): leave it out")
    if target.startswith(b"/"):
        raw_path, _, query = target.partition(b"?")
        return Target(raw_path, query, None)
    if method == "CONNECT":
        raise RequestError(
            HTTPStatus.NOT_IMPLEMENTED, "this server is no proxy: CONNECT is unknown"
        )
    if target == b"*" and method == "OPTIONS":
        return Target(target, b"", None)
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or not AUTHORITY.fullmatch(absolute[1]):
        raise bad_request("the request target must be a path that begins with /")
    return Target(absolute[2] or b"/", absolute[3] or b"", absolute[1])
