"""Proxies as people write them in the settings. Nothing is dialled here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from zentalk.wire.host import is_host, with_brackets

HTTP: Final = "http"
SOCKS: Final = "socks5"
_TOO_LONG: Final = "a proxy's user and password have 255 bytes each at most, the user no colon"
_FORM: Final = "a proxy is http://HOST:PORT or socks5://HOST:PORT, with USER:PASSWORD@ if it asks"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: its protocol, its place, and who we are there, if it asks."""

    kind: str
    host: str
    port: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def place(self) -> str:
        """Return the proxy without what is secret of it."""
        return f"{self.kind}://{self.host}:{self.port}"


def parse_proxy(text: str) -> Proxy:
    """Read a proxy's URL; raises ValueError with a sentence that does not repeat the password."""
    try:
        parts = urlsplit(text)
        host, port = with_brackets(parts.hostname or ""), parts.port
    except ValueError:
        raise ValueError(_FORM) from None
    scheme = {"socks5h": SOCKS}.get(parts.scheme, parts.scheme)
    extra = parts.path.strip("/") or parts.query or parts.fragment
    if scheme not in (HTTP, SOCKS) or not is_host(host) or not port or extra:
        raise ValueError(_FORM)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if max(len(user.encode()), len(password.encode())) > 255 or ":" in user:
        raise ValueError(_TOO_LONG)
    return Proxy(scheme, host, port, user, password)


def check_proxy(text: str) -> str:
    """Return a proxy's URL if it is one, or nothing; raises ValueError."""
    if text:
        parse_proxy(text)
    return text
