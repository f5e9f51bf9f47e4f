"""The strings that people copy: user addresses, relay URIs, and access tokens of relays.

`zt1` + base32(identity key 32 || check 3): 59 characters, and a typo is noticed.
`zt-relay:` + base32(identity key 32) + `@host:port`: all that a bootstrap needs. Where a relay
takes WebSockets, a URL stands behind the `@`: `ws://host:port/path`, or `wss://` with TLS.
`zt-access-` + base32(relay 32 || secret 32 || check 3): 118 characters. It names its relay, so that
no other one is ever shown a proof of it. No error may repeat any of it.
"""

from __future__ import annotations

import base64
import binascii
import re
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from zentalk.crypto.hashing import blake2b_256, equal
from zentalk.crypto.labels import Label
from zentalk.errors import DecodeError
from zentalk.ids import NODE_ID_BYTES, USER_ADDRESS_BYTES, NodeId, UserAddress
from zentalk.wire.host import is_host, is_path, is_unspecified

_ADDRESS_PREFIX: Final = "zt1"
_ADDRESS_LENGTH: Final = len(_ADDRESS_PREFIX) + 56
_CHECK_BYTES: Final = 3
_URI_PREFIX: Final = "zt-relay:"
_FORM: Final = "a relay URI has the form zt-relay:IDENTITY@HOST:PORT, or @wss://HOST/PATH"
_ACCESS_PREFIX: Final = "zt-access-"
ACCESS_SECRET_BYTES: Final = 32
_ACCESS_LENGTH: Final = len(_ACCESS_PREFIX) + 108
_MAX_PORT: Final = 65535
_KEPT_ADDRESSES: Final = 1024
"""Texts and addresses whose other form is kept: each message names one again."""


class Scheme(StrEnum):
    """The protocol that carries a link to a relay."""

    TCP = "tcp"
    WS = "ws"
    """A WebSocket (RFC 6455), for lines that let nothing but HTTP through."""
    WSS = "wss"
    """A WebSocket inside TLS."""


DEFAULT_PORTS: Final = {Scheme.WS: 80, Scheme.WSS: 443}


class RelayUri(NamedTuple):
    """A relay's 32-byte Ed25519 identity key and where it listens.

    A WebSocket has a `path` besides.
    """

    identity: bytes
    host: str
    port: int
    scheme: Scheme = Scheme.TCP
    path: str = ""

    @property
    def place(self) -> str:
        """The part behind the `@`: `host:port`, or the URL of a WebSocket."""
        if self.scheme is Scheme.TCP:
            return f"{self.host}:{self.port}"
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.path}"


class AccessToken(NamedTuple):
    """The secret that a relay's operator gave to somebody, and the relay that it is for."""

    relay: NodeId
    secret: bytes

    def __repr__(self) -> str:
        return "<access token>"


@lru_cache(maxsize=_KEPT_ADDRESSES)
def format_address(address: UserAddress) -> str:
    """Return the `zt1...` text of an address."""
    return _ADDRESS_PREFIX + _encode(address + _check(address, Label.ADDRESS_CHECK))


@lru_cache(maxsize=_KEPT_ADDRESSES)
def parse_address(text: str) -> UserAddress:
    """Read a `zt1...` address; raises DecodeError with a sentence for the user."""
    _check_writing(text, "an address")
    if not text.startswith(_ADDRESS_PREFIX):
        raise DecodeError("this is not an address: it must be zt1 followed by 56 characters")
    if len(text) != _ADDRESS_LENGTH:
        raise DecodeError(
            f"this address has {len(text)} characters instead of {_ADDRESS_LENGTH}: copy all of it"
        )
    raw = _decode(text[len(_ADDRESS_PREFIX) :])
    if raw is None or len(raw) != USER_ADDRESS_BYTES + _CHECK_BYTES:
        raise DecodeError("this address has characters that no address has")
    address = UserAddress(raw[:USER_ADDRESS_BYTES])
    if not equal(raw[USER_ADDRESS_BYTES:], _check(address, Label.ADDRESS_CHECK)):
        raise DecodeError("this address has a typing error: its checksum does not match")
    return address


def format_access_token(token: AccessToken) -> str:
    """Return the `zt-access-...` text of a token, which is as secret as the token."""
    raw = token.relay + token.secret
    return _ACCESS_PREFIX + _encode(raw + _check(raw, Label.ACCESS_CHECK))


