"""Recovery phrases: 12 or 24 words that stand for 128 or 256 random bits (BIP39).

The words, and the checksum in the last of them, are those of BIP39, so that a phrase can be kept
wherever such phrases are kept. What is done with it is our own: a random phrase needs no slow
derivation, and BIP39's passwords are not used. The package `mnemonic` is imported nowhere else.
No error, log or repr shows a word.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

from mnemonic import Mnemonic

from zentalk.crypto.types import Entropy, Secret
from zentalk.errors import DecodeError, LocalProtocolError

WORD_COUNTS: Final = (12, 24)
MAX_PHRASE_CHARS: Final = 512
"""24 words of at most 8 letters are 215 characters; the rest is for spaces and line breaks."""
_BYTES: Final = {12: 16, 24: 32}


def make_phrase(words: int, entropy: Entropy) -> str:
    """Draw a phrase of so many words; raises LocalProtocolError unless they are 12 or 24."""
    if words not in _BYTES:
        raise LocalProtocolError("a recovery phrase has 12 or 24 words")
    return _english().to_mnemonic(entropy(_BYTES[words]))


def phrase_secret(text: str) -> Secret:
    """Return the 16 or 32 random bytes that a phrase stands for.

    Case, spaces and line breaks do not matter. Raises DecodeError, with a sentence for the user,
    if a word is unknown, the number of words is wrong, or the last word does not fit the others.
    """
    words = split_phrase(text)
    known = _known_words()
    for place, word in enumerate(words, start=1):
        if word not in known:
            raise DecodeError(f"word {place} is no word of recovery phrases: look at it again")
    try:
        return Secret(bytes(_english().to_entropy(list(words))))
    except ValueError:
        raise DecodeError(
            "these words do not belong together: one of them is another, or two have changed places"
        ) from None


def split_phrase(text: str) -> tuple[str, ...]:
    """Return the words of a phrase in lower case; raises DecodeError if they are not 12 or 24."""
    words = unicodedata.normalize("NFKD", text[: MAX_PHRASE_CHARS + 1]).lower().split()
    if len(text) > MAX_PHRASE_CHARS or len(words) not in WORD_COUNTS:
        raise DecodeError("a recovery phrase has 12 or 24 words: type all of them, in their order")
    return tuple(words)


@cache
def _english() -> Mnemonic:
    return Mnemonic("english")


@cache
def _known_words() -> frozenset[str]:
    return frozenset(_english().wordlist)
