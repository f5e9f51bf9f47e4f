"""Safety numbers: 60 digits, one for each pair of people, in either order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.session import safety
from zentalk.session.safety import (
    format_safety_number,
    qr_text,
    read_safety_number,
    safety_number,
    safety_numbers_match,
)

IDENTITY = st.binary(min_size=32, max_size=32)


@given(one=IDENTITY, other=IDENTITY)
def test_both_people_see_the_same_sixty_digits(one: bytes, other: bytes) -> None:
    number = safety_number(one, other)
    assert len(number) == 60
    assert number.isdecimal()
    assert number == safety_number(other, one)


@given(one=IDENTITY, other=IDENTITY, bit=st.integers(0, 255))
def test_one_changed_bit_changes_the_number(one: bytes, other: bytes, bit: int) -> None:
    flipped = (int.from_bytes(one) ^ 1 << bit).to_bytes(32)
    assert safety_number(one, other) != safety_number(flipped, other)


def test_the_number_is_frozen() -> None:
    assert safety_number(bytes(32), b"\xff" * 32) == (
        "241905422157329226845567177912904057620421889641375400422028"
    )


def test_groups_are_for_reading_aloud() -> None:
    shown = format_safety_number("1234567890" * 6)
    assert shown.split() == ["12345", "67890"] * 6


def test_matching_ignores_spaces_and_compares_in_constant_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number = safety_number(bytes(32), b"\xff" * 32)
    assert safety_numbers_match(number, format_safety_number(number))
    assert not safety_numbers_match(number, number[:-1] + str((int(number[-1]) + 1) % 10))
    assert not safety_numbers_match(number, "")
    assert not safety_numbers_match(number, "\N{GREEK SMALL LETTER ALPHA}")
    compared: list[tuple[bytes, bytes]] = []

    def equal(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return True

    monkeypatch.setattr(safety, "equal", equal)
    assert safety_numbers_match("1", "2")
    assert compared == [(b"1", b"2")]


@given(one=IDENTITY, other=IDENTITY)
def test_what_was_typed_or_scanned_is_read(one: bytes, other: bytes) -> None:
    number = safety_number(one, other)
    shown = format_safety_number(number)
    for text in (number, shown, f" {shown.replace(' ', '-')}\n", qr_text(number)):
        assert read_safety_number(text) == number


@pytest.mark.parametrize("text", ["", "1" * 59, "1" * 61, "x" + "1" * 59, "\u0661" * 60])
def test_what_has_not_sixty_digits_is_refused(text: str) -> None:
    with pytest.raises(DecodeError, match="60 digits"):
        read_safety_number(text)


def test_other_lengths_are_the_callers_error() -> None:
    with pytest.raises(LocalProtocolError):
        safety_number(bytes(31), bytes(32))
