"""Which URLs the owner may name: http or https, with a host, without credentials.

A URL of this machine or of the home network is accepted: the owner's own programs run there, and
only the owner's token can name one.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from zentalk.errors import ConfigError

MAX_URL_CHARS: Final = 1_000
"""Also the most that UnifiedPush allows for an endpoint."""
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")


def check_url(url: str) -> None:
    """Raise ConfigError, which does not quote it, for a URL that is not accepted."""
    if len(url) > MAX_URL_CHARS or not _PRINTABLE.fullmatch(url):
        raise ConfigError(
            f"the URL must have at most {MAX_URL_CHARS} characters, all of them printable ASCII"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError("the URL is malformed: check its host and port") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ConfigError("the URL must begin with http:// or https:// and name a host")
    if "@" in parts.netloc:
        raise ConfigError("the URL must hold no user name or password: check signatures instead")
    if "#" in url:
        raise ConfigError("the URL must have no fragment (#...): it would not be sent")


def host_of(url: str) -> str:
    """Return the host of an accepted URL: its path may be a secret."""
    return urlsplit(url).hostname or ""
