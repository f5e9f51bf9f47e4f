"""Recovery phrases: BIP39's own vectors, and every slip of a phrase is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.crypto import phrase as module
from zentalk.crypto.phrase import MAX_PHRASE_CHARS, make_phrase, phrase_secret
from zentalk.crypto.types import Entropy
from zentalk.errors import DecodeError, LocalProtocolError

ABOUT = "abandon " * 11 + "about"
# From the test vectors that BIP39 refers to (github.com/trezor/python-mnemonic, vectors.json).
VECTORS = [
    ("00" * 16, ABOUT),
    ("7f" * 16, "legal winner thank year wave sausage worth useful legal winner thank yellow"),
    ("80" * 16, "letter advice cage absurd amount doctor acoustic avoid letter advice cage above"),
    ("ff" * 16, "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong"),
    ("00" * 32, "abandon " * 23 + "art"),
    (
        "68a79eaca2324873eacc50cb9c6eca8cc68ea5d936f98787c60c7ebc74e6ce7c",
        "hamster diagram private dutch cause delay private meat slide toddler razor book happy \
fancy gospel tennis maple dilemma loan word shrug inflict delay length",
    ),
]


def _of(raw: bytes) -> Entropy:
    return lambda count: raw[:count]


@pytest.mark.parametrize(("raw", "words"), VECTORS)
def test_phrases_are_those_of_bip39(raw: str, words: str) -> None:
    entropy = bytes.fromhex(raw)
    assert make_phrase(len(words.split()), _of(entropy)) == words
    assert phrase_secret(words) == entropy


@given(st.binary(min_size=32, max_size=32), st.sampled_from([12, 24]))
def test_a_phrase_gives_back_what_it_was_made_of(raw: bytes, words: int) -> None:
    made = make_phrase(words, _of(raw))
    assert len(made.split()) == words
    assert phrase_secret(made) == raw[: words * 4 // 3]


def test_case_spaces_and_line_breaks_do_not_matter() -> None:
    assert phrase_secret("\n  Abandon" + " ABANDON\t" * 10 + "\r\nabout ") == bytes(16)


@given(st.integers(0, 11), st.text(alphabet="abcdefgh", min_size=1, max_size=9))
def test_an_unknown_word_is_named_by_its_place_and_not_shown(place: int, word: str) -> None:
    words = ABOUT.split()
    if word in module._known_words():
        return
    words[place] = word
    with pytest.raises(DecodeError, match=rf"word {place + 1} is no word") as refused:
        phrase_secret(" ".join(words))
    assert "about" not in str(refused.value)


def test_words_in_another_order_are_refused() -> None:
    words = VECTORS[-1][1].split()
    words[0], words[1] = words[1], words[0]
    with pytest.raises(DecodeError, match="do not belong together") as refused:
        phrase_secret(" ".join(words))
    assert refused.value.__cause__ is None
    assert not any(word in str(refused.value) for word in words if len(word) > 5)


def test_a_wrong_word_at_the_end_passes_once_in_sixteen_times_and_no_more() -> None:
    """The checksum has 4 bits for 12 words: what it lets through opens nothing."""
    passed = 0
    for word in module._known_words():
        try:
            phrase_secret("abandon " * 11 + word)
            passed += 1
        except DecodeError:
            continue
    assert passed == 2048 // 16


@pytest.mark.parametrize(
    "text", ["", "abandon", ABOUT + " about", "abandon " * 14 + "about", "a" * 10_000]
)
def test_another_number_of_words_is_refused(text: str) -> None:
    with pytest.raises(DecodeError, match="12 or 24 words"):
        phrase_secret(text)


def test_so_is_a_text_that_is_much_too_long() -> None:
    with pytest.raises(DecodeError, match="12 or 24 words"):
        phrase_secret(ABOUT + " " * MAX_PHRASE_CHARS)


def test_only_whole_phrases_are_made() -> None:
    with pytest.raises(LocalProtocolError, match="12 or 24"):
        make_phrase(15, bytes)


def test_the_secret_of_a_phrase_does_not_show_itself() -> None:
    assert repr(phrase_secret(ABOUT)) == "<secret, 16 bytes>"
