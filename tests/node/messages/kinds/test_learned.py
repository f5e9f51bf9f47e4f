"""What a version kept of kinds that it did not know counts once a version knows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.node.persons import NOW, Person
from zentalk.chat import kinds
from zentalk.ids import MessageId, UserAddress
from zentalk.node.messages.kinds import learned, registry, stored
from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.store.history import chats, contacts, events, pages, profiles
from zentalk.store.history import settings as stored_settings
from zentalk.store.history.models import StoredMessage
from zentalk.store.sqlite import Transaction
from zentalk.wire import chat
from zentalk.wire.chat import Body, MessageTarget, Poll
from zentalk.wire.codec import pack
from zentalk.wire.content import TEXT, About, Content, decode_content, encode_content


class UndoneError(Exception):
    """Ends a transaction that is not to be committed."""


ALICE = UserAddress(b"a" * 32)
POLL = Poll("tea?", ("yes", "no"), multiple=False)


def number(place: int) -> MessageId:
    return MessageId(place.to_bytes(16, "big"))


def of(place: int) -> MessageTarget:
    return MessageTarget(ALICE, number(place))


def content(place: int, body: Body | str, sequence: int = 0, timer_seconds: int = 0) -> Content:
    about = About(timer_seconds=timer_seconds)
    base = Content(TEXT, number(place), sequence, int(NOW * 1000), about=about)
    if isinstance(body, str):
        return replace(base, text=body)
    return replace(base, kind=chat.kind_of(body), body=body)


def incoming(tx: Transaction, received: Content) -> Incoming:
    sender = contacts.get(tx, ALICE)
    assert sender is not None
    return Incoming(sender, received, encode_content(received))


def befriend(person: Person) -> None:
    person.tx(lambda tx: person.contacts.add(tx, ALICE, "Alice", NOW))


def as_before(tx: Transaction, received: Sequence[Content]) -> None:
    """Take contents in as the version did that knew texts alone, and migrate its rows."""
    for one in received:
        if one.kind == TEXT:
            registry.apply(tx, incoming(tx, one), NOW)
        else:
            stored.keep(tx, incoming(tx, one), NOW)
    tx.execute("UPDATE messages SET text = '', hidden = 1, timer_seconds = 0 WHERE kind <> 'text'")
    tx.execute("UPDATE contacts SET unread = (SELECT count(*) FROM messages WHERE kind = 'text')")
    tx.execute("DELETE FROM events")


def shown(tx: Transaction) -> list[StoredMessage]:
    return [replace(line, seq=0) for line in pages.page(tx, ALICE, None, 100)]


def everything(tx: Transaction) -> tuple[object, ...]:
    unread = tx.execute("SELECT unread FROM contacts").fetchone()
    return shown(tx), unread, chats.timer(tx, ALICE), profiles.get(tx, ALICE)


def undone(person: Person, job: Callable[[Transaction], None]) -> tuple[object, ...]:
    """Everything after a job, of which nothing is left for the next example."""
    found: tuple[object, ...] = ()

    def whole(tx: Transaction) -> None:
        nonlocal found
        person.contacts.add(tx, ALICE, "Alice", NOW)
        job(tx)
        found = everything(tx)
        raise UndoneError

    with suppress(UndoneError):
        person.tx(whole)
    return found


def logged(tx: Transaction) -> list[str]:
    return [event.type for event in events.page(tx, 0, -1)]


TARGETS = st.integers(1, 9).map(of)
NUMBERS = st.integers(1, 9)
BODIES = st.one_of(
    st.sampled_from(["one", "two"]),
    st.just(POLL),
    st.builds(chat.Sticker, st.just("x"), st.just(b"p")),
    st.builds(chat.Edit, TARGETS, NUMBERS, st.sampled_from(["new", "newer"])),
    st.builds(chat.Deletion, TARGETS, NUMBERS),
    st.builds(chat.Reaction, TARGETS, NUMBERS, st.sampled_from(["", "y"])),
    st.builds(chat.Pin, TARGETS, NUMBERS, st.booleans()),
    st.builds(chat.Vote, TARGETS, NUMBERS, st.sampled_from([(), (0,), (1,)])),
    st.builds(chat.Typing, st.booleans()),
    st.builds(chat.Timer, NUMBERS, st.integers(0, 9)),
    st.builds(chat.Profile, NUMBERS, st.just("Al"), st.just(""), st.just(b"")),
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(bodies=st.lists(BODIES, max_size=12))
def test_an_upgraded_history_is_that_of_a_node_that_knew_all(
    bob: Person, bodies: list[Body | str]
) -> None:
    received = [content(place, body) for place, body in enumerate(bodies, 1)]

    def knew(tx: Transaction) -> None:
        for one in received:
            registry.apply(tx, incoming(tx, one), NOW)

    def did_not(tx: Transaction) -> None:
        as_before(tx, received)
        learned.take_up(tx, NOW, registry.apply)

    assert undone(bob, did_not) == undone(bob, knew)


def test_the_first_start_tells_of_it_and_the_second_does_nothing(bob: Person) -> None:
    befriend(bob)
    received = [
        content(1, "hello", 1),
        content(2, POLL, 2, timer_seconds=60),
        content(3, chat.Edit(of(1), 1, "changed"), 3),
        content(4, chat.Vote(of(2), 1, (0,)), 4),
    ]
    bob.tx(lambda tx: as_before(tx, received))
    assert [line.text for line in bob.tx(shown)] == ["hello"]
    bob.tx(lambda tx: learned.take_up(tx, NOW, registry.apply))
    text, poll = bob.tx(shown)
    assert (text.text, text.edited) == ("changed", True)
    assert (poll.kind, poll.text, poll.body) == (
        "poll", "tea?", {"question": "tea?", "options": ["yes", "no"], "multiple": False},
    )  # fmt: skip
    assert [vote["options"] for vote in poll.votes] == [[0]]
    told = bob.tx(logged)
    assert told == ["message.received", "message.edited", "message.voted"]
    [[timer]] = bob.connection.execute("SELECT timer_seconds FROM messages WHERE kind = 'poll'")
    assert timer == 60
    [[words]] = bob.connection.execute("SELECT count(*) FROM search WHERE search MATCH 'tea'")
    assert words == 1
    bob.tx(lambda tx: learned.take_up(tx, NOW, registry.apply))
    assert bob.tx(logged) == told


def test_control_a_version_that_takes_nothing_up_shows_the_texts_alone(
    bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learned, "KINDS", {kind: kinds.KINDS[kind] for kind in learned._FIRST})
    with pytest.raises(ValueError, match="not enough values"):
        test_the_first_start_tells_of_it_and_the_second_does_nothing(bob)


def test_a_later_version_takes_up_what_it_has_learned_since(
    bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    befriend(bob)
    bob.tx(lambda tx: learned.take_up(tx, NOW, registry.apply))
    base = {"v": 1, "t": int(NOW * 1000)}
    line = pack({**base, "k": "hologram", "i": number(1), "n": 1, "b": [1], "f": "A hologram"})
    mark = pack({**base, "k": "nudge", "i": number(2), "b": [2], "f": "A nudge"})
    for raw in (line, mark):
        bob.tx(partial(read, raw=raw))
    assert [one.text for one in bob.tx(shown)] == ["A hologram", "A nudge"]
    bob.tx(lambda tx: learned.take_up(tx, NOW, registry.apply))
    assert [one.text for one in bob.tx(shown)] == ["A hologram", "A nudge"], "it knows neither yet"
    nudged: list[bytes] = []

    def nudge(_tx: Transaction, one: Incoming, _now: float) -> KindResult:
        nudged.append(one.raw)
        return KindResult()

    more = {"hologram": kinds.KindRole.LINE, "nudge": kinds.KindRole.MARK}
    for word, role in more.items():
        monkeypatch.setitem(kinds.KINDS, word, kinds.Kind(word, role, "more"))
    monkeypatch.setitem(registry.KINDS, "nudge", nudge)
    bob.tx(lambda tx: learned.take_up(tx, NOW, registry.apply))
    assert [one.text for one in bob.tx(shown)] == ["A hologram"]
    assert nudged == [mark]
    assert bob.tx(logged)[-1] == "message.removed"


def read(tx: Transaction, raw: bytes) -> None:
    sender = contacts.get(tx, ALICE)
    assert sender is not None
    registry.apply(tx, Incoming(sender, decode_content(raw), raw), NOW)


@pytest.mark.parametrize("kind", sorted(kinds.KINDS))
@pytest.mark.parametrize("body", [None, 7, ["x"], [b"y" * 32, b"z" * 16, 1, "w"]])
def test_no_kind_and_no_content_of_one_keeps_a_node_from_starting(
    bob: Person, kind: str, body: object
) -> None:
    befriend(bob)
    bob.tx(lambda tx: as_before(tx, [content(1, POLL, 1)]))
    raw = pack({"v": 1, "k": kind, "i": number(1), "n": 1, "b": body})
    update = "UPDATE messages SET kind = ?, content = ?"
    bob.tx(lambda tx: tx.execute(update, (kind, raw)))
    with capture_logs() as logs:
        bob.tx(lambda tx: bob.inbox.take_up(tx, NOW))
    assert logs == [], "it was met as a bug"


def test_a_bug_of_ours_ends_neither_the_node_nor_what_else_is_taken_up(bob: Person) -> None:
    befriend(bob)
    received = [content(1, "hello", 1), content(2, chat.Pin(of(1), 1, pinned=True), 2)]
    bob.tx(lambda tx: as_before(tx, [*received, content(3, POLL, 3)]))

    def broken(_tx: Transaction, _one: Incoming, _now: float) -> KindResult:
        raise KeyError("secret")

    with capture_logs() as logs:
        bob.tx(lambda tx: learned.take_up(tx, NOW, broken))
    assert [(each["event"], each["error"]) for each in logs] == [("message_dropped", "KeyError")]
    assert "secret" not in str(logs)
    assert [line.text for line in bob.tx(shown)] == ["hello", "tea?"]


def test_what_is_malformed_stays_and_keeps_nothing_else_back(bob: Person) -> None:
    befriend(bob)
    pin = chat.Pin(of(2), 1, pinned=True)
    received = [content(1, POLL, 1), content(2, "hello", 2), content(3, pin, 3)]
    bob.tx(lambda tx: as_before(tx, received))
    broken = pack({"v": 1, "k": "poll", "i": number(3), "n": 3, "b": ["?", [], 7]})
    update = "UPDATE messages SET content = ? WHERE kind = 'poll'"
    bob.tx(lambda tx: tx.execute(update, (broken,)))
    bob.tx(lambda tx: learned.take_up(tx, NOW, registry.apply))
    left = bob.connection.execute("SELECT kind, hidden FROM messages ORDER BY seq").fetchall()
    assert left == [("poll", 1), ("text", 0)]
    assert [line.pinned for line in bob.tx(shown)] == [True]
    assert bob.tx(lambda tx: stored_settings.get(tx, "known-kinds")) is not None
