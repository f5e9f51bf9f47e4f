"""The body of an introduction inside a content."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import DecodeError
from zentalk.ids import MessageId, UserAddress
from zentalk.wire.content import Content, decode_content, encode_content
from zentalk.wire.introduction import (
    INTRODUCTION,
    Introduction,
    introduction_body,
    read_introduction,
)

ONE = Introduction(UserAddress(bytes(32)), "Bob", bytes(16))


@given(
    st.builds(
        Introduction,
        st.binary(min_size=32, max_size=32).map(UserAddress),
        st.text(max_size=60),
        st.binary(min_size=16, max_size=16),
    )
)
def test_what_is_written_is_read(introduction: Introduction) -> None:
    body = introduction_body(introduction)
    content = Content(kind=INTRODUCTION, message_id=MessageId(bytes(16)), raw_body=body)
    found = decode_content(encode_content(content))
    assert found == content
    assert read_introduction(found.raw_body) == introduction


@pytest.mark.parametrize(
    "body",
    [
        None,
        "Bob",
        [],
        [bytes(32), "Bob"],
        [bytes(31), "Bob", bytes(16)],
        [bytes(32), "Bob", bytes(15)],
        [bytes(32), "B" * 257, bytes(16)],
        [bytes(32), b"Bob", bytes(16)],
        [bytes(32), "Bob", bytes(16), 1],
    ],
)
def test_what_is_malformed_is_refused(body: Any) -> None:
    with pytest.raises(DecodeError):
        read_introduction(body)


def test_its_repr_tells_nobody() -> None:
    assert repr(ONE) == "Introduction()"
