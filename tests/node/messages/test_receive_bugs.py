"""A message that a bug of ours stumbles over must not end the node at every start."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.node.messages.test_receive import befriend, texts
from tests.node.persons import Person
from zentalk.errors import StorageFullError
from zentalk.node.messages import receive
from zentalk.wire.content import Content, decode_content


@pytest.fixture
def alice(tmp_path: Path) -> Person:
    return Person(tmp_path, "alice")


@pytest.fixture
def bob(tmp_path: Path) -> Person:
    return Person(tmp_path, "bob")


def stumble(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def decode(data: bytes) -> Content:
        content = decode_content(data)
        if content.text == "poison":
            raise error
        return content

    monkeypatch.setattr(receive, "decode_content", decode)


def test_it_is_dropped_and_logged_and_the_others_are_kept(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    befriend(alice, bob)
    deposits = [
        alice.seal(bob, alice.write(bob, text)[1][0]) for text in ("one", "poison", "three")
    ]
    stumble(monkeypatch, OverflowError("poison"))
    with capture_logs() as logs:
        outcome = bob.receive(*deposits)
    assert (outcome.undecryptable, len(outcome.best_effort)) == (1, 1)
    assert [message.text for message in texts(bob, alice)] == ["hello", "one"]
    [entry] = logs
    assert entry["event"] == "message_dropped"
    assert entry["error"] == "OverflowError"
    assert entry["at"].startswith("test_receive_bugs.py:")
    assert "poison" not in str(entry)


def test_a_disk_that_fails_is_no_bug(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    befriend(alice, bob)
    deposit = alice.seal(bob, alice.write(bob, "poison")[1][0])
    stumble(monkeypatch, StorageFullError("full"))
    with pytest.raises(StorageFullError):
        bob.receive(deposit)
