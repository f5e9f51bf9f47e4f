"""QR codes: what they hold is what was given, and they fit where they are shown."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
import zlib

import segno

from zentalk import qr
from zentalk.ids import UserAddress
from zentalk.wire.invite import InviteLink, format_invite

LINK = format_invite(InviteLink(UserAddress(bytes(range(32))), bytes(range(16))))
QUIET = 4


def expected() -> list[list[bool]]:
    """The modules of the code, with the quiet zone around them."""
    code = segno.make_qr(LINK, error="l", boost_error=False)
    rows = [[bool(module) for module in row] for row in code.matrix_iter(border=QUIET)]
    assert code.version == 5
    return rows


def test_lines_show_every_module_in_23_lines_of_45() -> None:
    dark = {" ": (True, True), "\u2580": (False, True), "\u2584": (True, False)}
    rows: list[list[bool]] = []
    lines = qr.lines(LINK)
    for line in lines:
        halves = [dark.get(character, (False, False)) for character in line]
        rows += [[upper for upper, _ in halves], [lower for _, lower in halves]]
    assert rows[:45] == expected()
    assert (len(lines), {len(line) for line in lines}) == (23, {45})


def test_a_png_has_every_module() -> None:
    image = qr.png(LINK)
    width, height, depth = struct.unpack(">IIB", image[16:25])
    start = image.index(b"IDAT")
    [length] = struct.unpack(">I", image[start - 4 : start])
    raw = zlib.decompress(image[start + 4 : start + 4 + length])
    stride = 1 + (width * depth + 7) // 8
    assert (width, height, depth) == (45 * 8, 45 * 8, 1)
    rows = []
    for row in range(45):
        line = raw[row * 8 * stride + 1 : (row * 8 + 1) * stride]
        assert (
            line == raw[(row * 8 + 1) * stride + 1 : (row * 8 + 2) * stride]
            or raw[(row * 8 + 1) * stride]
        )
        rows.append([line[column] == 0 for column in range(45)])
    assert rows == expected()


def test_an_svg_is_a_document_that_loads_nothing() -> None:
    text = qr.svg(LINK).decode()
    root = ET.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "href" not in text
    assert "script" not in text
