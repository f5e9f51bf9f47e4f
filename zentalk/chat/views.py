"""Bodies as clients read them, and the line of text that stands for each."""

from __future__ import annotations

import base64
from typing import Any

from zentalk.chat.kinds import KINDS
from zentalk.wire.chat import (
    MICRODEGREES,
    Body,
    Card,
    FileCard,
    Location,
    Poll,
    Sticker,
    kind_of,
)
from zentalk.wire.content import MAX_FALLBACK_BYTES
from zentalk.wire.text import format_address

SOUTH, WEST = 90 * MICRODEGREES, 180 * MICRODEGREES


def body_view(body: Body | None) -> dict[str, Any] | None:
    """Return a line's body in the form of JSON; None where the text is all of it."""
    match body:
        case Poll(question, options, multiple):
            return {"question": question, "options": list(options), "multiple": multiple}
        case Card(address, name):
            return {"address": format_address(address), "name": name}
        case Sticker(emoji, picture):
            return {"emoji": emoji, "picture": base64.b64encode(picture).decode("ascii")}
        case Location(latitude, longitude, label):
            return {
                "latitude": (latitude - SOUTH) / MICRODEGREES,
                "longitude": (longitude - WEST) / MICRODEGREES,
                "label": label,
            }
        case FileCard():
            return {
                "cid": body.cid.hex(),
                "name": body.name,
                "size": body.size,
                "media_type": body.media_type,
                "preview": base64.b64encode(body.preview).decode("ascii"),
                "width": body.width,
                "height": body.height,
                "milliseconds": body.milliseconds,
                "voice": body.voice,
            }
        case _:
            return None


def line_of(body: Body | None) -> str:
    """Return the text under which a body is listed, searched and previewed."""
    match body:
        case Poll(question):
            return question
        case Card(address, name):
            return name or format_address(address)
        case Sticker(emoji):
            return emoji
        case FileCard():
            return body.name
        case Location(latitude, longitude, label):
            place = f"{(latitude - SOUTH) / MICRODEGREES:.5f}, "
            return label or place + f"{(longitude - WEST) / MICRODEGREES:.5f}"
        case _:
            return ""


def fallback_of(body: Body) -> str:
    """Return what a node shows that does not know this kind; empty if it is to show nothing.

    It is cut, between two characters, to the bytes that a content has for it.
    """
    line = KINDS[kind_of(body)].fallback.format(line_of(body))
    return line.encode("utf-8", "replace")[:MAX_FALLBACK_BYTES].decode("utf-8", "ignore")
