"""The event that every core of the directory takes besides its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimePassed:
    """The deadline of `next_deadline` is reached."""
