"""Finds the route of a request among the few that its path can have, not among all.

The library asks each route in turn whether it matches, which costs more than all else that it does
for a small answer. Here they are sorted by the second segment of their paths and the number of
segments. What is not found so is left to the library, which also refuses what no route takes.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.routing import BaseRoute, Match, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

_Key = tuple[str, int]


class RouteIndex:
    """An ASGI application of routes; `otherwise` serves what none of them matches in full."""

    def __init__(self, routes: Iterable[BaseRoute], otherwise: ASGIApp) -> None:
        self._otherwise = otherwise
        self._routes: dict[_Key, list[BaseRoute]] = {}
        for route in routes:
            if isinstance(route, Route | WebSocketRoute):
                self._routes.setdefault(_key(route.path), []).append(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        path = scope.get("path")
        for route in self._routes.get(_key(path), ()) if path else ():
            match, more = route.matches(scope)
            if match is Match.FULL:
                scope.update(more)
                await route.handle(scope, receive, send)
                return
        await self._otherwise(scope, receive, send)


def _key(path: str) -> _Key:
    segments = path.split("/")
    return (segments[2] if len(segments) > 2 else "", len(segments))
