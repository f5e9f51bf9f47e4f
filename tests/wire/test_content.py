"""Contents: what is encoded comes back, what is malformed is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import DecodeError
from zentalk.ids import MessageId, NodeId, SendId
from zentalk.wire.codec import pack
from zentalk.wire.content import (
    CONFIRMATION,
    PART,
    TEXT,
    Content,
    Part,
    decode_content,
    encode_content,
)
from zentalk.wire.route import Route, RouteEntry, decode_route, encode_route

ids = st.binary(min_size=16, max_size=16).map(MessageId)
routes = st.builds(
    Route,
    st.integers(0, 2**40),
    st.lists(
        st.builds(
            RouteEntry,
            st.binary(min_size=32, max_size=32).map(NodeId),
            st.binary(min_size=16, max_size=16).map(SendId),
            st.binary(min_size=32, max_size=32),
        ),
        max_size=2,
    ).map(tuple),
)
contents = st.one_of(
    st.builds(
        Content,
        kind=st.just(TEXT),
        message_id=ids,
        sequence=st.integers(0, 2**50),
        sent_at_ms=st.integers(0, 2**50),
        text=st.text(max_size=200),
        route=st.none() | routes,
        route_seen=st.integers(0, 2**40),
        ticket=st.just(b"") | st.binary(min_size=16, max_size=16),
        term=st.integers(0, 2**32 - 1),
    ),
    st.builds(
        Content,
        kind=st.just(CONFIRMATION),
        message_id=ids,
        confirmed=st.lists(ids, max_size=64).map(tuple),
        route=st.none() | routes,
    ),
    st.builds(
        Content,
        kind=st.just(PART),
        message_id=ids,
        part=st.builds(Part, st.just(1), st.integers(2, 64), st.binary(max_size=300)),
    ),
)


@given(contents)
def test_every_content_comes_back(content: Content) -> None:
    assert decode_content(encode_content(content)) == content


@given(routes)
def test_every_route_comes_back(route: Route) -> None:
    assert decode_route(encode_route(route)) == route


@given(st.binary(max_size=300))
def test_k24_garbage_is_a_decode_error_and_nothing_else(data: bytes) -> None:
    try:
        decode_content(data)
    except DecodeError:
        return


def test_unknown_kinds_and_keys_are_kept() -> None:
    content = decode_content(pack({"v": 1, "k": "dance", "i": b"i" * 16, "z": [1, 2]}))
    assert (content.kind, content.extra) == ("dance", {"z": [1, 2]})


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"v": 1, "k": "text", "i": b"short", "b": "x"},
        {"v": 1, "k": "text", "i": b"i" * 16, "b": 7},
        {"v": 1, "k": "text", "i": b"i" * 16, "b": "x" * 65_537},
        {"v": 1, "k": "confirmation", "i": b"i" * 16, "b": [b"short"]},
        {"v": 1, "k": "part", "i": b"i" * 16, "b": [3, 3, b""]},
        {"v": 1, "k": "text", "i": b"i" * 16, "b": "x", "r": [1]},
        {"v": 1, "k": "text", "i": b"i" * 16, "b": "x", "p": b"w" * 15},
        {"v": 1, "k": "text", "i": b"i" * 16, "b": "x", "p": b""},
    ],
)
def test_a_wrong_value_of_a_known_key_is_refused(value: object) -> None:
    with pytest.raises(DecodeError):
        decode_content(pack(value))
