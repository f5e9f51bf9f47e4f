"""Errors in the OpenAPI document: one answer for each status, which all operations refer to."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final, NamedTuple

from zentalk.rest.problem import Problem
from zentalk.web.problem_types import SCOPE, type_of
from zentalk.web.problems import PROBLEM_TYPE


class ErrorAnswer(NamedTuple):
    """What one status means, under the name of its answer, with a sentence as an example."""

    name: str
    means: str
    detail: str
    header: str = ""


ANSWERS: Final[dict[HTTPStatus, ErrorAnswer]] = {
    HTTPStatus.BAD_REQUEST: ErrorAnswer(
        "Malformed",
        "The request or its body cannot be read.",
        "the body cannot be read: send JSON in UTF-8",
    ),
    HTTPStatus.UNAUTHORIZED: ErrorAnswer(
        "NoToken",
        "The token is missing, wrong or revoked.",
        "the token is missing, wrong or revoked; send it as: Authorization: Bearer TOKEN",
        "WWW-Authenticate",
    ),
    HTTPStatus.FORBIDDEN: ErrorAnswer(
        "NotAllowed",
        "The host name or the web page is another's, or the scope of the token does not do.",
        "this node does not answer under that host name; use 127.0.0.1",
    ),
    HTTPStatus.NOT_FOUND: ErrorAnswer(
        "NotFound",
        "What the request names is not there.",
        "there is no message with this id in this conversation",
    ),
    HTTPStatus.CONFLICT: ErrorAnswer(
        "Conflict",
        "What is there does not allow it, or this node is a replica, which cannot do it.",
        "this person is blocked: unblock them first",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ErrorAnswer(
        "TooLarge",
        "The body, a text or a picture in it, or a list, is too large.",
        "the body is larger than 524288 bytes",
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: ErrorAnswer(
        "Invalid",
        "A parameter, an address or a field of the body is not what belongs there.",
        "body.text: it must be text",
    ),
    HTTPStatus.TOO_MANY_REQUESTS: ErrorAnswer(
        "TooMany",
        "Too many requests: come again after `Retry-After` seconds.",
        "this token makes more than 500 requests a second: try again in 1 s, and see"
        " `requests_per_second` in the settings",
        "Retry-After",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: ErrorAnswer(
        "Bug",
        "A bug of the node.",
        "an internal error happened; see the log",
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: ErrorAnswer(
        "Unavailable",
        "The network or the disk does not allow it at present.",
        "no relays are known yet: check the node's bootstraps and its connection",
    ),
}
"""The errors that operations name one by one."""

_OTHERS: Final = {
    "4XX": ErrorAnswer(
        "Refused",
        "Whatever else is wrong with a request, found before anything was done.",
        "the request target is longer than 8192 bytes",
    ),
    "5XX": ErrorAnswer(
        "Failed",
        "Whatever else this server cannot do.",
        "this server speaks HTTP/1.1 only",
    ),
}
_OTHER_STATUS: Final = {
    "4XX": HTTPStatus.REQUEST_URI_TOO_LONG,
    "5XX": HTTPStatus.HTTP_VERSION_NOT_SUPPORTED,
}
_SCOPE_DETAIL: Final = (
    "this needs the scope 'write', and the token of this device has 'read': pair the device again"
    " with that scope"
)


def reference(status: HTTPStatus | str) -> dict[str, str]:
    """Return what an operation says of a status, `4XX` or `5XX`."""
    answer = ANSWERS[status] if isinstance(status, HTTPStatus) else _OTHERS[status]
    return {"$ref": f"#/components/responses/{answer.name}"}


def components() -> dict[str, Any]:
    """Return the answers that operations refer to."""
    made = {answer.name: _shown(status, answer) for status, answer in ANSWERS.items()}
    forbidden = made[ANSWERS[HTTPStatus.FORBIDDEN].name]["content"][PROBLEM_TYPE]
    scope = _example(HTTPStatus.FORBIDDEN, _SCOPE_DETAIL, SCOPE) | {"needs": "write"}
    forbidden["examples"] = {
        "place": {"value": forbidden.pop("example")},
        "scope": {"value": scope},
    }
    for key, answer in _OTHERS.items():
        made[answer.name] = _shown(_OTHER_STATUS[key], answer)
    return made


def _shown(status: HTTPStatus, answer: ErrorAnswer) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    shown: dict[str, Any] = {
        "description": answer.means,
        "content": {PROBLEM_TYPE: {"schema": schema, "example": _example(status, answer.detail)}},
    }
    if answer.header:
        shown["headers"] = {answer.header: {"required": True, "schema": {"type": "string"}}}
    return shown


def _example(status: HTTPStatus, detail: str, kind: str | None = None) -> dict[str, Any]:
    found = Problem(
        type=type_of(status, kind), title=status.phrase, status=status.value, detail=detail
    )
    return found.model_dump(exclude_none=True)
