"""What the OpenAPI document says of a route's answer."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from zentalk.rest.problem import Problem
from zentalk.web.json_response import JsonResponse


def answers(
    tag: str, model: Any, status: HTTPStatus = HTTPStatus.OK, kind: type[Response] = JsonResponse
) -> dict[str, Any]:
    """Return the parts of a route that only the OpenAPI document uses."""
    return {
        "tags": [tag],
        "status_code": status.value,
        "response_class": kind,
        "responses": {status.value: {"model": model}, "4XX": {"model": Problem}},
    }


def no_content(tag: str) -> dict[str, Any]:
    """Return the same of a route that answers 204."""
    return {
        "status_code": HTTPStatus.NO_CONTENT.value,
        "tags": [tag],
        "responses": {"4XX": {"model": Problem}},
    }
