"""Access tokens and what is private, in the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from zentalk.config import (
    ApiSettings,
    RelaySettings,
    load_api_settings,
    load_relay_settings,
    write_config,
)
from zentalk.errors import ConfigError
from zentalk.ids import NodeId
from zentalk.wire.text import AccessToken, format_access_token

TOKENS = tuple(AccessToken(NodeId(bytes([n]) * 32), bytes([n + 7]) * 32) for n in range(2))
TEXT = format_access_token(TOKENS[0])


def test_tokens_survive_the_file_and_no_repr_shows_them(tmp_path: Path) -> None:
    settings = ApiSettings(directory=tmp_path, access_tokens=TOKENS)
    path = write_config(settings)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_api_settings(tmp_path, {}) == settings
    assert TEXT[20:60] not in repr(settings)
    assert "access_tokens" not in repr(settings)


def test_tokens_may_come_from_the_environment(tmp_path: Path) -> None:
    write_config(ApiSettings(directory=tmp_path))
    texts = [format_access_token(token) for token in TOKENS]
    found = load_api_settings(tmp_path, {"ZENTALK_ACCESS_TOKENS": ",".join(texts)})
    assert found.access_tokens == TOKENS


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (f'"{TEXT}"', "must be a list"),
        (f'["{TEXT[:-1]}"]', "117 characters instead of 118"),
        (f'["{TEXT}", 7]', "text in quotes"),
        (f'["{TEXT}", "{TEXT}"]', "two of these tokens are of one relay"),
    ],
)
def test_a_wrong_token_is_named_and_not_shown(tmp_path: Path, value: str, complaint: str) -> None:
    path = write_config(ApiSettings(directory=tmp_path))
    path.write_text(f"{path.read_text()}\naccess_tokens = {value}\n")
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_api_settings(tmp_path, {})
    assert TEXT[20:60] not in str(caught.value)
    assert "access_tokens" in str(caught.value)


def test_a_relay_is_private_in_what_its_operator_says(tmp_path: Path) -> None:
    write_config(RelaySettings(directory=tmp_path, private=("links",)))
    assert load_relay_settings(tmp_path, {}).private == ("links",)
    both = load_relay_settings(tmp_path, {"ZENTALK_PRIVATE": "links,mailboxes"})
    assert both.private == ("links", "mailboxes")
    with pytest.raises(ConfigError, match="'links', 'mailboxes' or 'storage'"):
        load_relay_settings(tmp_path, {"ZENTALK_PRIVATE": "everything"})
