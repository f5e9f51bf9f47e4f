"""Tokens become values; what the reference says about them."""

from pathlib import Path
from typing import Annotated, Literal

import pytest

from zentalk.cli.errors import UsageError
from zentalk.cli.grammar import App, Group, Parameter
from zentalk.cli.help import help_of
from zentalk.cli.reading import choose, read, wants_help

group = Group("box", "Put things in.")
app = App("tool", "Tidies up.", {"box": group})


@group.command(name="fill")
def fill(
    first: Annotated[str, Parameter(help="The first thing.")],
    rest: Annotated[list[str] | None, Parameter("THINGS", help="The others.")] = None,
    /,
    *,
    directory: Annotated[Path, Parameter("--dir", help="Where.")],
    size: Annotated[int, Parameter(help="How large.")] = 3,
    weight: Annotated[float, Parameter(help="How heavy.")] = 1.5,
    colour: Annotated[Literal["red", "blue"] | None, Parameter(help="Which.")] = None,
    label: Annotated[list[str], Parameter(help="What stands on it.")] | None = None,
    depth: Annotated[int, Parameter(help="How deep.", otherwise=lambda: 7)],
    shut: Annotated[bool, Parameter(help="Close it.")] = False,
) -> int:
    """Fill a box.

    It may overflow.
    """
    raise NotImplementedError


def values(*typed: str) -> dict[str, object]:
    return read(group.commands["fill"], ("tool", "box", "fill"), typed)


def test_words_and_options_in_any_order() -> None:
    read = values("a", "--size", "-4", "b", "--dir=x=y", "c", "--shut", "--weight", "2")
    assert read == {
        "first": "a",
        "rest": ["b", "c"],
        "directory": Path("x=y"),
        "size": -4,
        "weight": 2.0,
        "colour": None,
        "label": None,
        "depth": 7,
        "shut": True,
    }


def test_an_option_with_several_values_takes_all_up_to_the_next_option() -> None:
    read = values("--label", "a", "b", "--dir", "d", "--label", "c", "--", "--size", "-x")
    assert read["label"] == ["a", "b", "c"]
    assert (read["first"], read["rest"]) == ("--size", ["-x"])


def test_a_negative_number_is_a_word() -> None:
    read = values("-4", "-0.5", "--dir", "d")
    assert (read["first"], read["rest"]) == ("-4", ["-0.5"])
    with pytest.raises(UsageError, match="no option -x4"):
        values("-x4", "--dir", "d")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("--dir d", "FIRST is missing"),
        ("a", "--dir is missing"),
        ("a --dir --shut", "--dir needs a value"),
        ("a --dir d --dir e", "--dir is given more than once"),
        ("a --dir d --size 1.5", "--size takes a whole number, not '1.5'"),
        ("a --dir d --weight much", "--weight takes a number, not 'much'"),
        ("a --dir d --colour green", "--colour takes red or blue, not 'green'"),
        ("a --dir d --shut=no", "--shut takes no value"),
        ("a --dir d --sizes 1", "there is no option --sizes; did you mean --size?"),
        ("a --dir d -x", "there is no option -x"),
    ],
)
def test_refusals(typed: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        values(*typed.split())
    assert str(caught.value).startswith(sentence)
    assert str(caught.value).endswith("ee: tool box fill --help")


def test_help_is_asked_for_before_the_words_that_follow_two_hyphens() -> None:
    assert wants_help(["a", "-h"])
    assert wants_help(["--size", "3", "--help"])
    assert not wants_help(["--", "--help"])


def test_help_names_every_argument_with_its_default() -> None:
    chosen = choose(app, ["box", "fill", "--help"])
    text = " ".join(help_of(app, *chosen[:2]).split())
    assert text.startswith("Usage: tool box fill FIRST [THINGS ...] --dir DIR [--size SIZE]")
    assert "Fill a box. It may overflow." in text
    assert "--size SIZE How large. [default: 3]" in text
    assert "--colour red|blue Which." in text
    assert "--shut Close it." in text
    assert "fill Fill a box." in " ".join(help_of(app, group, None).split())
    assert "box Put things in." in " ".join(help_of(app, None, None).split())
