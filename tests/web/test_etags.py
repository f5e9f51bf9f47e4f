"""Entity tags, after RFC 9110: what counts as known, and what a 304 holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from zentalk.web.etags import is_known, tag_of, unless_known
from zentalk.web.json_response import SAFE_HEADERS, JsonResponse

TAG = tag_of(b"body")


def asked(*lines: str) -> Request:
    headers = [(b"if-none-match", line.encode("latin-1")) for line in lines]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers})


def test_one_body_has_one_strong_tag() -> None:
    assert tag_of(b"body") == TAG
    assert tag_of(b"body ") != TAG
    assert (TAG[0], TAG[-1], len(TAG)) == ('"', '"', 34)


@pytest.mark.parametrize(
    "line",
    [
        TAG,
        f"W/{TAG}",
        f'"other", {TAG}',
        f'{TAG},"x"',
        f'W/"x,y" , W/{TAG}',
        "*",
        " * ",
        f'"",{TAG}',
    ],
)
def test_a_tag_is_known_by_weak_comparison_anywhere_in_the_list(line: str) -> None:
    assert is_known(TAG, ['"before"', line])


@pytest.mark.parametrize(
    "line",
    ["", TAG[1:-1], TAG[:-1], f"w/{TAG.upper()}", '"*"', f"{TAG[:-1]}, ", f'"x{TAG[1:]}', "**"],
)
def test_what_is_malformed_or_another_is_not_known(line: str) -> None:
    assert not is_known(TAG, [line])


@given(st.lists(st.text(st.characters(max_codepoint=255)), max_size=4))
def test_no_line_is_an_error(lines: list[str]) -> None:
    assert is_known(TAG, lines) == any(line.strip() == "*" for line in lines)


def test_a_304_has_the_tag_and_safe_headers_and_no_body() -> None:
    full = unless_known(asked(), JsonResponse({"a": 1}))
    tag = full.headers["etag"]
    assert (full.status_code, full.body) == (200, b'{"a":1}')
    same = unless_known(asked(tag), JsonResponse({"a": 1}))
    assert (same.status_code, same.body) == (304, b"")
    assert same.raw_headers == [*SAFE_HEADERS, (b"etag", tag.encode())]
    assert unless_known(asked(tag), JsonResponse({"a": 2})).status_code == 200
