"""A long content is cut into parts, each of which fits an envelope of class L."""

from __future__ import annotations

from typing import Final

from zentalk.wire.content import PART, Content, Part, encode_content

PART_BYTES: Final = 31_000
"""Fits a class L envelope beside an initial header, a route and a part's own fields."""


def pieces(content: Content) -> list[tuple[Content, bytes]]:
    """Return a content, or its parts if it is long, each with its encoded form."""
    whole = encode_content(content)
    if len(whole) <= PART_BYTES:
        return [(content, whole)]
    chunks = [whole[start : start + PART_BYTES] for start in range(0, len(whole), PART_BYTES)]
    pieces = [
        Content(
            kind=PART,
            message_id=content.message_id,
            part=Part(index, len(chunks), chunk),
            route_seen=content.route_seen,
        )
        for index, chunk in enumerate(chunks)
    ]
    return [(piece, encode_content(piece)) for piece in pieces]
