"""How names of people are shown, so that nobody passes for another.

A name is kept as it was written. What is shown is made here: text directions stay inside the name,
and of two people whose names look alike the later one is shown with a piece of its address. Names
are compared by their *skeleton*, after the idea of Unicode's UTS #39: what looks the same has the
same skeleton, whatever it is made of. It is for comparing only and is never shown.

Nothing here decides who is who; an address does.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

_KEPT_SKELETONS: Final = 4096
_SUFFIX_CHARS: Final = 8
_MOST_PASSES: Final = 8

_FSI: Final = "\u2068"
_PDI: Final = "\u2069"
_ISOLATES: Final = frozenset("\u2066\u2067\u2068")
_DIRECTIONS: Final = _ISOLATES | frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2069")
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})

_SEEN_FORMATS: Final = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""Characters of the category Cf that are drawn all the same: signs that enclose numbers."""
_IGNORABLE_RANGES: Final = (
    (0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2065, 0x2065),
    (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF),
)  # fmt: skip
"""What Unicode calls default ignorable besides the category Cf."""
_BLANK: Final = "\u2800"
"""A braille cell without a dot: drawn as a space, though it is a symbol."""

_LOOK: Final[dict[str, str]] = {
    # Within Latin and digits. One letter stands for i, l, I and 1, which many fonts draw alike.
    "0": "o", "1": "l", "i": "l", "|": "l", "\u0131": "l", "\u01c0": "l", "3": "e", "5": "s",
    "m": "rn", "w": "vv", "\u0251": "a", "\u0261": "g", "\u0269": "l",
    "\u00f8": "o", "\u0142": "l", "\u0111": "d", "\u0127": "h", "\u0180": "b", "\u0268": "l",
    # Cyrillic.
    "\u0430": "a", "\u0432": "b", "\u0435": "e", "\u0437": "e", "\u043a": "k", "\u043c": "rn",
    "\u043d": "h", "\u043e": "o", "\u0440": "p", "\u0441": "c", "\u0442": "t", "\u0443": "y",
    "\u0445": "x", "\u044c": "b", "\u0455": "s", "\u0456": "l", "\u0458": "j", "\u0475": "v",
    "\u0501": "d", "\u051b": "q", "\u051d": "vv", "\u0433": "r", "\u043f": "n", "\u04bb": "h",
    "\u04cf": "l", "\u04af": "y",
    # Greek.
    "\u03b1": "a", "\u03b2": "b", "\u03b3": "y", "\u03b5": "e", "\u03b6": "z", "\u03b7": "n",
    "\u03b9": "l", "\u03ba": "k", "\u03bc": "u", "\u03bd": "v", "\u03bf": "o", "\u03c1": "p",
    "\u03c3": "o", "\u03c4": "t", "\u03c5": "u", "\u03c7": "x", "\u03c9": "vv",
    "\u03f3": "j",
    # Armenian and Hebrew letters that pass for Latin ones.
    "\u0585": "o", "\u057d": "u", "\u0570": "h", "\u05d5": "l", "\u05e1": "o",
}  # fmt: skip
"""For a letter, as it is after case folding, the one that stands for all that look like it.

What a letter leads to leads nowhere else. It is a small table of the common ones: names that this
program takes for different may still look alike in some font.
"""
_LOOKS: Final = str.maketrans(_LOOK)


class Named(NamedTuple):
    """Somebody who is to be shown: an address in its text form, and a name as it was written."""

    address: str
    name: str


class ShownName(NamedTuple):
    """A name as it is to be shown; `looks_like` is the address of an earlier person, or empty."""

    name: str
    looks_like: str


def shown_names(people: Iterable[Named]) -> list[ShownName]:
    """Return how each name is shown, given the people in the order in which they became known.

    An empty name, or one that shows nothing, is shown as empty: show the address instead.
    """
    taken: dict[str, str] = {}
    return [take(person, taken) for person in people]


def take(person: Named, taken: dict[str, str]) -> ShownName:
    """Return how one more name is shown, and note in `taken` (skeletons, addresses) that it is."""
    look, own = _look(person, taken)
    if own:
        taken[own] = person.address
    return look


def look_beside(person: Named, taken: Mapping[str, str]) -> ShownName:
    """Return how a name would be shown beside those that are taken; its own does not count."""
    return _look(person, taken)[0]


def _look(person: Named, taken: Mapping[str, str]) -> tuple[ShownName, str]:
    own = skeleton(person.name)
    if not own:
        return ShownName("", ""), ""
    shown, earlier = isolated(person.name), taken.get(own, person.address)
    if earlier == person.address:
        return ShownName(shown, ""), own
    shown, own = _distinct(shown, person.address, taken)
    return ShownName(shown, earlier), own


def _distinct(name: str, address: str, taken: Mapping[str, str]) -> tuple[str, str]:
    """Return a name with as much of its address as nobody has in theirs, and its skeleton.

    Somebody may have called themselves what another is shown as; nobody has another's address.
    """
    short = f"{name} (\N{HORIZONTAL ELLIPSIS}{address[-_SUFFIX_CHARS:]})"
    shown = short if skeleton(short) not in taken else f"{name} ({address})"
    return shown, skeleton(shown)


@lru_cache(maxsize=_KEPT_SKELETONS)
def skeleton(name: str) -> str:
    """Return what two names have in common that look the same; empty if nothing is seen of it."""
    for _ in range(_MOST_PASSES):
        again = _pass(name)
        if again == name:
            break
        name = again
    return name


def isolated(name: str) -> str:
    """Return a name whose directions end with it, so that what follows is read as it stands.

    Only names with letters from right to left, or with controls of direction, are changed.
    """
    if not any(_turns(character) for character in name):
        return name
    balanced = _balanced(name)
    return balanced if _is_one_isolate(balanced) else f"{_FSI}{balanced}{_PDI}"


def is_ignorable(character: str) -> bool:
    """Tell whether a character shows nothing, and takes no room."""
    if unicodedata.category(character) in ("Cf", "Cc"):
        return character not in _SEEN_FORMATS and not character.isspace()
    code = ord(character)
    return any(low <= code <= high for low, high in _IGNORABLE_RANGES)


def _pass(name: str) -> str:
    """Make one step towards the skeleton; case folding may bring up what the next one changes."""
    seen = "".join(character for character in name if not is_ignorable(character))
    folded = unicodedata.normalize("NFKD", seen).casefold().replace(_BLANK, " ")
    return " ".join(unicodedata.normalize("NFKD", folded.translate(_LOOKS)).split())


def _turns(character: str) -> bool:
    return character in _DIRECTIONS or unicodedata.bidirectional(character) in _RIGHT_TO_LEFT


def _balanced(name: str) -> str:
    """Close every isolate that is open at the end, and drop what would close one outside."""
    kept, depth = [], 0
    for character in name:
        if character in _ISOLATES:
            depth += 1
        elif character == _PDI:
            if not depth:
                continue
            depth -= 1
        kept.append(character)
    return "".join(kept) + _PDI * depth


def _is_one_isolate(balanced: str) -> bool:
    """Tell whether a balanced text is an isolate from its first character to its last."""
    if balanced[:1] != _FSI:
        return False
    depth = 0
    for place, character in enumerate(balanced):
        depth += (character in _ISOLATES) - (character == _PDI)
        if not depth:
            return place == len(balanced) - 1
    return False
