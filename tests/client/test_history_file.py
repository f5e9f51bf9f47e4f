"""A file of an export: checked as a whole, read in pages, and wrong places are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.double import BOB, OWNER, STRANGER
from zentalk.client import history_file
from zentalk.client.history_file import FilePage, HistoryFile, opened
from zentalk.errors import ConfigError
from zentalk.wire.text import format_address

OWNS, BOBS, CAROLS = map(format_address, (OWNER, BOB, STRANGER))


def message(number: int = 1, **more: Any) -> dict[str, Any]:
    plain = {"id": f"{number:032x}", "author": BOBS, "direction": "in", "kind": "text"}
    return plain | {"text": "hello", "state": "received", "sent_at": 1.0} | more


def conversation(*messages: Any, address: str = BOBS, **more: Any) -> dict[str, Any]:
    return {"address": address, "name": "Bob", **more, "messages": list(messages)}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., tuple[HistoryFile, list[FilePage]]]:
    def read(document: Any) -> tuple[HistoryFile, list[FilePage]]:
        path = tmp_path / "export.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        with opened(path) as file:
            file.check()
            return file, list(file.pages())

    return read


Read = Callable[..., tuple[HistoryFile, list[FilePage]]]


def test_each_conversation_has_its_pages_and_an_empty_one_has_one(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_file, "MAX_IMPORTED", 2)
    file, pages = read(
        {
            "format": 1,
            "conversations": [
                conversation(state="contact"),
                conversation(*map(message, range(5)), state="blocked"),
                conversation(state="contact"),
                conversation(state="contact"),
            ],
        }
    )
    assert [(page.conversation, len(page.messages)) for page in pages] == [
        (0, 0), (1, 2), (1, 2), (1, 1), (2, 0), (3, 0)
    ]  # fmt: skip
    assert [(head.state, head.messages) for head in file.heads] == [
        ("contact", 0), ("blocked", 5), ("contact", 0), ("contact", 0)
    ]  # fmt: skip
    assert read({"format": 1, "conversations": []})[1] == []


def test_a_page_has_no_more_than_one_request_takes(read: Read) -> None:
    long = [message(number, text="x" * 60_000) for number in range(20)]
    _, pages = read({"format": 1, "conversations": [conversation(*long)]})
    assert [len(page.messages) for page in pages] == [8, 8, 4]


def test_of_earlier_files_a_person_who_was_written_to_is_a_contact(read: Read) -> None:
    mine = message(author=OWNS, direction="out", state="sent")
    written, asking = conversation(mine), conversation(message(), address=BOBS)
    file, _ = read({"format": 1, "conversations": [written, asking]})
    assert [head.state for head in file.heads] == ["contact", "request"]


def test_what_is_not_taken_is_counted_and_not_looked_at(read: Read) -> None:
    group = conversation(message(author=CAROLS), 5, state="group")
    file, pages = read({"format": 1, "conversations": [group, conversation(message())]})
    assert [(head.state, head.messages) for head in file.heads] == [("group", 2), ("request", 1)]
    assert [len(page.messages) for page in pages] == [0, 1]


def test_fields_and_members_of_a_newer_version_are_passed_over(read: Read) -> None:
    document = {
        "conversations": [conversation(message(colour="red"), colour="red")],
        "format": 1,
        "more": {"a": [1]},
    }
    _, (page,) = read(document)
    assert "colour" not in page.messages[0]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("", "the file"),
        ("hello", "the file"),
        ({}, "format"),
        ({"conversations": []}, "format"),
        ({"format": 2, "conversations": []}, "newer version"),
        ({"format": 1, "conversations": {}}, "the file"),
        ({"format": 1, "conversations": [{}]}, "conversation 1 of the file"),
        ({"format": 1, "conversations": [conversation(address="zt1")]}, "conversation 1"),
        ({"format": 1, "conversations": [{"messages": [], "address": BOBS}]}, "before its"),
        ({"format": 1, "conversations": [conversation(state=5)]}, "state"),
        ({"format": 1, "conversations": [conversation(message(), 5)]}, "message 2"),
        ({"format": 1, "conversations": [conversation(message(text=None))]}, "field: text"),
        ({"format": 1, "conversations": [conversation(message(author=CAROLS))]}, "its author"),
        ({"format": 1, "conversations": [conversation(message(more="x" * 600_000))]}, "too large"),
        ({"format": 1, "conversations": [conversation(message(), address=CAROLS)]}, "message 1"),
    ],
)
def test_what_is_no_export_is_refused_with_its_place(read: Read, document: Any, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(document)
    assert says in str(refused.value)
    assert "hello" not in str(refused.value)


def test_more_conversations_than_are_taken_are_refused(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_file, "MAX_CONVERSATIONS", 1)
    with pytest.raises(ConfigError, match="more conversations"):
        read({"format": 1, "conversations": [conversation(), conversation()]})


def test_a_place_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match=r"missing\.json cannot be read"),
        opened(tmp_path / "missing.json"),
    ):
        pass
