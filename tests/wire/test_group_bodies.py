"""Contents that carry groups: bounded, and never shown as direct messages by an older node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.chat.kinds import KINDS, KindRole, role_of
from zentalk.errors import DecodeError, TooLargeError
from zentalk.ids import EntryRef, GroupId, MessageId, UserAddress
from zentalk.wire.chat import MessageTarget, Reaction
from zentalk.wire.codec import Value, pack, unpack
from zentalk.wire.content import (
    MAX_CONTENT_BYTES,
    PART,
    PART_BYTES,
    TEXT,
    About,
    Content,
    Part,
    decode_content,
    encode_content,
)
from zentalk.wire.group import MAX_ENTRY_BYTES
from zentalk.wire.group_bodies import (
    FALLBACK,
    GROUP,
    GROUP_CARDS,
    GROUP_ENTRIES,
    MAX_ASK_HEADS,
    MAX_BATCH_CARDS,
    MAX_BATCH_ENTRIES,
    MAX_HISTORY_LINES,
    MAX_INNER_BYTES,
    MAX_LINE_HEADS,
    MAX_SHOWN_AT_MS,
    CardBatch,
    CardWanted,
    EntryBatch,
    GroupAsk,
    GroupLine,
    GroupPicture,
    SharedHistory,
    SharedLine,
    card_batch_body,
    card_batches,
    entry_batch_body,
    entry_batches,
    group_ask_body,
    group_content,
    group_line_body,
    group_picture_body,
    read_card_batch,
    read_entry_batch,
    read_group_ask,
    read_group_line,
    read_group_picture,
    read_shared_history,
    shared_histories,
    shared_history_body,
)
from zentalk.wire.group_card import MAX_CARD_BYTES

G, REF, ID = GroupId(b"g" * 32), EntryRef(b"r" * 16), MessageId(b"i" * 16)
MEMBER = UserAddress(b"m" * 32)
HELLO = Content(TEXT, ID, sent_at_ms=7, text="hello")
refs = st.binary(min_size=16, max_size=16).map(EntryRef)
groups = st.binary(min_size=32, max_size=32).map(GroupId)
asks = st.builds(
    GroupAsk,
    groups,
    st.lists(refs, max_size=20).map(tuple),
    st.lists(refs, max_size=20).map(tuple),
    st.lists(
        st.builds(
            CardWanted,
            st.binary(min_size=32, max_size=32).map(UserAddress),
            st.integers(0, 2**53),
        ),
        max_size=20,
    ).map(tuple),
    st.just(b"") | st.binary(min_size=32, max_size=32),
)


def travelled(body: Value, kind: str = GROUP) -> Value:
    """Return a body as it comes out of a content at its reader."""
    return decode_content(encode_content(Content(kind, ID, raw_body=body))).raw_body


@given(groups, st.lists(refs, max_size=8).map(tuple), st.text(max_size=50))
def test_what_is_said_in_a_group_comes_back(
    group: GroupId, heads: tuple[EntryRef, ...], text: str
) -> None:
    line = GroupLine(group, heads, Content(TEXT, ID, text=text))
    assert read_group_line(travelled(group_line_body(line))) == line


@given(asks)
def test_every_question_comes_back(ask: GroupAsk) -> None:
    assert read_group_ask(travelled(group_ask_body(ask))) == ask


@given(st.lists(st.binary(max_size=MAX_ENTRY_BYTES), max_size=MAX_BATCH_ENTRIES))
def test_every_batch_of_entries_comes_back(entries: list[bytes]) -> None:
    batch = EntryBatch(G, tuple(entries))
    assert read_entry_batch(travelled(entry_batch_body(batch))) == batch


def test_cards_and_pictures_come_back() -> None:
    batch, picture = CardBatch(G, (b"card",) * 3), GroupPicture(G, b"picture")
    assert read_card_batch(travelled(card_batch_body(batch))) == batch
    assert read_group_picture(travelled(group_picture_body(picture))) == picture


def test_an_older_node_shows_a_fallback_and_never_the_text() -> None:
    """It reads the kind as one that it does not know: a line with its fallback for a text."""
    content = decode_content(encode_content(group_content(GroupLine(G, (REF,), HELLO), sequence=3)))
    assert (content.kind, content.message_id, content.sequence) == (GROUP, ID, 3)
    assert (content.text, content.fallback, content.sent_at_ms) == ("", FALLBACK, 7)
    assert role_of("a kind of tomorrow") is KindRole.LINE
    assert KINDS[GROUP].fallback == FALLBACK


def test_what_is_no_line_has_no_fallback() -> None:
    mark = Content("reaction", ID, body=Reaction(MessageTarget(MEMBER, ID), 1, "x"))
    wrapped = decode_content(encode_content(group_content(GroupLine(G, (), mark), fallback="")))
    assert wrapped.fallback == ""
    assert read_group_line(wrapped.raw_body).inner == mark


def test_the_longest_text_fits_and_what_is_longer_is_named_too_long() -> None:
    longest = About(reply_to=MessageTarget(MEMBER, ID), mentions=(MEMBER,) * 10, timer_seconds=60)
    line = GroupLine(G, (REF,) * 8, Content(TEXT, ID, text="x" * 65_536, about=longest))
    assert len(encode_content(group_content(line, sequence=2**53))) <= MAX_CONTENT_BYTES
    more = About(mentions=(MEMBER,) * 16)
    with pytest.raises(TooLargeError):
        group_content(GroupLine(G, (), Content(TEXT, ID, text="x" * 65_536, about=more)))


def test_at_most_eight_heads_are_named() -> None:
    body = group_line_body(GroupLine(G, (REF,) * 9, HELLO))
    assert len(read_group_line(body).heads) == MAX_LINE_HEADS


@pytest.mark.parametrize(
    "inner",
    [
        Content(GROUP, ID, raw_body=[1]),
        Content(GROUP_ENTRIES, ID, raw_body=[G, []]),
        Content(PART, ID, part=Part(0, 2, b"x")),
    ],
)
def test_a_group_is_not_carried_inside_a_group_nor_are_parts(inner: Content) -> None:
    with pytest.raises(DecodeError):
        read_group_line([G, b"", encode_content(inner)])


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (read_group_line, [G, b"r" * 15, encode_content(HELLO)]),
        (read_group_line, [G, b"r" * 16 * 9, encode_content(HELLO)]),
        (read_group_line, [G[1:], b"", encode_content(HELLO)]),
        (read_group_line, [G, b"", b"garbage"]),
        (read_group_line, [G, b"", encode_content(HELLO), 1]),
        (read_entry_batch, [G, [b"x"] * (MAX_BATCH_ENTRIES + 1)]),
        (read_entry_batch, [G, [b"x" * (MAX_ENTRY_BYTES + 1)]]),
        (read_entry_batch, [G, ["text"]]),
        (read_card_batch, [G, [b"x"] * (MAX_BATCH_CARDS + 1)]),
        (read_card_batch, [G, [b"x" * (MAX_CARD_BYTES + 1)]]),
        (read_group_ask, [G, b"r" * 16 * (MAX_ASK_HEADS + 1), b"", [], b""]),
        (read_group_ask, [G, b"", b"r", [], b""]),
        (read_group_ask, [G, b"", b"", [[MEMBER]], b""]),
        (read_group_ask, [G, b"", b"", [[MEMBER, -1]], b""]),
        (read_group_ask, [G, b"", b"", [], b"h" * 31]),
        (read_group_picture, [G, b""]),
        (read_group_picture, [G, b"p" * (24 * 1024 + 1)]),
    ],
)
def test_what_is_malformed_or_too_much_is_refused(
    read: Callable[[Any], object], value: Any
) -> None:
    with pytest.raises(DecodeError):
        read(value)


def test_a_full_batch_fits_one_envelope() -> None:
    entries = EntryBatch(G, (bytes(MAX_ENTRY_BYTES),) * MAX_BATCH_ENTRIES)
    cards = CardBatch(G, (bytes(MAX_CARD_BYTES),) * MAX_BATCH_CARDS)
    for kind, body in (
        (GROUP_ENTRIES, entry_batch_body(entries)),
        (GROUP_CARDS, card_batch_body(cards)),
    ):
        assert len(encode_content(Content(kind, ID, raw_body=body))) <= PART_BYTES - 256


def test_what_is_much_is_divided_in_its_order() -> None:
    raws = [bytes([n % 256, n // 256]) for n in range(300)]
    batches = entry_batches(G, raws)
    assert [raw for batch in batches for raw in batch.entries] == raws
    assert max(len(batch.entries) for batch in batches) == MAX_BATCH_ENTRIES
    assert [raw for batch in card_batches(G, raws) for raw in batch.cards] == raws
    assert entry_batches(G, []) == []


@given(st.binary(max_size=300))
def test_k24_garbage_is_a_decode_error_and_nothing_else(data: bytes) -> None:
    for read in (
        read_group_line,
        read_entry_batch,
        read_card_batch,
        read_group_ask,
        read_group_picture,
    ):
        with pytest.raises(DecodeError):
            read(unpack(pack(data), max_bytes=400))


def test_a_repr_shows_nothing_of_a_message() -> None:
    assert "hello" not in repr(GroupLine(G, (REF,), HELLO))


def shared_line(text: str = "hello", at: int = 5) -> SharedLine:
    return SharedLine(UserAddress(b"a" * 32), at, Content(TEXT, ID, sent_at_ms=4, text=text))


@given(st.lists(st.integers(0, 3_000), max_size=200))
def test_shared_lines_are_divided_in_their_order_and_each_content_is_read(
    sizes: list[int],
) -> None:
    lines = [shared_line("x" * size, number) for number, size in enumerate(sizes)]
    made = shared_histories(G, (REF,), lines)
    assert [line for one in made for line in one.lines] == lines
    for one in made:
        whole = encode_content(Content("group.history", ID, raw_body=shared_history_body(one)))
        assert len(whole) <= MAX_CONTENT_BYTES
        assert read_shared_history(decode_content(whole).raw_body) == one


def test_a_line_that_no_content_has_room_for_is_left_out() -> None:
    lines = [shared_line("x" * MAX_INNER_BYTES), shared_line()]
    assert [one.lines for one in shared_histories(G, (), lines)] == [(lines[1],)]


@pytest.mark.parametrize(
    "shared",
    [
        SharedHistory(G, (), (shared_line(),) * (MAX_HISTORY_LINES + 1)),
        SharedHistory(G, (), (shared_line(at=MAX_SHOWN_AT_MS + 1),)),
        SharedHistory(G, (), (SharedLine(UserAddress(b"short"), 1, Content(TEXT, ID, text="x")),)),
        SharedHistory(G, (), (SharedLine(UserAddress(G), 1, Content("group.ask", ID)),)),
        SharedHistory(G, (), (SharedLine(UserAddress(G), 1, Content(PART, ID)),)),
    ],
)
def test_shared_history_that_is_none_is_refused(shared: SharedHistory) -> None:
    body = unpack(pack(shared_history_body(shared)), max_bytes=MAX_CONTENT_BYTES)
    with pytest.raises(DecodeError):
        read_shared_history(body)
