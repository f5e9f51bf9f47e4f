"""The files of tokens and bans: closed to others, bounded, and never half read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zentalk.errors import ConfigError
from zentalk.ids import NodeId
from zentalk.relay.access.bans import MAX_BANS, MAX_REASON_CHARS, Ban, range_of
from zentalk.relay.access.files import (
    BANS_FILE,
    TOKENS_FILE,
    checked_name,
    checked_reason,
    read_bans,
    read_tokens,
    write_bans,
    write_tokens,
)
from zentalk.relay.access.tokens import MAX_NAME_CHARS, MAX_TOKENS, GivenToken

RELAY = NodeId(b"r" * 32)


def token(number: int, name: str = "") -> GivenToken:
    return GivenToken(name or f"friend {number}", 1_700_000_000, number.to_bytes(32, "big"))


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert read_tokens(tmp_path, RELAY) == []
    assert read_bans(tmp_path) == []
    bans = [Ban(range_of("192.0.2.0/24"), 1_800_000_000, "spam"), Ban(range_of("2001:db8::1"))]
    write_tokens(tmp_path, RELAY, [token(1), token(2)])
    write_bans(tmp_path, bans)
    assert read_tokens(tmp_path, RELAY) == [token(1), token(2)]
    assert read_bans(tmp_path) == bans
    for name in (TOKENS_FILE, BANS_FILE):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_as_many_as_may_be_are_read_again_and_no_more_are_written(tmp_path: Path) -> None:
    names = [
        "\u65e5" * (MAX_NAME_CHARS - 4) + f"{n:4}".replace(" ", "0") for n in range(MAX_TOKENS)
    ]
    most = [token(n, name) for n, name in enumerate(names)]
    write_tokens(tmp_path, RELAY, most)
    assert read_tokens(tmp_path, RELAY) == most
    with pytest.raises(ConfigError, match="at most"):
        write_tokens(tmp_path, RELAY, [*most, token(7777)])
    reason = "\u65e5" * MAX_REASON_CHARS
    bans = [Ban(range_of(f"10.{n // 256}.{n % 256}.1"), 1, reason) for n in range(MAX_BANS)]
    write_bans(tmp_path, bans)
    assert read_bans(tmp_path) == bans
    with pytest.raises(ConfigError, match="at most"):
        write_bans(tmp_path, [*bans, Ban(range_of("192.0.2.1"))])


def test_tokens_of_another_relay_are_refused(tmp_path: Path) -> None:
    write_tokens(tmp_path, NodeId(b"o" * 32), [token(1)])
    with pytest.raises(ConfigError, match="of another relay"):
        read_tokens(tmp_path, RELAY)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    write_tokens(tmp_path, RELAY, [token(1)])
    (tmp_path / TOKENS_FILE).chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_tokens(tmp_path, RELAY)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[1]",
        b"[{}]",
        b"[null]",
        b"\xff",
        b"[" * 100_000,
        b'[{"name": "", "made": 0, "token": "zt-access-"}]',
        json.dumps([{}] * (MAX_TOKENS + 1)).encode(),
    ],
)
@pytest.mark.parametrize("name", [TOKENS_FILE, BANS_FILE])
def test_a_damaged_file_is_named_and_nothing_of_it_shown(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="is damaged") as caught:
        read_tokens(tmp_path, RELAY) if name == TOKENS_FILE else read_bans(tmp_path)
    assert str(path) in str(caught.value)


def test_a_damaged_token_is_not_repeated(tmp_path: Path) -> None:
    write_tokens(tmp_path, RELAY, [token(1)])
    path = tmp_path / TOKENS_FILE
    rows = json.loads(path.read_text())
    text = rows[0]["token"]
    path.write_text(path.read_text().replace(text, text[:-1]))
    with pytest.raises(ConfigError) as caught:
        read_tokens(tmp_path, RELAY)
    assert text[20:40] not in str(caught.value)


@pytest.mark.parametrize("name", ["", " a", "a" * (MAX_NAME_CHARS + 1), "a\nb", "\x1b[2J"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="a name has"):
        checked_name(name)


@pytest.mark.parametrize("reason", ["a" * (MAX_REASON_CHARS + 1), "a\nb", "\x1b[2J"])
def test_what_is_no_reason(reason: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        checked_reason(reason)
