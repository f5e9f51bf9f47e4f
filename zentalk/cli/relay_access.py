"""`zentalk relay access` and `zentalk relay ban`: whom a relay lets in and whom not.

Both work on files of the relay's folder, whether it runs or not. A token is printed when it is made
and never again. Of two commands at once one waits for the other.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from zentalk.cli.arguments import duration
from zentalk.cli.errors import UsageError
from zentalk.cli.output import harmless, local_time, say, say_json, say_or_json, telling, utc_day
from zentalk.config import hold_edit_lock, load_relay_settings
from zentalk.errors import ConfigError, ConflictError, NotFoundError
from zentalk.ids import NodeId
from zentalk.relay.access import files
from zentalk.relay.access.bans import Ban, Range, range_of
from zentalk.relay.access.tokens import GivenToken
from zentalk.relay.keys.identity import load_relay_identity
from zentalk.relay.status import read_status
from zentalk.wire.text import ACCESS_SECRET_BYTES, AccessToken, format_access_token

_LIST: Final = "list"
_ADD: Final = "add"


class BanTerms(NamedTuple):
    """What was said of a ban: how long, and why."""

    lasting: str | None
    reason: str | None


def access(directory: Path, action: str, name: str, *, as_json: bool) -> int:
    """Make a token, list them, or revoke one.

    Raises ConflictError if there is one of this name, NotFoundError if there is none to revoke.
    """
    settings = load_relay_settings(directory)
    relay = load_relay_identity(directory, settings.id_difficulty).node_id
    if action == _LIST:
        _refuse_words("access list", name)
        tokens = files.read_tokens(directory, relay)
        if as_json:
            say_json([{"name": token.name, "made": token.made_at} for token in tokens])
        for token in () if as_json else tokens:
            say(f"{utc_day(token.made_at)}  {harmless(token.name)}")
        return 0
    name = _name(name)
    if action == _ADD:
        text = _add_token(directory, relay, name)
        with telling(lambda: f"the token of {name} was made: revoke it, and make it again"):
            say_or_json(text, {"name": name, "token": text}, as_json=as_json)
        return 0
    _revoke_token(directory, relay, name)
    say_or_json(
        f"revoked {harmless(name)}{_when_read(directory)}", {"revoked": name}, as_json=as_json
    )
    return 0


def _add_token(directory: Path, relay: NodeId, name: str) -> str:
    """Make a token and write it down; return it as it is given out."""
    with hold_edit_lock(directory):
        tokens = files.read_tokens(directory, relay)
        if any(token.name == name for token in tokens):
            raise ConflictError(
                f"there is a token named {name} already: choose another name, or revoke that first"
            )
        entropy = os.urandom  # noqa: TID251 - the edge
        made = GivenToken(name, _now(), entropy(ACCESS_SECRET_BYTES))
        files.write_tokens(directory, relay, [*tokens, made])
    return format_access_token(AccessToken(relay, made.secret))


def _revoke_token(directory: Path, relay: NodeId, name: str) -> None:
    with hold_edit_lock(directory):
        tokens = files.read_tokens(directory, relay)
        others = [token for token in tokens if token.name != name]
        if len(others) == len(tokens):
            raise NotFoundError(f"there is no token named {name}; see: zentalk relay access list")
        files.write_tokens(directory, relay, others)


def ban(
    directory: Path, action: str, address: str | None, terms: BanTerms, *, as_json: bool
) -> int:
    """Refuse a range, list what is refused, or let a range in again.

    Raises NotFoundError if it is not refused. Bans that are over leave the file.
    """
    load_relay_settings(directory)
    if action != _ADD and (terms.lasting or terms.reason):
        raise UsageError("--for and --reason are said when a ban is added")
    if action == _LIST:
        _refuse_words("ban list", address or "")
        bans = _bans(directory)
        if as_json:
            say_json([_as_json(one) for one in bans])
        for one in () if as_json else bans:
            say(_line(one))
        return 0
    if address is None:
        raise UsageError(f"which address? zentalk relay ban {action} ADDRESS")
    wanted = _range(address)
    if action == _ADD:
        until = None if terms.lasting is None else _now() + duration(terms.lasting)
        made = Ban(wanted, until, _reason(terms.reason or ""))
        with hold_edit_lock(directory):
            others = [one for one in _bans(directory) if one.range != wanted]
            files.write_bans(directory, [*others, made])
        say_or_json(f"{_line(made)}{_when_read(directory)}", _as_json(made), as_json=as_json)
        return 0
    with hold_edit_lock(directory):
        bans = _bans(directory)
        others = [one for one in bans if one.range != wanted]
        if len(others) == len(bans):
            raise NotFoundError(f"{wanted} is not banned as such; see: zentalk relay ban list")
        files.write_bans(directory, others)
    say_or_json(
        f"{wanted} is let in again{_when_read(directory)}",
        {"removed": str(wanted)},
        as_json=as_json,
    )
    return 0


def _bans(directory: Path) -> list[Ban]:
    """Return the bans that are not over."""
    now = _now()
    return [one for one in files.read_bans(directory) if one.holds(now)]


def _name(text: str) -> str:
    try:
        return files.checked_name(text)
    except ValueError as error:
        _wrong(error)


def _reason(text: str) -> str:
    try:
        return files.checked_reason(text)
    except ValueError as error:
        _wrong(error)


def _range(text: str) -> Range:
    try:
        return range_of(text)
    except ValueError as error:
        _wrong(error)


def _wrong(error: ValueError) -> NoReturn:
    raise UsageError(str(error)) from None


def _refuse_words(command: str, words: str) -> None:
    if words:
        raise UsageError(f"zentalk relay {command} takes no name")


def _line(one: Ban) -> str:
    until = "for good" if one.until is None else f"until {local_time(one.until)}"
    return f"{one.range}  {until}{f'  {harmless(one.reason)}' if one.reason else ''}"


def _as_json(one: Ban) -> dict[str, object]:
    return {"range": str(one.range), "until": one.until, "reason": one.reason}


def _when_read(directory: Path) -> str:
    """Return how a running relay learns of it, "" if none runs."""
    with suppress(ConfigError):
        status = read_status(directory)
        if status.running:
            return f"; the running relay reads it after: kill -HUP {status.pid}"
    return ""


def _now() -> int:
    return int(time.time())  # noqa: TID251 - the edge
