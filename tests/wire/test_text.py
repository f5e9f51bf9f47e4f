"""Addresses and relay URIs as people paste them: what is wrong with one is said."""

from __future__ import annotations

import pytest

from zentalk.errors import DecodeError
from zentalk.ids import NodeId, UserAddress
from zentalk.wire.text import (
    AccessToken,
    RelayUri,
    Scheme,
    format_access_token,
    format_address,
    format_relay_uri,
    parse_access_token,
)
from zentalk.wire.text import parse_address as address
from zentalk.wire.text import parse_relay_uri as uri

ADDRESS = format_address(UserAddress(bytes(range(32))))
URI = format_relay_uri(RelayUri(bytes(range(32)), "relay.example", 9001))


@pytest.mark.parametrize(
    "pasted", [f" {ADDRESS}", f"{ADDRESS}\n", ADDRESS[:20] + "\n" + ADDRESS[20:]]
)
def test_a_space_or_line_break_in_an_address_is_named(pasted: str) -> None:
    with pytest.raises(DecodeError, match="a space or a line break in this: an address has none"):
        address(pasted)


@pytest.mark.parametrize("pasted", [ADDRESS.upper(), ADDRESS.capitalize()])
def test_capitals_in_an_address_are_named(pasted: str) -> None:
    with pytest.raises(DecodeError, match="capital letters in this: an address has small ones"):
        address(pasted)


def test_an_address_that_was_cut_off_is_said_to_be() -> None:
    with pytest.raises(DecodeError, match="has 40 characters instead of 59: copy all of it"):
        address(ADDRESS[:40])


def test_a_typing_error_in_an_address_is_noticed() -> None:
    last = "a" if ADDRESS[-1] != "a" else "b"
    with pytest.raises(DecodeError, match="checksum"):
        address(ADDRESS[:30] + last + ADDRESS[31:])
    assert address(ADDRESS) == bytes(range(32))


def test_what_is_wrong_with_a_relay_uri_is_named() -> None:
    with pytest.raises(DecodeError, match="a space or a line break"):
        uri(URI.replace("@", " @"))
    with pytest.raises(DecodeError, match="capital letters in this: a relay URI has small ones"):
        uri(URI.upper())
    assert (
        uri(URI.replace("relay", "Relay").replace("zt-Relay", "zt-relay")).host == "Relay.example"
    )


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("ws://relay.example:9101/relay/link", ("relay.example", 9101, Scheme.WS, "/relay/link")),
        ("ws://relay.example/relay/link", ("relay.example", 80, Scheme.WS, "/relay/link")),
        ("wss://relay.example/l", ("relay.example", 443, Scheme.WSS, "/l")),
        ("wss://[2001:db8::1]/l", ("[2001:db8::1]", 443, Scheme.WSS, "/l")),
        ("wss://[2001:db8::1]:8443/l.v1", ("[2001:db8::1]", 8443, Scheme.WSS, "/l.v1")),
    ],
)
def test_a_relay_uri_may_name_a_websocket(place: str, found: tuple[str, int, str, str]) -> None:
    text = URI.partition("@")[0] + "@" + place
    read = uri(text)
    assert read[1:] == found
    assert format_relay_uri(read) == text


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("http://relay.example/relay/link", "starts with ws:// or wss://"),
        ("://relay.example/relay/link", "starts with ws:// or wss://"),
        ("wss://relay.example", "the path of this URL"),
        ("wss://relay.example/", "the path of this URL"),
        ("wss://relay.example/a/../b", "the path of this URL"),
        ("wss://relay.example/a?b", "the path of this URL"),
        ("wss://relay.example/" + "a" * 40, "the path of this URL"),
        ("wss:///relay/link", "the host in this relay URI"),
        ("wss://user@relay.example/relay/link", "the host in this relay URI"),
        ("wss://0.0.0.0/relay/link", "stands for all addresses of a machine"),
        ("wss://relay.example:0/relay/link", "between 1 and 65535"),
        ("wss://relay.example:/relay/link", "between 1 and 65535"),
    ],
)
def test_what_is_wrong_with_a_websocket_of_a_relay_is_named(place: str, said: str) -> None:
    with pytest.raises(DecodeError, match=said):
        uri(URI.partition("@")[0] + "@" + place)


TOKEN = format_access_token(AccessToken(NodeId(b"n" * 32), bytes(range(32))))


def test_an_access_token_is_read_as_it_was_written_and_not_shown() -> None:
    token = parse_access_token(TOKEN)
    assert token == AccessToken(NodeId(b"n" * 32), bytes(range(32)))
    assert len(TOKEN) == 118
    assert repr(bytes(range(32)))[2:-1] not in repr(token)


@pytest.mark.parametrize(
    ("pasted", "complaint"),
    [
        (TOKEN + " ", "a space or a line break"),
        (TOKEN.upper(), "capital letters"),
        (TOKEN[:-1], "117 characters instead of 118"),
        (TOKEN[10:], "starts with zt-access-"),
        (TOKEN[:-2] + "1" + TOKEN[-1], "characters that no access token has"),
        (TOKEN[:40] + ("a" if TOKEN[40] != "a" else "b") + TOKEN[41:], "typing error"),
    ],
)
def test_what_is_wrong_with_an_access_token_is_named_and_the_token_is_not(
    pasted: str, complaint: str
) -> None:
    with pytest.raises(DecodeError, match=complaint) as caught:
        parse_access_token(pasted)
    assert TOKEN[20:40] not in str(caught.value)
