"""An export comes back: as it was, once, before what is here, and without touching it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.chat.kinds import RATCHET_RENEWED
from zentalk.chat.marks import Signed
from zentalk.chat.portable import read_line
from zentalk.chat.views import fallback_of, line_of
from zentalk.errors import ConfigError, ConflictError
from zentalk.ids import MessageId, UserAddress
from zentalk.node.messages.conversation import importing, marking
from zentalk.node.messages.conversation.importing import NOT_SENT, ImportedPage, ImportPage
from zentalk.rest.messages import Message
from zentalk.store.history import (
    contacts,
    erasing,
    events,
    forgetting,
    imported,
    messages,
    pages,
    search,
)
from zentalk.store.history.models import ContactState, Direction, MessageState
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.history.search import Wanted
from zentalk.wire.chat import Body, Card, Deletion, Edit, MessageTarget, Pin, Poll, Reaction, Vote
from zentalk.wire.content import TEXT, About, Content, encode_content, is_all_text
from zentalk.wire.text import format_address

OWN, BOB = UserAddress(b"a" * 32), UserAddress(b"b" * 32)
NOW = 1_800_000_000.0
LATER = NOW + 1000
POLL = Poll("tea?", ("green", "black"), multiple=True)
MARKS = (
    lambda at: Edit(at, 5, "other words"),
    lambda at: Deletion(at, 6),
    lambda at: Pin(at, 7, pinned=True),
    lambda at: Reaction(at, 8, "👍"),
    lambda at: Vote(at, 9, (0, 1)),
)
line = st.fixed_dictionaries(
    {
        "mine": st.booleans(),
        "text": st.text(max_size=20),
        "body": st.sampled_from((None, None, POLL, Card(OWN, "Alice"))),
        "state": st.sampled_from(("sent", "delivered", "read", "failed")),
        "sent_at": st.sampled_from((0.0, 5.25, 5.25, NOW - 5, NOW + 5)),
        "about": st.sampled_from(
            (About(), About(forwarded=True), About(mentions=(BOB,)), About(timer_seconds=9))
        ),
        "missing": st.integers(0, 3),
        "starred": st.booleans(),
        "marks": st.lists(st.sampled_from(MARKS), max_size=3),
        "marked_by": st.sampled_from((OWN, BOB)),
        "renewed": st.sampled_from((False, False, False, True)),
    }
)
Shown = dict[str, Any]


@contextmanager
def history() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as tx:
        for script in MIGRATIONS:
            tx.executescript(script)
        yield tx


@pytest.fixture
def tx() -> Iterator[sqlite3.Connection]:
    with history() as connection:
        yield connection


def add(tx: sqlite3.Connection, number: int, one: Shown) -> None:
    """Let a line enter a history as it does while people write."""
    author = OWN if one["mine"] else BOB
    target = MessageTarget(author, MessageId(number.to_bytes(16, "big")))
    body: Body | None = one["body"]
    content = Content(
        TEXT if body is None else "poll" if body is POLL else "contact",
        target.message_id,
        text=one["text"],
        body=body,
        about=one["about"],
        fallback="" if body is None else fallback_of(body),
    )
    renewed = one["renewed"]
    stored = messages.insert(
        tx,
        message_id=target.message_id,
        contact=BOB,
        author=None if renewed else author,
        direction=Direction.OUT if one["mine"] else Direction.IN,
        kind=RATCHET_RENEWED if renewed else content.kind,
        text="" if renewed else line_of(body) or one["text"],
        content=None if renewed or is_all_text(content) else encode_content(content),
        state=MessageState(one["state"] if one["mine"] else "received"),
        sender_sequence=number,
        sent_at=one["sent_at"],
        now=NOW + number,
        missing=one["missing"],
        timer_seconds=one["about"].timer_seconds,
        expires_at=LATER + 60 if one["about"].timer_seconds else None,
    )
    assert stored is not None
    if renewed:
        return
    messages.set_starred(tx, stored.seq, on=one["starred"])
    for make in one["marks"]:
        marking.apply(tx, BOB, Signed(one["marked_by"], make(target)), NOW)


def exported(tx: sqlite3.Connection) -> list[Shown]:
    """The messages with Bob as an export has them, without the numbers that are not carried."""
    shown = [
        Message.model_validate(one).model_dump(mode="json")
        for one in pages.after(tx, BOB, -(2**53), 1000)
    ]
    return [{key: value for key, value in one.items() if key != "seq"} for one in shown]


def take_in(
    tx: sqlite3.Connection,
    shown: list[Shown],
    size: int = 250,
    name: str = "Bob",
    *,
    blocked: bool = False,
    now: float = LATER,
) -> list[ImportedPage]:
    done: list[ImportedPage] = []
    for start in range(0, len(shown) or 1, size):
        lines = tuple(read_line(BOB, one) for one in shown[start : start + size])
        after = done[-1].after if done else None
        done.append(importing.take_in(tx, ImportPage(BOB, name, blocked, lines, after), now))
    return done


def dump(tx: sqlite3.Connection) -> list[str]:
    return list(tx.iterdump())


def text(number: int, words: str = "hello", at: float = NOW, **more: Any) -> Shown:
    plain = {"mine": False, "text": words, "body": None, "state": "sent", "sent_at": at}
    with history() as tx:
        about = {"about": About(), "missing": 0, "starred": False, "marks": [], "marked_by": BOB}
        add(tx, number, plain | about | {"renewed": False} | more)
        return exported(tx)[0]


@pytest.mark.slow
@given(st.lists(line, max_size=12), st.integers(1, 5))
def test_what_was_exported_is_there_again_in_its_order_and_once(
    lines: list[Shown], size: int
) -> None:
    with history() as old, history() as new:
        for number, one in enumerate(lines):
            add(old, number, one)
        shown = exported(old)
        done = take_in(new, shown, size)
        assert sum(page.added for page in done) == len(lines)
        assert exported(new) == shown
        before = dump(new)
        again = take_in(new, shown, size)
        assert sum(page.known for page in again) == len(lines)
        assert dump(new) == before
        seqs = [one.seq for one in pages.page(new, BOB, None, 1000)]
        assert seqs == sorted(seqs)
        assert all(seq < 0 for seq in seqs)


def test_an_import_that_was_interrupted_goes_on(tx: sqlite3.Connection) -> None:
    shown = [text(number, at=float(at)) for number, at in enumerate((5, 9, 7, 7, 1))]
    take_in(tx, shown[:3], 1)
    assert [(page.added, page.known) for page in take_in(tx, shown, 1)] == (
        [(0, 1)] * 3 + [(1, 0)] * 2
    )
    assert exported(tx) == shown


def test_an_earlier_export_after_a_later_one_stands_before_it(tx: sqlite3.Connection) -> None:
    shown = [text(number, at=float(number)) for number in range(6)]
    for part in (shown[3:], shown[:2], shown):
        take_in(tx, part)
    assert exported(tx) == shown


def test_it_stands_before_what_is_here_and_changes_none_of_it(tx: sqlite3.Connection) -> None:
    contacts.insert(tx, BOB, "Robert", ContactState.CONTACT, 0.0)
    here = text(7) | {"text": "newer here"}
    messages.insert(
        tx, message_id=MessageId((7).to_bytes(16, "big")), contact=BOB, direction=Direction.IN,
        kind="text", text="newer here", state=MessageState.RECEIVED, sender_sequence=1,
        sent_at=NOW, now=NOW,
    )  # fmt: skip
    (page,) = take_in(tx, [text(1, at=NOW + 50), text(7, marks=[MARKS[3]])])
    assert (page.contact_added, page.added, page.known) == (False, 1, 1)
    assert exported(tx) == [text(1, at=NOW + 50), here]
    assert contacts.view(tx, BOB).name == "Robert"
    (listed,) = contacts.conversations(tx)
    assert (listed.last_text, listed.unread) == ("newer here", 0)


def test_what_was_deleted_here_does_not_come_back(tx: sqlite3.Connection) -> None:
    shown = [text(1), text(2)]
    take_in(tx, shown)
    erasing.erase(tx, BOB, MessageTarget(BOB, MessageId((1).to_bytes(16, "big"))))
    (page,) = take_in(tx, shown)
    assert (page.added, page.known) == (0, 2)
    assert exported(tx) == [text(2)]


def test_a_mark_that_was_made_since_wins(tx: sqlite3.Connection) -> None:
    target = MessageTarget(BOB, MessageId((1).to_bytes(16, "big")))
    contacts.insert(tx, BOB, "", ContactState.CONTACT, 0.0)
    marking.apply(tx, BOB, Signed(BOB, Reaction(target, 2, "❤")), NOW)
    take_in(tx, [text(1, marks=[MARKS[3]])])
    assert exported(tx)[0]["reactions"] == [{"author": format_address(BOB), "emoji": "❤"}]


def test_what_had_not_left_says_so_and_what_has_disappeared_stays_away(
    tx: sqlite3.Connection,
) -> None:
    waiting = text(1, mine=True) | {"state": "queued"}
    gone = text(2) | {"expires_at": LATER}
    read = text(3) | {"timer_seconds": 60}
    (page,) = take_in(tx, [waiting, gone, read])
    assert (page.added, page.expired) == (2, 1)
    first, second = exported(tx)
    assert (first["state"], first["reason"]) == ("failed", NOT_SENT)
    assert second["expires_at"] == LATER + 60


def test_the_person_becomes_a_contact_whom_nobody_has_verified(tx: sqlite3.Connection) -> None:
    (page,) = take_in(tx, [text(1)])
    assert page.contact_added
    person = contacts.view(tx, BOB)
    assert (person.name, person.state, person.verified) == ("Bob", ContactState.CONTACT, False)
    assert tx.execute("SELECT count(*) FROM ratchets").fetchone() == (0,)
    told = [(event.type, event.data.get("messages")) for event in events.page(tx, 0, -1)]
    assert told == [("contact.added", None), ("conversation.imported", 1)]


def test_who_was_blocked_is_blocked_again(tx: sqlite3.Connection) -> None:
    take_in(tx, [text(1)], blocked=True)
    row = contacts.get(tx, BOB)
    assert row is not None
    assert row.is_shut_out
    assert contacts.was_contact(tx, BOB)


def test_who_was_in_a_group_only_becomes_a_contact(tx: sqlite3.Connection) -> None:
    contacts.insert(tx, BOB, "", ContactState.MEMBER, 0.0)
    assert take_in(tx, [text(1)])[0].contact_added
    assert contacts.view(tx, BOB).state is ContactState.CONTACT


@pytest.mark.parametrize("state", [ContactState.REQUEST, ContactState.REFUSED, ContactState.GROUP])
def test_nothing_is_imported_of_who_is_not_let_in_here(
    tx: sqlite3.Connection, state: ContactState
) -> None:
    contacts.insert(tx, BOB, "", state, 0.0)
    before = dump(tx)
    with pytest.raises(ConflictError):
        take_in(tx, [text(1)])
    assert dump(tx) == before


def test_who_was_blocked_as_a_stranger_stays_without_messages(tx: sqlite3.Connection) -> None:
    contacts.insert(tx, BOB, "", ContactState.REMOVED, 0.0)
    contacts.update(tx, BOB, "", ContactState.BLOCKED, 1.0)
    with pytest.raises(ConflictError):
        take_in(tx, [text(1)])


def test_who_was_removed_is_there_again(tx: sqlite3.Connection) -> None:
    take_in(tx, [text(1)])
    forgetting.conversation(tx, BOB)
    contacts.update(tx, BOB, "", ContactState.REMOVED, NOW)
    (page,) = take_in(tx, [text(1)])
    assert (page.contact_added, page.added) == (True, 1)
    assert contacts.view(tx, BOB).name == "Bob"


def test_a_name_that_is_too_long_is_refused(tx: sqlite3.Connection) -> None:
    with pytest.raises(ConfigError):
        take_in(tx, [], name="n" * 257)


def test_it_is_found_by_words_and_by_time(tx: sqlite3.Connection) -> None:
    contacts.insert(tx, BOB, "", ContactState.CONTACT, 0.0)
    for number, at in ((20, NOW), (21, NOW + 2)):
        messages.insert(
            tx, message_id=MessageId(number.to_bytes(16, "big")), contact=BOB,
            direction=Direction.IN, kind="text", text=f"tea {number}",
            state=MessageState.RECEIVED, sender_sequence=1, sent_at=at, now=at,
        )  # fmt: skip
    take_in(tx, [text(1, "tea 1", at=5.0), text(2, "tea 2", at=NOW + 1)])

    def found(**more: Any) -> list[str]:
        return [one.text for one in search.find(tx, Wanted("tea", **more), 10)]

    assert found() == ["tea 21", "tea 20", "tea 2", "tea 1"]
    assert found(since=NOW + 1) == ["tea 21", "tea 2"]
    assert found(until=NOW + 1) == ["tea 20", "tea 1"]
    newest_imported = pages.page(tx, BOB, 0, 1)[0].seq
    assert found(before=newest_imported) == ["tea 1"]


def test_control_with_numbers_of_now_an_export_stands_after_what_is_here(
    tx: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imported, "place_after", lambda *_: None)
    monkeypatch.setattr(imported, "time_of", lambda _: NOW)
    contacts.insert(tx, BOB, "", ContactState.CONTACT, 0.0)
    messages.insert(
        tx, message_id=MessageId(bytes(16)), contact=BOB, direction=Direction.IN, kind="text",
        text="newest", state=MessageState.RECEIVED, sender_sequence=1, sent_at=NOW, now=NOW,
    )  # fmt: skip
    take_in(tx, [text(1, "older", at=5.0)])
    assert [one["text"] for one in exported(tx)] == ["newest", "older"]
