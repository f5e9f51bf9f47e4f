"""Messages of an export, read back: what is right becomes what it was, all else is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.chat.kinds import RATCHET_RENEWED
from zentalk.chat.portable import LATEST_SECONDS, LOWEST_NUMBER, read_line
from zentalk.chat.views import body_view
from zentalk.errors import DecodeError
from zentalk.ids import UserAddress
from zentalk.wire.chat import Edit, Pin, Reaction, Vote
from zentalk.wire.content import decode_content
from zentalk.wire.text import format_address

OWN, BOB = UserAddress(b"a" * 32), UserAddress(b"b" * 32)
OWNS, BOBS = format_address(OWN), format_address(BOB)
PLAIN: dict[str, Any] = {
    "id": "ab" * 16,
    "author": BOBS,
    "direction": "in",
    "kind": "text",
    "text": "hello",
    "state": "received",
    "reason": "",
    "sent_at": 1.5,
    "missing": 0,
    "body": None,
    "reply_to": None,
    "forwarded": False,
    "mentions": [],
    "edited": False,
    "deleted": False,
    "pinned": False,
    "starred": False,
    "expires_at": None,
    "timer_seconds": 0,
    "reactions": [],
    "votes": [],
}
BODIES: list[tuple[str, dict[str, Any]]] = [
    ("poll", {"question": "tea?", "options": ["green", "black"], "multiple": False}),
    ("contact", {"address": OWNS, "name": "Alice"}),
    ("sticker", {"emoji": "x", "picture": "AAAA"}),
    ("location", {"latitude": -12.345678, "longitude": 179.5, "label": ""}),
]


def test_a_plain_text_has_no_content_besides() -> None:
    line = read_line(BOB, PLAIN)
    assert (line.author, line.text, line.content, line.marks) == (BOB, "hello", None, ())
    assert "hello" not in repr(line)


@pytest.mark.parametrize(("kind", "body"), BODIES)
def test_a_body_comes_back_as_it_was_shown(kind: str, body: dict[str, Any]) -> None:
    line = read_line(BOB, PLAIN | {"kind": kind, "text": "?", "body": body})
    assert line.content is not None
    assert body_view(decode_content(line.content).body) == body


@given(
    st.integers(-90_000_000, 90_000_000).map(lambda n: n / 1_000_000),
    st.integers(-180_000_000, 180_000_000).map(lambda n: n / 1_000_000),
)
def test_places_come_back_to_the_millionth_of_a_degree(latitude: float, longitude: float) -> None:
    body = {"latitude": latitude, "longitude": longitude, "label": "here"}
    line = read_line(BOB, PLAIN | {"kind": "location", "body": body})
    assert line.content is not None
    assert body_view(decode_content(line.content).body) == body


def test_what_goes_along_comes_back() -> None:
    shown = PLAIN | {
        "reply_to": {"author": OWNS, "id": "cd" * 16},
        "forwarded": True,
        "mentions": [OWNS],
        "timer_seconds": 60,
    }
    line = read_line(BOB, shown)
    assert line.content is not None
    about = decode_content(line.content).about
    assert about.reply_to == (OWN, b"\xcd" * 16)
    assert (about.forwarded, about.timer_seconds, about.mentions) == (True, 60, (OWN,))


def test_marks_come_back_with_the_lowest_number() -> None:
    shown = PLAIN | {
        "kind": "poll",
        "body": BODIES[0][1],
        "edited": True,
        "pinned": True,
        "reactions": [{"author": OWNS, "emoji": "👍"}],
        "votes": [{"author": BOBS, "options": [1]}],
    }
    marks = read_line(BOB, shown).marks
    assert [type(mark) for _, mark in marks] == [Edit, Pin, Reaction, Vote]
    assert [author for author, _ in marks] == [BOB, BOB, OWN, BOB]
    assert {mark.number for _, mark in marks} == {LOWEST_NUMBER}


def test_of_a_message_that_was_taken_back_nothing_comes_but_its_place() -> None:
    shown = PLAIN | {"deleted": True, "text": "left over", "starred": True, "pinned": True}
    line = read_line(BOB, shown)
    assert (line.text, line.content, line.starred, len(line.marks)) == ("", None, False, 1)


def test_a_kind_of_a_newer_version_keeps_its_line_of_text() -> None:
    line = read_line(BOB, PLAIN | {"kind": "hologram", "text": "A hologram"})
    assert line.content is not None
    assert decode_content(line.content).fallback == "A hologram"


def test_a_line_that_nobody_wrote_needs_no_author() -> None:
    shown = PLAIN | {"kind": RATCHET_RENEWED, "direction": "out", "state": "delivered", "text": ""}
    for author in ("", OWNS):
        assert read_line(BOB, shown | {"author": author}).author == b""


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "zz" * 16},
        {"id": "ab" * 15},
        {"id": "AB" * 16},
        {"author": OWNS},
        {"author": "zt1nobody"},
        {"direction": "out", "state": "sent"},
        {"direction": "out", "author": OWNS},
        {"kind": "edit"},
        {"kind": "part"},
        {"kind": "k" * 33},
        {"kind": "poll"},
        {"kind": "poll", "body": {"question": "?", "options": ["one"], "multiple": False}},
        {"kind": "poll", "body": {"question": 5, "options": ["a", "b"], "multiple": False}},
        {"kind": "poll", "body": {"question": "?", "options": 7, "multiple": False}},
        {"kind": "poll", "body": {}},
        {"kind": "contact", "body": {"address": [], "name": ""}},
        {"kind": "contact", "body": {"address": 5, "name": ""}},
        {"kind": "sticker", "body": {"emoji": "x", "picture": "%"}},
        {"kind": "sticker", "body": {"emoji": "x", "picture": "AAAA" * 8193}},
        {"kind": "location", "body": {"latitude": 91.0, "longitude": 0, "label": ""}},
        {"kind": "location", "body": {"latitude": float("nan"), "longitude": 0, "label": ""}},
        {"kind": "location", "body": {"latitude": float("inf"), "longitude": 0, "label": ""}},
        {"text": "x" * 65_537},
        {"text": "\ud800"},
        {"state": "sent"},
        {"state": "made up"},
        {"sent_at": -1.0},
        {"sent_at": float("nan")},
        {"sent_at": LATEST_SECONDS},
        {"mentions": [BOBS] * 17},
        {"reply_to": {"author": BOBS, "id": "1"}},
        {"reactions": [{"author": BOBS, "emoji": "x" * 65}]},
        {"reactions": [{"author": BOBS, "emoji": "x"}] * 513},
        {"votes": [{"author": BOBS, "options": [10**9]}]},
        {"votes": [{"author": BOBS, "options": [-1]}]},
    ],
)
def test_what_no_message_has_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DecodeError) as refused:
        read_line(BOB, PLAIN | wrong)
    assert "hello" not in str(refused.value)
