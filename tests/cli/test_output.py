"""What of other people's text reaches a terminal as it was written, and what does not."""

import pytest

from zentalk.cli.output import harmless


@pytest.mark.parametrize(
    "text",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a non-joiner
        "\u0915\u094d\u200d\u0937",  # Devanagari, with a joiner
        "e\u0301\u0323",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u2764\ufe0f",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "\u3053\u3093\u3000\u306b\u3061",  # with an ideographic space
        "10\u00a0000\u202f\u20ac",
        "\u05d0\u200f!",
        "\U0001faea",  # newer than this interpreter's tables, perhaps
    ],
)
def test_what_people_write_is_shown_to_the_letter(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize(
    "character",
    ["\x1b", "\x07", "\r", "\t", "\x7f", "\x9b", "\u2028", "\u2029", "\u202e", "\u2066", "\ud800"],
)
def test_what_a_terminal_would_obey_is_replaced(character: str) -> None:
    assert harmless(f"a{character}b") == "a\N{REPLACEMENT CHARACTER}b"


def test_a_text_of_two_lines_is_one_line() -> None:
    assert harmless("a\nb") == "a b"
