"""Links to messages as people copy them."""

from __future__ import annotations

import pytest

from zentalk.errors import DecodeError
from zentalk.ids import UserAddress
from zentalk.wire.message_link import MessageLink, format_message_link, parse_message_link

LINK = MessageLink(UserAddress(bytes(range(32))), "0123456789abcdef" * 2)


def test_a_link_names_author_and_id() -> None:
    text = format_message_link(LINK)
    assert text.startswith("zentalk-message:zt1")
    assert text.endswith(f"/{LINK.message_id}")
    assert parse_message_link(text) == LINK


@pytest.mark.parametrize(
    ("written", "instead"),
    [("zentalk-message:", "zentalk:"), ("/", "#"), ("0123", "0x23"), ("zt1", "zt2"), ("ef", "EF")],
)
def test_what_is_no_link_is_refused(written: str, instead: str) -> None:
    with pytest.raises(DecodeError):
        parse_message_link(format_message_link(LINK).replace(written, instead))


def test_a_longer_id_is_refused() -> None:
    with pytest.raises(DecodeError, match="32 hexadecimal digits"):
        parse_message_link(format_message_link(LINK) + "0")
