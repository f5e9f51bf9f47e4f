"""A node is found by its folder, and what is missing is named."""

import json
from pathlib import Path

import pytest

from tests.api.double import TOKEN
from zentalk.client import AsyncClient, Client
from zentalk.client.folder import find_node
from zentalk.errors import ConfigError, UnavailableError
from zentalk.web.address_file import ADDRESS_FILE, note_url
from zentalk.web.token import TOKEN_FILE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    token = tmp_path / TOKEN_FILE
    token.write_text(TOKEN)
    token.chmod(0o600)
    return tmp_path


def test_what_a_running_program_notes_is_read(folder: Path) -> None:
    note_url(folder, "http://127.0.0.1:3001", 1)
    assert find_node(folder) == ("http://127.0.0.1:3001", TOKEN)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_node_that_does_not_run(folder: Path, kind: type[Client]) -> None:
    with pytest.raises(UnavailableError, match="zentalk api run --dir"):
        kind.from_dir(folder)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_folder_that_is_none(tmp_path: Path, kind: type[Client]) -> None:
    with pytest.raises(ConfigError, match="there is no folder"):
        kind.from_dir(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="token"):
        kind.from_dir(tmp_path)


@pytest.mark.parametrize("note", [b"", b"[]", b"\xff", json.dumps({"pid": 1}).encode()])
def test_a_note_that_is_damaged(folder: Path, note: bytes) -> None:
    (folder / ADDRESS_FILE).write_bytes(note)
    with pytest.raises(UnavailableError):
        find_node(folder)
