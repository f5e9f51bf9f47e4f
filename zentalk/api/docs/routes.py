"""Routes of the OpenAPI document and of the page that shows it, with the headers of each."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Final

import trio
from starlette.requests import Request
from starlette.responses import Response

from zentalk.api.openapi import RestApp
from zentalk.errors import NotFoundError
from zentalk.web.etags import unless_known
from zentalk.web.json_response import SAFE_HEADERS

OPENAPI_PATH: Final = "/v1/openapi.json"
DOCS_PATH: Final = "/docs"
ASSETS: Final = Path(__file__).parent / "assets"
FILES: Final = {
    "start.js": "text/javascript; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
}
"""The files that the page asks for. No other is served: names come from outside."""
_PAGE: Final = "page.html"
_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self';"
    b" base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Scripts, styles and requests of this origin only, nothing inline and nothing evaluated.

The images are those in the style sheet."""
_HEADERS: Final = (
    (b"cache-control", b"no-cache"),  # to be kept, and asked for again by its tag
    (b"content-security-policy", _POLICY),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class StaticResponse(Response):
    """Bytes that are the same for everybody, with headers of their own instead of the usual."""

    def __init__(
        self, content: bytes, media_type: str, headers: tuple[tuple[bytes, bytes], ...]
    ) -> None:
        super().__init__(content, media_type=media_type)
        self.raw_headers += headers


def add_docs_routes(app: RestApp) -> None:
    """Add the routes; they are not in the document themselves."""

    @cache
    def document() -> bytes:
        text = json.dumps(app.openapi(), ensure_ascii=False, separators=(",", ":"))
        return text.encode()

    @app.get(OPENAPI_PATH, include_in_schema=False)
    async def openapi(request: Request) -> Response:
        """Return the OpenAPI document."""
        answer = StaticResponse(document(), "application/json", SAFE_HEADERS)
        return unless_known(request, answer)

    @app.get(DOCS_PATH, include_in_schema=False)
    async def page(request: Request) -> Response:
        """Return the page that shows it."""
        return await _file(request, _PAGE, "text/html; charset=utf-8")

    @app.get(DOCS_PATH + "/{name}", include_in_schema=False)
    async def asset(request: Request, name: str) -> Response:
        """Return a file of the page."""
        if name not in FILES:
            raise NotFoundError("the page at /docs has no such file")
        return await _file(request, name, FILES[name])


async def _file(request: Request, name: str, media_type: str) -> Response:
    content = await trio.Path(ASSETS / name).read_bytes()
    return unless_known(request, StaticResponse(content, media_type, _HEADERS))
