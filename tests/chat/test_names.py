"""Names: kept as written, shown so that nobody passes for another."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zentalk.chat import names
from zentalk.chat.names import Named, ShownName, is_ignorable, isolated, shown_names, skeleton

IGNORABLE = (
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\ufe0f\u3164\u115f\u2066\u2067\u2068\u2069"
    "\u202a\u202b\u202c\u202d\u202e\u200e\u200f\u061c\U000e0041\U000e0100\u0007"
)
TEXTS = st.text(max_size=30) | st.text(
    st.sampled_from("bo0O\u043e\u03bfl1Ii|mrnwv \u0301\u0323\u05d0\u0627" + IGNORABLE), max_size=12
)
ADDRESSES = st.lists(st.text("abcdef234567", min_size=59, max_size=59), unique=True, max_size=6)


@given(TEXTS)
@example("\u0345\u0399")
@example("\u1e9e\ufb03\u2126")
def test_a_skeleton_is_its_own_skeleton(text: str) -> None:
    assert skeleton(skeleton(text)) == skeleton(text)


@given(TEXTS, st.data())
def test_what_shows_nothing_changes_no_skeleton(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text)))
    inserted = data.draw(st.text(st.sampled_from(IGNORABLE), min_size=1, max_size=3))
    assert skeleton(text[:place] + inserted + text[place:]) == skeleton(text)


def test_control_without_removal_a_joiner_makes_another_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(names, "is_ignorable", lambda _character: False)
    skeleton.cache_clear()
    assert skeleton("bo\u200db") != skeleton("bob")
    skeleton.cache_clear()


@given(TEXTS)
def test_forms_and_cases_do_not_matter(text: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert skeleton(unicodedata.normalize(form, text)) == skeleton(text)
    assert skeleton(skeleton(text).upper()) == skeleton(skeleton(text).upper().casefold())


@pytest.mark.parametrize(
    "other",
    [
        "B\u043eb",  # Cyrillic o
        "\u0412ob",  # Cyrillic Ve
        "\u0392\u03bfb",  # Greek
        "B0b",
        "BOB",
        " Bob\u00a0",
        "\uff22\uff4f\uff42",  # full width
        "B\u200bo\u200db",
        "\u202eBob\u202c",
        "\U0001d401\U0001d428\U0001d41b",  # mathematical bold
    ],
)
def test_what_looks_like_bob_has_bobs_skeleton(other: str) -> None:
    assert skeleton(other) == skeleton("Bob")


@pytest.mark.parametrize(("one", "other"), [("Bill", "BiII"), ("Mary", "rnary"), ("Will", "Vvi1l")])
def test_letters_that_look_alike_within_latin(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize("other", ["Rob", "Bobby", "\u05d1\u05d5\u05d1", "Bo", "\U0001f600", "Böb"])
def test_what_does_not_look_like_bob(other: str) -> None:
    assert skeleton(other) not in ("", skeleton("Bob"))


def test_what_a_letter_leads_to_leads_nowhere_else() -> None:
    for source, target in names._LOOK.items():
        assert skeleton(source) == skeleton(target) == target
        assert source.casefold() == source


def show(*people: Sequence[str]) -> list[ShownName]:
    return shown_names(Named(address, name) for address, name in people)


def test_the_later_of_two_that_look_alike_is_shown_with_its_address() -> None:
    bob, eve = "zt1" + "b" * 56, "zt1" + "e" * 56
    assert show((bob, "Bob"), (eve, "B\u043eb")) == [
        ShownName("Bob", ""),
        ShownName(f"B\u043eb (\u2026{'e' * 8})", bob),
    ]
    assert show((eve, "B\u043eb"), (bob, "Bob"))[0] == ShownName("B\u043eb", "")


def test_nobody_can_call_themselves_what_another_is_shown_as() -> None:
    bob, eve, mallory = ("zt1" + letter * 56 for letter in "bem")
    first, second, third = show((bob, "Bob"), (mallory, f"Bob (\u2026{'e' * 8})"), (eve, "Bob"))
    assert third == ShownName(f"Bob ({eve})", bob)
    assert len({skeleton(one.name) for one in (first, second, third)}) == 3


@given(ADDRESSES, st.data())
def test_all_that_are_shown_look_different(addresses: list[str], data: st.DataObject) -> None:
    chosen = st.sampled_from(["Bob", "B0b", "bob\u200b", "\u05d1\u05d5\u05d1", "Bob (\u2026abc)"])
    people = [Named(address, data.draw(chosen)) for address in addresses]
    shown = shown_names(people)
    assert len({skeleton(one.name) for one in shown}) == len(people)
    for person, one in zip(people, shown, strict=True):
        kept = "".join(c for c in person.name if not is_ignorable(c))
        assert "".join(c for c in one.name if not is_ignorable(c)).startswith(kept)


@pytest.mark.parametrize("name", ["", " ", "\u200b\u2060", "\u3164", "\u2800"])
def test_a_name_that_shows_nothing_is_shown_as_none(name: str) -> None:
    assert show(("zt1a", name), ("zt1b", name)) == [ShownName("", ""), ShownName("", "")]


EMOJI = "\U0001f468\u200d\U0001f469\u200d\U0001f467 Zo\u0308e \u0e2a\u0e27\u0e31\u0e2a"


@pytest.mark.parametrize("name", ["Bob", EMOJI, "Jos\u00e9"])
def test_a_name_from_left_to_right_is_shown_as_it_was_written(name: str) -> None:
    assert show(("zt1a", name)) == [ShownName(name, "")]


@given(TEXTS)
def test_directions_end_with_the_name(text: str) -> None:
    shown = isolated(text)
    assert isolated(shown) == shown
    depth = 0
    for character in shown:
        depth += (character in "\u2066\u2067\u2068") - (character == "\u2069")
        assert depth >= 0
    if shown != text or any(c in "\u202a\u202b\u202d\u202e" for c in text):
        assert depth == 0
        assert (shown[0], shown[-1]) == ("\u2068", "\u2069")


def test_an_override_does_not_turn_round_what_follows() -> None:
    assert isolated("\u202etxt.exe") == "\u2068\u202etxt.exe\u2069"
    assert isolated("a\u2069b\u2067c") == "\u2068ab\u2067c\u2069\u2069"
    assert isolated("\u05d3\u05df") == "\u2068\u05d3\u05df\u2069"
