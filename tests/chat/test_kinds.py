"""The table of kinds holds what the wire, the registry and the views do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zentalk.chat.kinds import KINDS, KindRole, role_of
from zentalk.chat.views import body_view, fallback_of, line_of
from zentalk.errors import DecodeError
from zentalk.ids import MessageId, UserAddress
from zentalk.node.messages.kinds import registry
from zentalk.wire import chat
from zentalk.wire.chat import Card, FileCard, Location, Poll, Sticker
from zentalk.wire.content import (
    MAX_FALLBACK_BYTES,
    Content,
    decode_content,
    encode_content,
)
from zentalk.wire.group_bodies import GROUP, GROUP_KINDS

BODIES = (
    Poll("which?", ("tea", "coffee"), multiple=True),
    Card(UserAddress(b"c" * 32), "Carol"),
    Sticker("🙈", b"picture"),
    Location(90_000_000, 180_000_000, "Null Island"),
    FileCard(b"c" * 32, b"s" * 32, 5, "cat.jpg", "image/jpeg", b"picture", 4, 3),
)


def test_every_kind_with_a_body_has_a_row() -> None:
    assert set(chat._DECODERS) == set(chat._KINDS.values())
    assert set(chat._DECODERS) <= set(KINDS)


def test_lines_are_kept_and_every_other_kind_has_a_function_of_its_own() -> None:
    lines = {word for word, kind in KINDS.items() if kind.role is KindRole.LINE}
    others = {word for word in KINDS if word not in lines | GROUP_KINDS and word != "part"}
    assert set(registry.KINDS) == others


def test_kinds_of_groups_are_kept_and_only_what_is_said_there_is_shown_by_older_nodes() -> None:
    groups = {word for word, kind in KINDS.items() if kind.role is KindRole.GROUP}
    assert groups == GROUP_KINDS
    assert all(KINDS[word].is_queued for word in groups)
    assert {word for word in groups if KINDS[word].fallback} == {GROUP}


def test_a_kind_that_nobody_knows_is_a_line() -> None:
    assert role_of("dance") is KindRole.LINE


def test_of_direct_connections_nothing_is_shown_and_offers_are_never_kept() -> None:
    """An older node takes a consent for a line without words, which it does not show."""
    consent, offer = KINDS[chat.DIRECT], KINDS[chat.DIRECT_OFFER]
    assert (consent.role, consent.is_queued) == (KindRole.SETTING, True)
    assert (offer.role, offer.is_queued) == (KindRole.SIGNAL, False)
    assert (consent.fallback, offer.fallback) == ("", "")


def test_lines_with_a_body_are_shown_as_text_and_as_json() -> None:
    assert [line_of(body) for body in BODIES] == [
        "which?",
        "Carol",
        "🙈",
        "Null Island",
        "cat.jpg",
    ]
    assert [fallback_of(body) for body in BODIES] == [
        "A poll: which?",
        "A contact: Carol",
        "A sticker: 🙈",
        "A place: Null Island",
        "A file: cat.jpg",
    ]
    assert body_view(BODIES[3]) == {"latitude": 0.0, "longitude": 0.0, "label": "Null Island"}
    assert body_view(BODIES[2]) == {"emoji": "🙈", "picture": "cGljdHVyZQ=="}
    assert body_view(None) is None


def test_a_file_is_shown_without_the_secret_that_opens_it() -> None:
    view = body_view(BODIES[4])
    assert view == {
        "cid": "63" * 32,
        "name": "cat.jpg",
        "size": 5,
        "media_type": "image/jpeg",
        "preview": "cGljdHVyZQ==",
        "width": 4,
        "height": 3,
        "milliseconds": 0,
        "voice": False,
    }
    assert "cat.jpg" not in repr(BODIES[4])


def test_a_card_without_a_name_is_shown_by_its_address() -> None:
    assert line_of(Card(UserAddress(b"c" * 32), "")).startswith("zt1")


def test_the_longest_bodies_have_a_fallback_that_fits_a_content() -> None:
    longest = (
        Poll("?" * chat.MAX_QUESTION_BYTES, ("a", "b"), multiple=False),
        Poll("é" * (chat.MAX_QUESTION_BYTES // 2), ("a", "b"), multiple=False),
        Card(UserAddress(b"c" * 32), "🙈" * (chat.MAX_NAME_BYTES // 4)),
        Location(0, 0, "x" * chat.MAX_LABEL_BYTES),
        Sticker("🙈" * (chat.MAX_EMOJI_BYTES // 4), b"picture"),
    )
    for body in longest:
        shown = fallback_of(body)
        content = Content(
            kind=chat.kind_of(body), message_id=MessageId(bytes(16)), body=body, fallback=shown
        )
        assert decode_content(encode_content(content)).fallback == shown
        whole = KINDS[content.kind].fallback.format(line_of(body))
        assert whole.startswith(shown)
        assert MAX_FALLBACK_BYTES - len(shown.encode()) < 4 or shown == whole
        if shown != whole:
            with pytest.raises(DecodeError):
                decode_content(encode_content(replace(content, fallback=whole)))


def test_signals_are_neither_stored_nor_queued() -> None:
    signals = [kind for kind in KINDS.values() if kind.role is KindRole.SIGNAL]
    assert len(signals) == 3
    assert not any(kind.is_stored or kind.is_queued for kind in signals)
    assert KINDS[chat.READ].is_queued
    assert not KINDS["confirmation"].is_queued
