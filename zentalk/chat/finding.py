"""Finds people and groups by the beginnings of the words in their names.

Accents and capitals do not matter, as in the search of messages.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_WORD: Final = re.compile(r"\w+")


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a name or a query, as they are compared."""
    if text.isascii():
        return tuple(_WORD.findall(text.lower()))
    parts = unicodedata.normalize("NFKD", text.casefold())
    return tuple(_WORD.findall("".join(one for one in parts if not unicodedata.combining(one))))


def is_found(names: Iterable[str], query: str) -> bool:
    """Tell whether each word of a query begins a word of one of somebody's names."""
    wanted = words_of(query)
    known = [word for name in names for word in words_of(name)]
    return bool(wanted) and all(any(one.startswith(word) for one in known) for word in wanted)
