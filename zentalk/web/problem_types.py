"""The kinds of problems, each with a URI that never changes: programs decide by it.

A kind says what a program should do next; the sentence beside it is for people and may change.
The table is in docs/reference/rest.md, "Errors".
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

PREFIX: Final = "urn:zentalk:problem:"

KIND_OF: Final[dict[HTTPStatus, str]] = {
    HTTPStatus.BAD_REQUEST: "malformed",
    HTTPStatus.UNAUTHORIZED: "token",
    HTTPStatus.FORBIDDEN: "place",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method",
    HTTPStatus.REQUEST_TIMEOUT: "timeout",
    HTTPStatus.CONFLICT: "conflict",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-large",
    HTTPStatus.REQUEST_URI_TOO_LONG: "too-large",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "too-large",
    HTTPStatus.EXPECTATION_FAILED: "unsupported",
    HTTPStatus.UPGRADE_REQUIRED: "unsupported",
    HTTPStatus.NOT_IMPLEMENTED: "unsupported",
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED: "unsupported",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid",
    HTTPStatus.TOO_MANY_REQUESTS: "rate",
    HTTPStatus.INTERNAL_SERVER_ERROR: "bug",
    HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
}
"""The kind of a status, where nothing more exact is known."""
SCOPE: Final = "scope"
"""The token is good, and may not do this; `needs` beside it is the scope that may."""
KINDS: Final = frozenset(KIND_OF.values()) | {SCOPE}


def type_of(status: HTTPStatus, kind: str | None = None) -> str:
    """Return the URI of a kind, by default that of a status."""
    found = kind or KIND_OF.get(status)
    return "about:blank" if found is None else PREFIX + found
