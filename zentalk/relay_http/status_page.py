"""The page on which a browser shows how a relay does. No scripts, and nothing from elsewhere.

Everybody who reaches it sees what `GET /relay/stats` tells everybody, as old and as round: fresh
numbers would show when somebody's mail comes or is fetched. The operator sees what `zentalk relay
status` prints.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from html import escape
from typing import Final, NamedTuple

from starlette.responses import Response

from zentalk.crypto.hashing import sha256
from zentalk.web.json_response import SAFE_HEADERS

_STYLE: Final = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th { font-weight: normal; text-align: left; width: 50%; }
td, th { border-top: 1px solid #8884; padding: .2rem 0; }
.warning { border-left: .3rem solid #c50; padding-left: .7rem; }
code { overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd; } }
"""
_HASH: Final = b64encode(sha256(_STYLE.encode())).decode("ascii")
_HEADERS: Final = {
    **{name.decode(): value.decode() for name, value in SAFE_HEADERS},
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'"
    ),
}


class StatusPage(NamedTuple):
    """The contents of the page: the state, and groups of rows of a name and its number."""

    state: str
    groups: Mapping[str, Mapping[str, str]]
    warnings: tuple[str, ...] = ()
    uri: str = ""


def answer(page: StatusPage) -> Response:
    """Return the page as HTML."""
    return Response(_html(page), headers=_HEADERS, media_type="text/html; charset=utf-8")


def _html(page: StatusPage) -> str:
    uri = f"<p><code>{escape(page.uri)}</code></p>" if page.uri else ""
    warnings = "".join(f'<p class="warning">{escape(text)}</p>' for text in page.warnings)
    groups = "".join(_group(title, rows) for title, rows in page.groups.items())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Relay: {escape(page.state)}</title><style>{_STYLE}</style>"
        f"<h1>Relay: {escape(page.state)}</h1>{uri}{warnings}{groups}</html>\n"
    )


def _group(title: str, rows: Mapping[str, str]) -> str:
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>'
        for name, text in rows.items()
    )
    return f"<h2>{escape(title)}</h2><table>{lines}</table>"
