"""The error of a person who typed a wrong command."""

from __future__ import annotations

from zentalk.errors import ZentalkError


class UsageError(ZentalkError):
    """An argument is missing or wrong; the exit code is 2."""
