"""Relays and access tokens as settings name them: text that must be readable, or an error.

Which of them may stand where, the settings say; nothing is resolved here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainValidator

from zentalk.config.places import list_to_tuple
from zentalk.errors import DecodeError
from zentalk.wire.text import (
    AccessToken,
    RelayUri,
    parse_access_token,
    parse_place,
    parse_relay_uri,
)


def _read(value: object, parse: Callable[[str], RelayUri]) -> RelayUri:
    if isinstance(value, RelayUri):
        return value
    if not isinstance(value, str):
        raise ValueError("each is text in quotes")  # noqa: TRY004 - pydantic takes no TypeError
    try:
        return parse(value.strip())
    except DecodeError as error:
        raise ValueError(str(error)) from None


def _to_relay_uri(value: object) -> RelayUri:
    return _read(value, parse_relay_uri)


def _to_place(value: object) -> RelayUri:
    return _read(value, parse_place)


Places = Annotated[
    tuple[Annotated[RelayUri, PlainValidator(_to_place)], ...], BeforeValidator(list_to_tuple)
]
Uris = Annotated[
    tuple[Annotated[RelayUri, PlainValidator(_to_relay_uri)], ...], BeforeValidator(list_to_tuple)
]


def _to_token(value: object) -> AccessToken:
    if isinstance(value, AccessToken):
        return value
    if not isinstance(value, str):
        raise ValueError("each is text in quotes")  # noqa: TRY004 - pydantic takes no TypeError
    try:
        return parse_access_token(value.strip())
    except DecodeError as error:
        raise ValueError(str(error)) from None


def _of_different_relays(tokens: tuple[AccessToken, ...]) -> tuple[AccessToken, ...]:
    if len({token.relay for token in tokens}) < len(tokens):
        raise ValueError("two of these tokens are of one relay: leave the newer one")
    return tokens


Tokens = Annotated[
    tuple[Annotated[AccessToken, PlainValidator(_to_token)], ...],
    BeforeValidator(list_to_tuple),
    AfterValidator(_of_different_relays),
]