def parse_access_token(text: str) -> AccessToken:
    """Read a `zt-access-...` token; raises DecodeError with a sentence that repeats none of it."""
    _check_writing(text, "an access token")
    if not text.startswith(_ACCESS_PREFIX):
        raise DecodeError(f"an access token starts with {_ACCESS_PREFIX}")
    if len(text) != _ACCESS_LENGTH:
        raise DecodeError(
            f"this access token has {len(text)} characters instead of {_ACCESS_LENGTH}: copy all"
            " of it"
        )
    raw = _decode(text[len(_ACCESS_PREFIX) :])
    if raw is None:
        raise DecodeError("this access token has characters that no access token has")
    if not equal(raw[-_CHECK_BYTES:], _check(raw[:-_CHECK_BYTES], Label.ACCESS_CHECK)):
        raise DecodeError("this access token has a typing error: its checksum does not match")
    return AccessToken(NodeId(raw[:NODE_ID_BYTES]), raw[NODE_ID_BYTES:-_CHECK_BYTES])


def format_relay_uri(uri: RelayUri) -> str:
    """Return the `zt-relay:...` text of a relay."""
    return f"{_URI_PREFIX}{_encode(uri.identity)}@{uri.place}"


def parse_relay_uri(text: str) -> RelayUri:
    """Read a `zt-relay:identity@host:port` or `@wss://host/path`; raises DecodeError."""
    _check_writing(text.partition("@")[0], "a relay URI")
    if not text.startswith(_URI_PREFIX):
        raise DecodeError(f"a relay URI starts with {_URI_PREFIX}")
    identity_text, at, place = text[len(_URI_PREFIX) :].partition("@")
    identity = _decode(identity_text)
    if not at or identity is None or len(identity) != USER_ADDRESS_BYTES:
        raise DecodeError(_FORM)
    return parse_place(place)._replace(identity=identity)


def parse_place(place: str) -> RelayUri:
    """Read what is behind the `@` of a relay URI, with no identity; raises DecodeError."""
    scheme, colon, rest = place.partition("://")
    if not colon:
        return _at_port(place)
    if scheme not in (Scheme.WS, Scheme.WSS):
        raise DecodeError("the URL of a WebSocket starts with ws:// or wss://")
    place, slash, path = rest.partition("/")
    if not is_path(slash + path):
        raise DecodeError("the path of this URL is none that a relay has: /relay/link is usual")
    # A host in brackets has colons of its own.
    if not re.search(r":[0-9]*$", place):
        place = f"{place}:{DEFAULT_PORTS[Scheme(scheme)]}"
    return _at_port(place)._replace(scheme=Scheme(scheme), path=slash + path)


def _at_port(place: str) -> RelayUri:
    host, colon, port_text = place.rpartition(":")
    if not colon:
        raise DecodeError(_FORM)
    if not is_host(host):
        raise DecodeError("the host in this relay URI is not a host name or address")
    if is_unspecified(host):
        raise DecodeError(
            f"the host in this relay URI, {host}, stands for all addresses of a machine and can "
            "be dialled by nobody; ask the operator for the URI with the announced host"
        )
    if not re.fullmatch(r"[1-9][0-9]{0,4}", port_text) or int(port_text) > _MAX_PORT:
        raise DecodeError("the port in this relay URI is not between 1 and 65535")
    return RelayUri(b"", host, int(port_text))


def _check_writing(text: str, what: str) -> None:
    """Name what happens to texts on their way through other programs; raises DecodeError."""
    if any(char.isspace() for char in text):
        raise DecodeError(f"there is a space or a line break in this: {what} has none")
    if text != text.lower():
        raise DecodeError(f"there are capital letters in this: {what} has small ones only")


def _check(raw: bytes, label: Label) -> bytes:
    return blake2b_256(label, raw)[:_CHECK_BYTES]


def _encode(raw: bytes) -> str:
    return base64.b32encode(raw).decode("ascii").rstrip("=").lower()


def _decode(text: str) -> bytes | None:
    """Decode lower-case base32 without padding; None unless it is canonical."""
    if not re.fullmatch(r"[a-z2-7]*", text):
        return None
    try:
        raw = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except binascii.Error:
        return None
    return raw if _encode(raw) == text else None
