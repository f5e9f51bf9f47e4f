"""The identity key on disk: private, whole, never replaced."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from zentalk.errors import ConfigError, ConflictError
from zentalk.store.key_file import (
    KEY_FILE_NAME,
    create_identity,
    load_identity,
    load_or_create_identity,
)


def entropy(size: int) -> bytes:
    return hashlib.shake_256(b"key file test").digest(size)


def one_sentence(error: pytest.ExceptionInfo[ConfigError], path: Path) -> str:
    text = str(error.value)
    assert str(path) in text
    assert "\n" not in text
    return text


def test_a_created_key_is_loaded_again_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "relay"
    created = create_identity(folder, entropy)
    assert load_identity(folder).seed == created.seed
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / KEY_FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [KEY_FILE_NAME]


def test_load_or_create_keeps_the_first_key(tmp_path: Path) -> None:
    first = load_or_create_identity(tmp_path, entropy)
    assert load_or_create_identity(tmp_path, os.urandom).seed == first.seed


def test_an_existing_key_is_never_replaced(tmp_path: Path) -> None:
    created = create_identity(tmp_path, entropy)
    with pytest.raises(ConflictError, match="exists already"):
        create_identity(tmp_path, os.urandom)
    assert load_identity(tmp_path).seed == created.seed


def test_a_full_disk_leaves_no_half_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ConfigError, match="no space left"):
        create_identity(tmp_path, entropy)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_key_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_identity(tmp_path)
    assert "init" in one_sentence(error, tmp_path / KEY_FILE_NAME)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o606, 0o644])
def test_a_key_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    create_identity(tmp_path, entropy)
    (tmp_path / KEY_FILE_NAME).chmod(mode)
    with pytest.raises(ConfigError) as error:
        load_identity(tmp_path)
    assert "chmod 600" in one_sentence(error, tmp_path / KEY_FILE_NAME)


def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "relay"
    create_identity(folder, entropy)
    folder.chmod(0o777)
    with pytest.raises(ConfigError, match="chmod 700"):
        load_identity(folder)
    with pytest.raises(ConfigError, match="chmod 700"):
        create_identity(folder, entropy)


def test_a_folder_in_place_of_the_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE_NAME).mkdir(mode=0o700)
    with pytest.raises(ConfigError) as error:
        load_identity(tmp_path)
    one_sentence(error, tmp_path / KEY_FILE_NAME)


def test_an_unreadable_key_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_identity(tmp_path, entropy)

    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ConfigError) as error:
        load_identity(tmp_path)
    assert "permission denied" in one_sentence(error, tmp_path / KEY_FILE_NAME)


@pytest.mark.parametrize("position", [0, 25, 60, 90, 150, -1])
def test_every_damage_is_noticed(tmp_path: Path, position: int) -> None:
    create_identity(tmp_path, entropy)
    path = tmp_path / KEY_FILE_NAME
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        load_identity(tmp_path)
    assert "damaged" in one_sentence(error, path)


@pytest.mark.parametrize("content", [b"", b"\n\n\n", b"\xff" * 64, b"a" * 5000])
def test_other_content_is_damage(tmp_path: Path, content: bytes) -> None:
    create_identity(tmp_path, entropy)
    (tmp_path / KEY_FILE_NAME).write_bytes(content)
    with pytest.raises(ConfigError, match="damaged"):
        load_identity(tmp_path)


def test_errors_never_show_the_key(tmp_path: Path) -> None:
    key = create_identity(tmp_path, entropy)
    path = tmp_path / KEY_FILE_NAME
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ConfigError) as error:
        load_identity(tmp_path)
    assert bytes(key.seed).hex() not in str(error.value)
