"""Errors of the client: those of zentalk where they fit, and four for HTTP itself.

The text is the node's own sentence (the `detail` of its problem document).
"""

from __future__ import annotations

from typing import Final

from zentalk.errors import (
    ConflictError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
    ZentalkError,
)


class ApiError(ZentalkError):
    """The node answered with an error; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class AccessDeniedError(ApiError):
    """The token is missing or wrong, or the node does not answer under this name."""


class InvalidRequestError(ApiError):
    """The node cannot do anything with the request; its text says why."""


class RateLimitedError(ApiError):
    """The token made too many requests; `retry_after_seconds` is how long to wait."""

    def __init__(self, status: int, message: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(status, message)
        self.retry_after_seconds = retry_after_seconds


_PLAIN: Final[dict[int, type[ZentalkError]]] = {
    404: NotFoundError,
    409: ConflictError,
    413: TooLargeError,
    503: UnavailableError,
}
_WITH_STATUS: Final[dict[int, type[ApiError]]] = {
    400: InvalidRequestError,
    401: AccessDeniedError,
    403: AccessDeniedError,
    422: InvalidRequestError,
    429: RateLimitedError,
}


def error_of(status: int, detail: str) -> ZentalkError:
    """Return the error for an HTTP status."""
    if status in _PLAIN:
        return _PLAIN[status](detail)
    return _WITH_STATUS.get(status, ApiError)(status, detail)
