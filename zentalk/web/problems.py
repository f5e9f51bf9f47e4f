"""Problem documents (RFC 9457): what every error of REST looks like, and which status it has.

A detail is a sentence for the owner of the node. Errors that nobody expected have a fixed
sentence, and so has each fault of the storage, so that no internal state leaves in one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response

from zentalk.errors import (
    ConfigError,
    ConflictError,
    DecodeError,
    LocalProtocolError,
    NotFoundError,
    RefusedError,
    StorageError,
    TooLargeError,
    TransportError,
    UnavailableError,
    ZentalkError,
)
from zentalk.web.json_response import JsonResponse
from zentalk.web.problem_types import type_of

PROBLEM_TYPE: Final = "application/problem+json"

_STATUSES: Final[tuple[tuple[type[ZentalkError], HTTPStatus], ...]] = (
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (ConflictError, HTTPStatus.CONFLICT),
    (TooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (LocalProtocolError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (DecodeError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (ConfigError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (UnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (RefusedError, HTTPStatus.SERVICE_UNAVAILABLE),
    (TransportError, HTTPStatus.SERVICE_UNAVAILABLE),
    (StorageError, HTTPStatus.SERVICE_UNAVAILABLE),
)


_WORDS: Final = {
    "model_attributes_type": "send a JSON object, with Content-Type: application/json",
    "json_invalid": "the body is not JSON",
    "missing": "it is missing",
    "extra_forbidden": "there is no such field; remove it",
    "string_type": "it must be text",
    "string_unicode": "it must be valid Unicode: remove lone surrogates",
    "string_too_short": "it needs {min_length} or more characters",
    "string_too_long": "it may have {max_length} characters",
    "string_pattern_mismatch": "it holds a character that is not allowed there, or is empty",
    "int_type": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "int_parsing_size": "the number is too large",
    "greater_than_equal": "it must be {ge} or more",
    "less_than_equal": "it may be {le} or less",
    "literal_error": "it must be one of {expected}",
}
"""Our words for what the library finds wrong in a body or parameter."""
_OTHERWISE: Final = "it is not what belongs here; see the reference"


def problem(
    status: HTTPStatus,
    detail: str,
    headers: Mapping[str, str] | None = None,
    *,
    kind: str | None = None,
    more: Mapping[str, str] | None = None,
) -> JsonResponse:
    """Return a problem document, of the kind that its status has unless one is named.

    `more` are members besides those that all have.
    """
    content = {
        "type": type_of(status, kind),
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        **(more or {}),
    }
    return JsonResponse(content, status, media_type=PROBLEM_TYPE, headers=headers)


def problem_of(error: ZentalkError) -> Response:
    """Return the problem document of an error that zentalk raised on purpose."""
    if isinstance(error, RefusedError) and error.reason == "rate":
        return problem(HTTPStatus.TOO_MANY_REQUESTS, str(error), {"Retry-After": "1"})
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            return problem(status, error.public if isinstance(error, StorageError) else str(error))
    return unexpected()


def invalid(errors: Sequence[Mapping[str, Any]]) -> Response:
    """Return the problem of a body or parameter; it names the place, never the value."""
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"])
    message = _WORDS.get(first["type"], _OTHERWISE)
    if first["type"] == "value_error":  # a sentence of our own validators
        message = str(first["msg"]).removeprefix("Value error, ")
    elif "{" in message:
        message = message.format_map(first["ctx"]) if "ctx" in first else _OTHERWISE
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{place}: {message}")


def unexpected() -> Response:
    """Return the problem of a bug on our side."""
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "an internal error happened; see the log")
