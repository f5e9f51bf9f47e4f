"""Sizes and durations as people write them: `256MiB`, `30d`. Plain numbers are bytes and seconds.

A text needs its unit: a bare number in quotes stays an error, as everywhere in the settings. It
must import no library that validates: commands that take a duration would wait for it.
"""

from __future__ import annotations

import re
from typing import Final

_BYTES: Final = {
    "b": 1,
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", start=1)},
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", start=1)},
}
_SECONDS: Final = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_FORM: Final = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,9}))?\s*([a-zA-Z]{1,3})")


def to_bytes(value: object) -> object:
    """Return the bytes that a text such as `256MiB` or `1.5 GB` names; others unchanged.

    Raises ValueError.
    """
    return _amount(value, _BYTES, 'a whole number of bytes, or text such as "256MiB" or "2GB"')


def to_seconds(value: object) -> object:
    """Return the seconds that a text such as `30d` or `12h` names; others unchanged.

    Raises ValueError.
    """
    return _amount(
        value, _SECONDS, 'a whole number of seconds, or text such as "90s", "15min", "12h" or "30d"'
    )


def _amount(value: object, units: dict[str, int], wanted: str) -> object:
    if not isinstance(value, str):
        return value
    found = _FORM.fullmatch(value.strip())
    unit = units.get(found[3].lower()) if found else None
    if found is None or unit is None:
        raise ValueError(f"it must be {wanted}")
    part = found[2] or "0"
    return int(found[1]) * unit + int(part) * unit // 10 ** len(part)
