"""The tables of a history show what the model of `zentalk.chat.state` says, in whatever order."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import given

from tests.chat.test_state import ALICE, BOB, Said, contents, said
from tests.node.messages.conversation.test_importing import NOW, history
from zentalk.chat.marks import ShownLine, Signed
from zentalk.chat.state import ConversationState, apply
from zentalk.chat.views import line_of
from zentalk.ids import MessageId
from zentalk.node.messages.conversation import marking
from zentalk.node.messages.kinds.settings import set_timer
from zentalk.store.history import chats, contacts, messages
from zentalk.store.history.models import ContactState, Direction, MessageState
from zentalk.wire.chat import Edit, MessageTarget, Timer
from zentalk.wire.content import TEXT, encode_content, is_all_text
from zentalk.wire.text import format_address

# The owner of the tables is Alice, and the conversation is the one with Bob.


def take(tx: sqlite3.Connection, one: Said) -> None:
    """Let a content enter the tables as it does when it is written or received."""
    author, content = one
    body = content.body
    if isinstance(body, Timer):
        set_timer(tx, BOB, author, body, NOW)
    elif content.kind == TEXT or content.kind == "poll":
        _line(tx, one)
    elif body is not None:
        marking.apply(tx, BOB, Signed(author, body), NOW)  # type: ignore[arg-type]  # all others are marks


def _line(tx: sqlite3.Connection, one: Said) -> None:
    author, content = one
    if found(tx, MessageTarget(author, content.message_id)) is not None:
        return
    mine = author == ALICE
    stored = messages.insert(
        tx,
        message_id=content.message_id,
        contact=BOB,
        author=author,
        direction=Direction.OUT if mine else Direction.IN,
        kind=content.kind,
        text=line_of(content.body) or content.text,
        content=None if is_all_text(content) else encode_content(content),
        state=MessageState.SENT if mine else MessageState.RECEIVED,
        sender_sequence=0,
        sent_at=NOW,
        now=NOW,
    )
    assert stored is not None
    marking.under_its_marks(tx, BOB, stored)


def found(tx: sqlite3.Connection, target: MessageTarget) -> Any:
    return messages.by_id(tx, target.message_id, BOB, target.author)


def seen(line: Any) -> tuple[object, ...]:
    """Return what a row shows, in the words of the model; a poll's text is its question."""
    reactions = {(each["author"], each["emoji"]) for each in line.reactions}
    votes = {(each["author"], tuple(each["options"])) for each in line.votes}
    text = line.text if line.kind == TEXT or line.edited else ""
    return text, line.edited, line.deleted, line.pinned, reactions, votes


def meant(line: ShownLine) -> tuple[object, ...]:
    reactions = {(format_address(who), emoji) for who, emoji in line.reactions}
    votes = {(format_address(who), options) for who, options in line.votes}
    return line.text, line.edited, line.deleted, line.pinned, reactions, votes


def check(told: list[Said]) -> None:
    state = ConversationState()
    with history() as tx:
        contacts.insert(tx, BOB, "Bob", ContactState.CONTACT, NOW)
        for one in told:
            state = apply(state, *one)
            take(tx, one)
        for target in state.lines:
            shown = state.shown(target)
            assert shown is not None
            assert seen(found(tx, target)) == meant(shown)
        if state.timer is not None:
            assert tuple(chats.timer(tx, BOB)) == state.timer


@given(contents)
def test_whatever_was_said_the_tables_show_what_the_model_says(told: list[Said]) -> None:
    check(told)


def test_control_tables_that_take_an_edit_of_anybody_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = said(ALICE, "hello", MessageId(b"1" * 16))
    edit = said(
        BOB, Edit(MessageTarget(ALICE, MessageId(b"1" * 16)), 1, "bye"), MessageId(b"2" * 16)
    )
    check([text, edit])
    real = marking.apply

    def careless(tx: Any, contact: Any, signed: Signed, now: float) -> Any:
        return real(tx, contact, Signed(ALICE, signed.mark), now)

    monkeypatch.setattr(marking, "apply", careless)
    with pytest.raises(AssertionError):
        check([text, edit])
