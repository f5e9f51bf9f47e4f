"""QR codes, as text for a terminal and as pictures. The only door to the library that makes them.

The library is loaded when a code is drawn, and not before.
"""

from __future__ import annotations

import io
from importlib import import_module
from typing import Any, Final, Literal

from zentalk.errors import UnavailableError

QUIET_ZONE: Final = 4
"""Light modules around a code (ISO/IEC 18004, 9.1)."""
_SCALE: Final = 8
_BLOCKS: Final = {(False, False): "\u2588", (False, True): "\u2580", (True, False): "\u2584"}
"""Two modules below each other as one character; what is drawn is light, on a dark terminal."""


def terminal(text: str) -> str:
    """Return a QR code as lines of block characters; raises UnavailableError."""
    rows = [[bool(module) for module in row] for row in _code(text).matrix_iter(border=QUIET_ZONE)]
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    return "\n".join(
        "".join(_BLOCKS.get(pair, " ") for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    )


def picture(text: str, kind: Literal["svg", "png"]) -> bytes:
    """Return a QR code as a file; raises UnavailableError."""
    out = io.BytesIO()
    _code(text).save(out, kind=kind, scale=_SCALE, border=QUIET_ZONE)
    return out.getvalue()


def _code(text: str) -> Any:
    try:
        segno = import_module("segno")
    except ImportError:
        raise UnavailableError(
            "QR codes need the package segno: install zentalk again with all it depends on"
        ) from None
    return segno.make_qr(text, error="m")
