"""InviteLink links: one canonical text, and every slip of it is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import DecodeError
from zentalk.ids import UserAddress
from zentalk.wire import invite as module
from zentalk.wire.invite import (
    MAX_LINK_BYTES,
    InviteLink,
    format_invite,
    parse_address_or_invite,
    parse_invite,
)
from zentalk.wire.text import format_address

invites = st.builds(
    InviteLink,
    st.binary(min_size=32, max_size=32).map(UserAddress),
    st.binary(min_size=16, max_size=16),
)
ONE = InviteLink(UserAddress(bytes(range(32))), bytes(range(16)))
OTHER = InviteLink(UserAddress(bytes(range(1, 33))), bytes(range(1, 17)))
LINK = format_invite(ONE)


@given(invites)
def test_what_is_written_is_read_and_is_short(invite: InviteLink) -> None:
    link = format_invite(invite)
    assert parse_invite(link) == parse_address_or_invite(link) == invite
    assert len(link.encode()) == 99 < MAX_LINK_BYTES
    assert format_invite(parse_invite(link)) == link


@given(st.integers(0, len(LINK) - 1), st.sampled_from("abz27#:A 0"))
def test_no_other_text_is_the_same_invite(place: int, character: str) -> None:
    changed = LINK[:place] + character + LINK[place + 1 :]
    if changed == LINK:
        return
    with pytest.raises(DecodeError):
        parse_invite(changed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        LINK[:-1],
        LINK + "a",
        LINK.upper(),
        f" {LINK}",
        LINK.removeprefix("zentalk:"),
        LINK.partition("#")[0],
        LINK.partition("#")[0] + "#",
        f"zentalk://{LINK.removeprefix('zentalk:')}",
    ],
)
def test_what_is_no_link_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(DecodeError, match=r"(link|address)"):
        parse_invite(text)


def mixed() -> str:
    return LINK.partition("#")[0] + "#" + format_invite(OTHER).partition("#")[2]


def test_the_secret_of_one_link_does_not_fit_the_address_of_another() -> None:
    with pytest.raises(DecodeError, match="copy it again"):
        parse_invite(mixed())


def test_control_without_the_check_halves_of_two_links_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "equal", lambda _left, _right: True)
    assert parse_invite(mixed()) == InviteLink(ONE.address, OTHER.secret)


def test_an_address_alone_has_no_secret_and_no_repr_shows_either() -> None:
    text = format_address(ONE.address)
    assert parse_address_or_invite(text) == InviteLink(ONE.address, b"")
    assert repr(ONE) == "InviteLink()"
