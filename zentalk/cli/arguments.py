"""What was typed, read: addresses, URIs, times, names; with a sentence when they are none."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from zentalk.cli.errors import UsageError
from zentalk.errors import DecodeError

if TYPE_CHECKING:
    from zentalk.wire.text import RelayUri

_DAY: Final = "%Y-%m-%d"


def address(text: str) -> str:
    """Return the text of an address; raises UsageError if it is none."""
    from zentalk.wire.text import format_address, parse_address

    try:
        return format_address(parse_address(text.strip()))
    except DecodeError as error:
        raise UsageError(str(error)) from None


def address_or_invite(text: str) -> str:
    """Return the text of an address or an invite link; raises UsageError if it is neither."""
    from zentalk.wire.invite import INVITE_STARTS, format_invite, parse_invite

    text = text.strip()
    if not text.startswith(INVITE_STARTS):
        return address(text)
    try:
        return format_invite(parse_invite(text))
    except DecodeError as error:
        raise UsageError(str(error)) from None


def relay_uris(texts: Sequence[str]) -> tuple[RelayUri, ...]:
    """Return relay URIs; raises UsageError if one is malformed."""
    from zentalk.wire.text import parse_relay_uri

    try:
        return tuple(parse_relay_uri(text.strip()) for text in texts)
    except DecodeError as error:
        raise UsageError(f"--bootstrap: {error}") from None


def duration(text: str, *, or_word: str = "") -> int:
    """Return the seconds of a time with its unit; raises UsageError, which names another word."""
    from zentalk.config.units import to_seconds

    try:
        seconds = to_seconds(text)
    except ValueError:
        forms = "30s, 10min, 12h or 7d" if not or_word else f"30s, 10min, 12h, 7d or {or_word}"
        raise UsageError(f"'{text}' is no time: write it like {forms}") from None
    assert isinstance(seconds, int)
    return seconds


def in_path(text: str) -> str:
    """Return an id as a part of a path; raises UsageError if there is none."""
    if not text:
        raise UsageError("the id is empty: give one as it is listed")
    return quote(text, safe="")


def moment(text: str, *, is_end: bool = False) -> int:
    """Return unix seconds of a day or time by the reader's clock, or of a time so long ago.

    A day stands for its beginning, or its end. Raises UsageError for anything else.
    """
    import time

    for form in (_DAY, "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"):
        with suppress(ValueError, OverflowError):
            parts = list(time.strptime(text.replace("T", " "), form))
            parts[2] += is_end and form == _DAY  # a 32nd of a month is the first of the next
            return max(0, int(time.mktime(time.struct_time(parts))))
    with suppress(UsageError):
        return max(0, int(time.time()) - duration(text))  # noqa: TID251 - the edge
    raise UsageError(
        f"'{text}' is no time: write 2026-11-30, '2026-11-30 17:05', or 7d for so long ago"
    )


def one_of(word: str | None, option: str | None, name: str, option_name: str) -> str:
    """Return what was given as a word or as an option; raises UsageError for none and for both."""
    if word is not None and option is not None:
        raise UsageError(f"give {name} or {option_name}, not both")
    found = option if word is None else word
    if found is None:
        raise UsageError(f"{name} is missing")
    return found


def name_of(words: Sequence[str] | None, option: str | None) -> str | None:
    """Return a name given as words or as an option, None if neither was; raises UsageError."""
    if words and option is not None:
        raise UsageError(
            f"'{words[0]}' is one word too many; put a name of several words in quotes"
        )
    return " ".join(words) if words else option
