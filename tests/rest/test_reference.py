"""The reference names the kinds, states and fields of messages that there are, no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from zentalk.chat.kinds import KINDS, RATCHET_RENEWED, KindRole
from zentalk.rest.messages import Conversation, Message
from zentalk.store.history.models import MessageState

LINES = {kind.word for kind in KINDS.values() if kind.role is KindRole.LINE}


@pytest.fixture(scope="module")
def messages(repository: Path) -> str:
    page = (repository / "docs" / "reference" / "rest.md").read_text("utf-8")
    return page.split("\n## Messages\n", 1)[1].split("\n## ", 1)[0]


def fields(text: str, after: str) -> set[str]:
    """The fields of the first object that is shown after some words."""
    shown = text.split(after, 1)[1]
    return set(re.findall(r'"(\w+)"', shown[: shown.index("}")]))


def table(text: str, head: str) -> set[str]:
    """The words in the first column of a table."""
    rows = text.split(f"| {head} |", 1)[1].split("\n\n", 1)[0]
    return set(re.findall(r"^\| `([a-z-]+)` \|", rows, re.MULTILINE))


def explained(text: str) -> set[str]:
    """What stands in code outside the block that lists the fields."""
    return set(re.findall(r"`(\w+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))


def test_the_fields_of_a_message(messages: str) -> None:
    assert fields(messages, "A message is") == set(Message.model_fields)
    assert set(Message.model_fields) <= explained(messages)


def test_the_kinds(messages: str) -> None:
    assert table(messages, "kind") == LINES | {RATCHET_RENEWED}


def test_the_states(messages: str) -> None:
    assert table(messages, "state") == {state.value for state in MessageState}


def test_the_fields_of_a_conversation(messages: str) -> None:
    shown = fields(messages, "`GET /v1/conversations`")
    assert shown - {"conversations"} == set(Conversation.model_fields)


def test_control_what_is_missing_is_found(messages: str) -> None:
    without = messages.replace("| `read` |", "| |").replace(', "votes"', "")
    assert {state.value for state in MessageState} - table(without, "state") == {"read"}
    assert set(Message.model_fields) - fields(without, "A message is") == {"votes"}
