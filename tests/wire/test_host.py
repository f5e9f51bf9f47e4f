"""Hosts: what may stand in URIs and descriptors, and what nobody can dial."""

import pytest

from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import DecodeError
from zentalk.ids import Epoch
from zentalk.wire.descriptor import DescriptorBody, Lane, decode_descriptor, sign_descriptor
from zentalk.wire.host import is_host, is_unspecified, with_brackets
from zentalk.wire.text import RelayUri, format_relay_uri, parse_relay_uri

KEY = SigningKey(b"k" * 32)
UNSPECIFIED = ["0.0.0.0", "[::]", "[0:0:0:0:0:0:0:0]", "[::ffff:0.0.0.0]"]


@pytest.mark.parametrize(
    "host",
    [
        *(
            "relay.example.org",
            "r1",
            "my_relay",
            "a-b.c",
            "3com.example",
            "localhost",
            "0xa.example",
        ),
        *("192.0.2.1", "[2001:db8::1]", "[::1]", "[::ffff:192.0.2.1]", *UNSPECIFIED),
    ],
)
def test_hosts(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", "a b", "-a", "a-", "a..b", "a.", "ä.example", "a" * 64, "a." * 127),
        *("999.1.1.1", "1.2.3", "127.1", "0", "0x0", "0x7f.1", "1.2.3.04", "a.1", "1.2.3.4.5"),
        *("[::::]", "[]", "[1.2.3.4]", "::1", "[fe80::1%eth0]", "[g::]", "[::1", "\x1b[31m"),
    ],
)
def test_what_is_no_host(host: str) -> None:
    assert not is_host(host)


@pytest.mark.parametrize("host", UNSPECIFIED)
def test_an_unspecified_address_is_taken_from_nobody(host: str) -> None:
    assert is_unspecified(host)
    with pytest.raises(DecodeError, match="dialled by nobody"):
        parse_relay_uri(format_relay_uri(RelayUri(KEY.public, host, 9001)))
    with pytest.raises(DecodeError, match="host"):
        decode_descriptor(sign_descriptor(KEY, _body(host)).raw)


@pytest.mark.parametrize("host", ["192.0.2.1", "[2001:db8::1]", "relay.example"])
def test_control_other_hosts_are(host: str) -> None:
    assert not is_unspecified(host)
    uri = RelayUri(KEY.public, host, 9001)
    assert parse_relay_uri(format_relay_uri(uri)) == uri
    assert decode_descriptor(sign_descriptor(KEY, _body(host)).raw).host == host


def test_brackets() -> None:
    assert with_brackets("2001:db8::1") == "[2001:db8::1]"
    for unchanged in ("[2001:db8::1]", "192.0.2.1", "relay.example", "a:b"):
        assert with_brackets(unchanged) == unchanged


def _body(host: str) -> DescriptorBody:
    return DescriptorBody(
        network="local",
        identity=KEY.public,
        host=host,
        lanes=(Lane(9001, bytes(32), bytes(32)),),
        roles=1,
        family=b"",
        max_links=10,
        version="1",
        epoch=Epoch(1),
        boot=1,
    )
