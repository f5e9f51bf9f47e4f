"""This version as a later one: texts that begin so are of a kind, or have a key, that is new."""

from __future__ import annotations

import sys
from typing import Any

from zentalk import cli
from zentalk.wire import content
from zentalk.wire.codec import pack


def later(value: Any) -> bytes:
    """Encode a content as a later version might."""
    text = value.get("b") if isinstance(value, dict) and value.get("k") == "text" else None
    if isinstance(text, str) and text.startswith("hologram "):
        value = {**value, "k": "hologram", "b": [1, b"light"], "f": f"A hologram: {text[9:]}"}
    elif isinstance(text, str) and text.startswith("nudge "):
        value = {**value, "k": "nudge", "b": 7}
    elif isinstance(text, str) and text.startswith("scented "):
        value = {**value, "s": "roses"}
    return pack(value)


vars(content)["pack"] = later
sys.exit(cli.main())
