"""A route's answer: the response itself, and its place in the OpenAPI document."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from zentalk.rest.base import Resource
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


def respond(resource: Resource, status: HTTPStatus = HTTPStatus.OK) -> JsonResponse:
    """Return the response that holds a resource."""
    return JsonResponse(resource.to_json(), status)
