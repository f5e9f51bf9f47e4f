"""Numbers that bound requests.

The largest text, with every byte of it escaped in JSON, fits a body; nothing much larger does.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

MAX_BODY_BYTES: Final = 512 * 1024
MAX_PAGE: Final = 1000
MAX_SEQUENCE: Final = 2**53 - 1
"""The largest whole number that every reader of JSON keeps exact."""
MIN_PLACE: Final = -(2**53)
"""Numbers of imported messages are below 0."""
MAX_KEY_CHARS: Final = 255
MAX_NAME_CHARS: Final = 200
MAX_EVENT_TYPES: Final = 16
"""Types of events that one reader may name."""
EventType = Annotated[str, Field(max_length=64, pattern=r"^[a-z]+(\.[a-z_-]+)*\.?$")]
"""A type of events, or, with a dot at its end, all that begin so."""
