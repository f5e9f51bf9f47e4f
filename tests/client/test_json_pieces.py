"""A JSON file read in pieces: the same as read at once, in memory that does not grow with it."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.client import json_pieces
from zentalk.client.json_pieces import JsonPieces
from zentalk.errors import DecodeError

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def walked(text: str) -> dict[str, list[Any]]:
    """Read an object of lists, value by value."""
    pieces = JsonPieces(io.StringIO(text))
    found = {key: [pieces.value() for _ in pieces.items()] for key in pieces.members()}
    pieces.end()
    return found


@given(
    st.dictionaries(st.text(), st.lists(values, max_size=5), max_size=4),
    st.sampled_from([None, 1]),
    st.integers(1, 9),
)
def test_it_is_the_same_as_read_at_once(
    document: dict[str, list[Any]], indent: int | None, chunk: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_pieces, "_CHUNK_CHARS", chunk)
        text = json.dumps(document, indent=indent, ensure_ascii=False)
        assert walked(f"  {text}\n") == json.loads(text)


@given(st.text(alphabet='{}[]:,"a1 -.e\\ntrufls', max_size=30))
def test_what_is_not_json_is_refused_and_nothing_else_happens(text: str) -> None:
    try:
        found = walked(text)
    except DecodeError:
        return
    assert found == json.loads(text)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "[]",
        "{",
        '{"a": [1, 2',
        '{"a": [1 2]}',
        '{"a": [NaN]}',
        '{"a": [1]} {}',
        '{"a": [%s]}' % ("[" * 200_000),
        '{"a": [%s]}' % ("9" * 5_000),
        '{"a": ["%s"]}' % ("x" * 2**22),
        "{1: []}",
    ],
)  # fmt: skip
def test_what_nothing_needs_is_refused(wrong: str) -> None:
    with pytest.raises(DecodeError):
        walked(wrong)


def test_a_file_that_is_not_text_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'{"a": ["\xff"]}')
    with path.open(encoding="utf-8") as file, pytest.raises(DecodeError):
        list(JsonPieces(file).members())


class Endless(io.StringIO):
    """A list that goes on for so long; nobody asks for much of it at once."""

    def __init__(self, items: int) -> None:
        super().__init__()
        self.left = items
        self.largest = 0

    def read(self, size: int | None = -1, /) -> str:
        assert size is not None
        self.largest = max(self.largest, size)
        count = min(self.left, max(1, size // 64))
        self.left -= count
        return "[0" + ",1" * 9 if self.left + count == 10**5 else ",2" * count


def test_a_large_list_is_never_held_whole() -> None:
    file = Endless(10**5)
    pieces = JsonPieces(file)
    with suppress(DecodeError):  # it has no end
        for _ in pieces.items():
            pieces.value()
            assert len(pieces._text) < 10**5
    assert file.left == 0
    assert file.largest <= 2**16
