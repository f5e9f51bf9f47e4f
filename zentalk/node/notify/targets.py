"""Which URLs may be named: http or https, with a host, without credentials.

Whoever has the owner's token may name one of this machine or of the home network: the owner's own
programs run there. A device may not, or its token would let it knock at what only the node reaches.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from zentalk.errors import ConfigError
from zentalk.wire.public_addresses import is_public_port, public_address

MAX_URL_CHARS: Final = 1_000
"""Also the most that UnifiedPush allows for an endpoint."""
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
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


def check_public(url: str) -> None:
    """Raise ConfigError for an accepted URL that shows by itself that it is not of the Internet.

    What its host name stands for is seen when it is used (`outgoing.py`).
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_number = ":" in host or host.replace(".", "").isdigit()
    if host == "localhost" or (is_number and public_address(host) is None):
        raise ConfigError(
            "a device may name a server on the public Internet only: let the owner's token name"
            " one on this machine or in this house"
        )
    if not is_public_port(parts.port or DEFAULT_PORTS[parts.scheme]):
        raise ConfigError("the URL must use port 80, 443, or one from 1024 on")


def host_of(url: str) -> str:
    """Return the host of an accepted URL: its path may be a secret."""
    return urlsplit(url).hostname or ""
