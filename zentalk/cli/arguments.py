"""Reading what was typed: addresses and relay URIs, with a sentence when they are none."""

from __future__ import annotations

from collections.abc import Sequence

from zentalk.cli.errors import UsageError
from zentalk.errors import DecodeError
from zentalk.wire.text import RelayUri, format_address, parse_address, parse_relay_uri


def address(text: str) -> str:
    """Return the text of an address; raises UsageError if it is none."""
    try:
        return format_address(parse_address(text))
    except DecodeError as error:
        raise UsageError(str(error)) from None


def relay_uris(texts: Sequence[str]) -> tuple[RelayUri, ...]:
    """Return relay URIs; raises UsageError if one is malformed."""
    try:
        return tuple(parse_relay_uri(text.strip()) for text in texts)
    except DecodeError as error:
        raise UsageError(f"--bootstrap: {error}") from None
