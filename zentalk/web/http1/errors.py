"""The two ways in which HTTP goes wrong: by the peer's fault, or by ours."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus


class RequestError(Exception):
    """The peer sent what is not a request, or not one for this server.

    `status`, the message and `headers` are the answer to it; the connection ends with that answer.
    """

    def __init__(
        self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers


class AnswerError(RuntimeError):
    """The application sent what cannot be an answer: a bug on this side."""


def bad_request(detail: str) -> RequestError:
    """Return the error for what is not HTTP/1.1."""
    return RequestError(HTTPStatus.BAD_REQUEST, detail)
