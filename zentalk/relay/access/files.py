"""The files in a relay's folder that hold its access tokens and its bans.

Both are closed to others. The tokens' file is as secret as the relay's identity: a proof can be
checked only with the token itself, so it stands there as it was given out. Writing replaces the
whole file; nothing here tells a running relay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from zentalk.config.files import read_private, write_private
from zentalk.errors import ConfigError, DecodeError
from zentalk.ids import NodeId
from zentalk.relay.access.bans import MAX_BANS, MAX_REASON_CHARS, Ban, range_of
from zentalk.relay.access.tokens import MAX_NAME_CHARS, MAX_TOKENS, GivenToken
from zentalk.wire.text import AccessToken, format_access_token, parse_access_token

TOKENS_FILE: Final = "access-tokens.json"
BANS_FILE: Final = "bans.json"
_MAX_TOKENS_BYTES: Final = 512 * 1024
_MAX_BANS_BYTES: Final = 16 * 1024 * 1024
_DAMAGE: Final = (ValueError, TypeError, KeyError, AttributeError, RecursionError, DecodeError)

_T = TypeVar("_T")


def read_tokens(directory: Path, relay: NodeId) -> list[GivenToken]:
    """Return the tokens of the relay in `directory`, none if there is no file.

    Raises ConfigError if it is damaged, open to others, or of another relay.
    """

    def read(row: Any) -> GivenToken:
        token = parse_access_token(row["token"])
        if token.relay != relay:
            raise ValueError("a token is of another relay")
        return GivenToken(checked_name(row["name"]), int(row["made"]), token.secret)

    return _read(directory / TOKENS_FILE, _MAX_TOKENS_BYTES, MAX_TOKENS, read)


def write_tokens(directory: Path, relay: NodeId, tokens: Sequence[GivenToken]) -> None:
    """Replace the tokens; raises ConfigError if they are too many or cannot be written."""
    if len(tokens) > MAX_TOKENS:
        raise ConfigError(f"a relay has {MAX_TOKENS} access tokens at most: revoke some")
    _write(
        directory / TOKENS_FILE,
        [
            {
                "name": token.name,
                "made": token.made_at,
                "token": format_access_token(AccessToken(relay, token.secret)),
            }
            for token in tokens
        ],
    )


def read_bans(directory: Path) -> list[Ban]:
    """Return the bans of a relay, also those that are over; raises ConfigError as `read_tokens`."""

    def read(row: Any) -> Ban:
        until = row.get("until")
        reason = checked_reason(row.get("reason", ""))
        return Ban(range_of(row["range"]), None if until is None else int(until), reason)

    return _read(directory / BANS_FILE, _MAX_BANS_BYTES, MAX_BANS, read)


def write_bans(directory: Path, bans: Sequence[Ban]) -> None:
    """Replace the bans; raises ConfigError if they are too many or cannot be written."""
    if len(bans) > MAX_BANS:
        raise ConfigError(f"a relay has {MAX_BANS} bans at most: ban larger ranges, or remove some")
    _write(
        directory / BANS_FILE,
        [{"range": str(ban.range), "until": ban.until, "reason": ban.reason} for ban in bans],
    )


def checked_name(name: str) -> str:
    """Return the name of a token if it is one; raises ValueError."""
    if not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable() or name != name.strip():
        raise ValueError(f"a name has 1 to {MAX_NAME_CHARS} characters that can be printed")
    return name


def checked_reason(reason: str) -> str:
    """Return the reason of a ban if it is one; raises ValueError."""
    if len(reason) > MAX_REASON_CHARS or (reason and not reason.isprintable()):
        raise ValueError(f"a reason is one line of at most {MAX_REASON_CHARS} characters")
    return reason


def _read(path: Path, max_bytes: int, max_rows: int, read: Callable[[Any], _T]) -> list[_T]:
    if not path.exists():
        return []
    content = read_private(path, max_bytes)
    try:
        rows = json.loads(content)
        if not isinstance(rows, list) or len(rows) > max_rows:
            raise ValueError("not a list, or too long")
        return [read(row) for row in rows]
    except _DAMAGE:
        # What is wrong may stand beside a token, so it is not repeated.
        raise ConfigError(
            f"{path} is damaged, or of another relay: restore it from a backup, or remove it and"
            " begin anew"
        ) from None


def _write(path: Path, rows: Sequence[dict[str, object]]) -> None:
    write_private(path, json.dumps(rows, indent=1).encode() + b"\n", replace=True)
