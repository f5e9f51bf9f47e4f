"""The form of every error of REST (RFC 9457); `zentalk.web.problems` writes it."""

from __future__ import annotations

from zentalk.rest.base import Resource


class Problem(Resource):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
