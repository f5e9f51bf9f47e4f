"""Types of settings that may be written with a unit."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from zentalk.config.units import to_bytes, to_seconds

ByteSize = Annotated[int, BeforeValidator(to_bytes)]
Seconds = Annotated[int, BeforeValidator(to_seconds)]


def takes_units(field: FieldInfo) -> bool:
    """Tell whether the key takes text with a unit."""
    return any(getattr(item, "func", None) in (to_bytes, to_seconds) for item in field.metadata)
