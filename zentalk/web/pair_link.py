"""The link that a new device is shown: where the node is, and the code of a pairing.

`zentalk-pair:http://HOST:PORT#XXXX-XXXX-XXXX-XXXX`. Spec: docs/reference/rest.md, "Pairing".
"""

from __future__ import annotations

import re
from typing import Final

from zentalk.errors import DecodeError

SCHEME: Final = "zentalk-pair:"
URL_PATTERN: Final = r"^https?://[!\x22$->A-~]{1,200}$"
"""Printable ASCII without what ends a path or names a user; all dialects read it alike."""
CODE_PATTERN: Final = r"^[A-Za-z2-7 -]{1,64}$"


def make_link(url: str, code: str) -> str:
    """Return the link of a code at a URL."""
    return f"{SCHEME}{url.rstrip('/')}#{code}"


def read_link(link: str) -> tuple[str, str]:
    """Return URL and code of a link; raises DecodeError, which does not show the code."""
    url, mark, code = link.strip().removeprefix(SCHEME).partition("#")
    well_formed = (
        link.strip().startswith(SCHEME)
        and mark
        and re.fullmatch(URL_PATTERN, url)
        and re.fullmatch(CODE_PATTERN, code)
    )
    if not well_formed:
        raise DecodeError(f"this is no pairing link: it is {SCHEME}http://HOST:PORT#CODE")
    return url, code


def plain_code(text: str) -> str:
    """Return a code as it is compared: people may type small letters, spaces and hyphens."""
    return "".join(text.upper().replace("-", " ").split())


def shown_code(code: str) -> str:
    """Return a code in groups of four."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))
