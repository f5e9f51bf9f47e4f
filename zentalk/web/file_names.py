"""Names of files that somebody else chose, made into names that are safe to write to.

A name must never lead to another folder, hide a file, look like an option of a command, drive a
terminal, or read in another order than it is written.
"""

from __future__ import annotations

from typing import Final
from unicodedata import category

MAX_BYTES: Final = 200
"""Leaves room for what programs put around a name; file systems take 255."""
_MAX_ENDING: Final = 20
_BAD_KINDS: Final = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Controls, characters that are not seen or turn text round, halves of pairs, line breaks."""
_BAD: Final = frozenset('<>:"|?*')
"""Not allowed in names by other systems, to which a file may go."""


def safe_name(name: str, cid: str, ending: str = "") -> str:
    """Return the last part of a name, without what is not safe.

    If nothing is left, it is made of the CID and the `ending`, such as `.jpg`.
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join("_" if _is_bad(char) else char for char in last)
    kept = kept.strip().lstrip(".-~ ").rstrip(". ")
    return _shortened(kept) or f"file-{cid[:16]}{ending}"


def _is_bad(char: str) -> bool:
    return char in _BAD or category(char) in _BAD_KINDS


def _shortened(name: str) -> str:
    """Return a name that is not too long, with its ending."""
    if len(name.encode()) <= MAX_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    tail = dot + ending if stem and len(ending) <= _MAX_ENDING else ""
    room = MAX_BYTES - len(tail.encode())
    head = (stem if tail else name).encode()[:room].decode("utf-8", "ignore")
    return head.rstrip() + tail
