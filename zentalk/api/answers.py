"""What the OpenAPI document says of a route's answers.

`zentalk.api.openapi` adds the errors that any route may answer with; a route names its own.
"""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response

from zentalk.rest.problem import Problem
from zentalk.web.etags import IF_NONE_MATCH
from zentalk.web.json_response import JsonResponse

_ETAG: Final = {"ETag": {"required": True, "schema": {"type": "string"}}}
_IF_NONE_MATCH: Final = {
    "name": IF_NONE_MATCH,
    "in": "header",
    "required": False,
    "description": "the `ETag` of the answer that you have",
    "schema": {"type": "string"},
}
MISSING: Final = (HTTPStatus.NOT_FOUND,)
CONFLICT: Final = (HTTPStatus.CONFLICT,)
MISSING_OR_CONFLICT: Final = (*MISSING, *CONFLICT)


def answers(
    tag: str,
    model: Any,
    status: HTTPStatus = HTTPStatus.OK,
    kind: type[Response] = JsonResponse,
    *,
    fails: Collection[HTTPStatus] = (),
) -> dict[str, Any]:
    """Return the parts of a route that only the OpenAPI document uses.

    `fails` are the errors that are this route's own.
    """
    return {
        "tags": [tag],
        "status_code": status.value,
        "response_class": kind,
        "responses": {status.value: {"model": model}, **_problems(fails)},
    }


def no_content(tag: str, *, fails: Collection[HTTPStatus] = ()) -> dict[str, Any]:
    """Return the same of a route that answers 204."""
    return {
        "status_code": HTTPStatus.NO_CONTENT.value,
        "tags": [tag],
        "responses": _problems(fails),
    }


def image(tag: str, *media_types: str, fails: Collection[HTTPStatus] = ()) -> dict[str, Any]:
    """Return the same of a route that answers with an image, or with a file."""
    schema = {"schema": {"type": "string", "format": "binary"}}
    content = dict.fromkeys(media_types, schema)
    return {
        "tags": [tag],
        "response_class": Response,
        "responses": {HTTPStatus.OK.value: {"content": content}, **_problems(fails)},
    }


def tagged(route: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a route whose answer goes through `zentalk.web.etags`."""
    answered = {
        HTTPStatus.OK.value: {**route["responses"][HTTPStatus.OK.value], "headers": _ETAG},
        HTTPStatus.NOT_MODIFIED.value: {
            "description": "The answer that you have still holds.",
            "headers": _ETAG,
        },
    }
    return {
        **route,
        "responses": route["responses"] | answered,
        "openapi_extra": {"parameters": [_IF_NONE_MATCH]},
    }


def _problems(fails: Collection[HTTPStatus]) -> dict[int, dict[str, Any]]:
    return {status.value: {"model": Problem} for status in fails}
