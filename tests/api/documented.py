"""Holds every answer against the OpenAPI document: no status may be missing there.

`4XX` and `5XX` do not count: they are there for what the server refuses before a route is found.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import httpx

from tests.api.double import TOKEN, FakeNode
from zentalk.api.app import create_routes
from zentalk.api.guard import Access

UNDESCRIBED = {"GET /v1/openapi.json", "GET /v1/events/ws", "GET /docs", "GET /docs/{name}"}
"""Routes that are not in the document: itself, the page that shows it, and the WebSocket."""


def openapi_document() -> dict[str, Any]:
    """Return the document as a node serves it."""
    node = FakeNode()
    access = Access(TOKEN, node.devices, node.attendance)
    return create_routes(node, TOKEN, node.stopping, access).openapi()


class Documented:
    """Finds the operation of an answer, and what is said of it."""

    def __init__(self, document: dict[str, Any]) -> None:
        # Fixed segments come before parameters, as in the table of routes.
        templates = sorted(document["paths"], key=lambda path: path.replace("{", "~"))
        self._paths = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), document["paths"][path])
            for path in templates
        ]

    async def __call__(self, response: httpx.Response) -> None:
        """Fail for a status that the document does not name."""
        method = response.request.method.lower()
        operation = self._operation("get" if method == "head" else method, response.url.path)
        if operation is None:
            return
        assert str(response.status_code) in operation["responses"], (
            f"{operation['operationId']} answered {response.status_code}: name it at the route"
        )

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        for pattern, operations in self._paths:
            if pattern.fullmatch(path):
                found: dict[str, Any] | None = operations.get(method)
                return found
        return None


@cache
def _documented() -> Documented:
    return Documented(openapi_document())


def hooks() -> dict[str, list[Callable[[httpx.Response], Awaitable[None]]]]:
    """Return what makes an httpx client check each answer."""
    return {"response": [_documented()]}
