"""Cards of members: enough for a first message, and believed of their member only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.session.support import Person, Seeded
from tests.wire.test_content import routes
from zentalk.crypto import ed25519
from zentalk.crypto.labels import Label
from zentalk.errors import (
    AuthenticationError,
    DecodeError,
    LocalProtocolError,
    RemoteProtocolError,
)
from zentalk.ids import GroupId, NodeId, SendId
from zentalk.session import pqxdh
from zentalk.wire.codec import Fields, pack, unpack
from zentalk.wire.group_card import MAX_CARD_BYTES, GroupCard, decode_card, sign_card
from zentalk.wire.route import Route, RouteEntry

GROUP, OTHER = GroupId(b"g" * 32), GroupId(b"o" * 32)
BOB, EVE = Person.named("bob"), Person.named("eve")
FULL = Route(2**53, (RouteEntry(NodeId(b"n" * 32), SendId(b"s" * 16), b"k" * 32),) * 2)


def card_of(person: Person, route: Route = FULL, group: GroupId = GROUP) -> GroupCard:
    bundle = person.bundle(one_time=False)
    return sign_card(person.identity, group, route, bundle.signed_prekey, bundle.pq_prekey)


@given(routes)
def test_every_card_comes_back(route: Route) -> None:
    card = card_of(BOB, route)
    assert decode_card(card.raw, GROUP) == card
    assert (card.member, card.version, card.route) == (BOB.identity.public, route.version, route)


def test_the_longest_card_fits() -> None:
    assert len(card_of(BOB).raw) <= MAX_CARD_BYTES


def test_a_first_message_begins_with_a_card_and_takes_no_one_time_key() -> None:
    begun = pqxdh.initiate(EVE.identity, decode_card(card_of(BOB).raw, GROUP).bundle, Seeded("e"))
    assert begun.header.one_time_id is None
    answered = pqxdh.respond(BOB.identity, begun.header, BOB.responder_keys(one_time=False))
    assert answered.root == begun.root


def test_a_card_is_for_one_group() -> None:
    with pytest.raises(AuthenticationError):
        decode_card(card_of(BOB).raw, OTHER)
    assert card_of(BOB).card_hash != card_of(BOB, group=OTHER).card_hash


def test_control_without_the_signature_check_anybody_replaces_a_members_card(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signed = Fields(unpack(card_of(BOB).raw, max_bytes=MAX_CARD_BYTES), "").blob(MAX_CARD_BYTES)
    forged = pack([signed, EVE.identity.sign(Label.GROUP_CARD, GROUP + signed)])
    with pytest.raises(AuthenticationError):
        decode_card(forged, GROUP)
    monkeypatch.setattr(ed25519, "verify", lambda *_: None)
    assert decode_card(forged, GROUP).member == BOB.identity.public


def test_any_changed_bit_is_refused() -> None:
    raw = card_of(BOB).raw
    for index in range(0, len(raw), 7):
        broken = raw[:index] + bytes([raw[index] ^ (1 << index % 8)]) + raw[index + 1 :]
        with pytest.raises(RemoteProtocolError):
            decode_card(broken, GROUP)


def test_a_card_of_three_mailboxes_is_not_signed() -> None:
    with pytest.raises(LocalProtocolError):
        card_of(BOB, Route(1, (*FULL.entries, FULL.entries[0])))


@given(st.binary(max_size=2_000))
def test_k24_garbage_is_a_decode_error_and_nothing_else(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_card(data, GROUP)


def test_a_repr_shows_no_key_and_nobody() -> None:
    assert repr(card_of(BOB)) == "GroupCard()"
