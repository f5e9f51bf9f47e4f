"""The only door to QR codes: a text as an image, or as lines for a terminal.

It draws what it is given and knows nothing of what it means.
"""

from __future__ import annotations

import io

import segno

_SCALE = 8
"""Pixels of a PNG for each module: large enough for a camera, small enough for a page."""


def svg(text: str) -> bytes:
    """Return a QR code as an SVG document."""
    out = io.BytesIO()
    _code(text).save(out, kind="svg", scale=_SCALE, light="#fff", xmldecl=True)
    return out.getvalue()


def png(text: str) -> bytes:
    """Return a QR code as a PNG image."""
    out = io.BytesIO()
    _code(text).save(out, kind="png", scale=_SCALE)
    return out.getvalue()


def lines(text: str) -> list[str]:
    """Return a QR code for a terminal, two rows of modules in each line.

    An invite link takes 45 columns and 23 lines, the quiet zone around it included.
    """
    out = io.StringIO()
    _code(text).terminal(out, compact=True)
    return out.getvalue().splitlines()


def _code(text: str) -> segno.QRCode:
    """Make a code of the lowest level of correction: it is read from a screen, not from paper."""
    return segno.make_qr(text, error="l", boost_error=False)
