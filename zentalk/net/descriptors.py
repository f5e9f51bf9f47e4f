"""The number of connections that the operating system lets this process have.

Each takes a file descriptor. Where the limit is too low for what was asked, the caller is
told how many fit, before the first one fails.
"""

from __future__ import annotations

import sys
from typing import Final

from zentalk.errors import ConfigError

SPARE_DESCRIPTORS: Final = 128
"""Descriptors for databases, listeners, links that are dialled, and what libraries open."""
LEAST_CONNECTIONS: Final = 64
_UNLIMITED: Final = 2**31


def connections_allowed(wanted: int, besides: int = 0) -> int:
    """Raise the soft limit as far as it goes; return how many of `wanted` connections fit.

    `besides` are others of this process, such as those of HTTP. Raises ConfigError if not even
    a few fit.
    """
    spare = SPARE_DESCRIPTORS + besides
    allowed = min(wanted, raise_limit() - spare)
    if allowed < min(wanted, LEAST_CONNECTIONS):
        raise ConfigError(
            f"this process may open {allowed + spare} files and connections, which is "
            f"too few: raise the limit to {wanted + spare} (`ulimit -n`, or "
            "LimitNOFILE= of the service)"
        )
    return allowed


def raise_limit() -> int:
    """Raise this process's soft limit of descriptors to the hard one, and return that."""
    if sys.platform == "win32":
        return _UNLIMITED
    import resource  # noqa: PLC0415 - not on every platform

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft if soft != resource.RLIM_INFINITY else _UNLIMITED
    return hard if hard != resource.RLIM_INFINITY else _UNLIMITED
