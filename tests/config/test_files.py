"""Private files: whole or not at all, and for nobody else; one program per folder."""

import os
from pathlib import Path

import pytest

from zentalk.config import (
    hold_lock,
    make_private_directory,
    read_private,
    remove_file,
    write_private,
)
from zentalk.errors import ConfigError, ConflictError


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_private(path, b"one")
    assert read_private(path) == b"one"
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_existing_file_is_replaced_only_on_request(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_private(path, b"one")
    with pytest.raises(ConflictError):
        write_private(path, b"two")
    assert read_private(path) == b"one"
    write_private(path, b"two", replace=True)
    assert read_private(path) == b"two"
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


def test_a_private_file_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_private(tmp_path / "secret", b"one")
        make_private_directory(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    write_private(path, b"one")
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"chmod 600 {path}"):
        read_private(path)


def test_missing_too_large_and_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_private(tmp_path / "none")
    write_private(tmp_path / "large", bytes(65537))
    with pytest.raises(ConfigError, match="too large"):
        read_private(tmp_path / "large")
    with pytest.raises(ConfigError, match="cannot read"):
        read_private(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    write_private(tmp_path / "file", b"")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match="cannot make the folder"):
            make_private_directory(path)
    with pytest.raises(ConfigError, match="cannot write"):
        write_private(tmp_path / "none" / "file", b"")


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_what_names_no_file_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="is not the name of a file: give one"):
        write_private(Path(name), b"secret")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_exists_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private_directory(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_removing(tmp_path: Path) -> None:
    write_private(tmp_path / "file", b"")
    remove_file(tmp_path / "file")
    remove_file(tmp_path / "file")
    remove_file(tmp_path)
    assert not list(tmp_path.iterdir())


def test_one_program_per_folder(tmp_path: Path) -> None:
    running = f"another program is running in {tmp_path}"
    with hold_lock(tmp_path), pytest.raises(ConflictError, match=running), hold_lock(tmp_path):
        pytest.fail("two programs in one folder")
    with hold_lock(tmp_path):
        pass


def test_a_folder_that_cannot_be_locked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot open"), hold_lock(tmp_path / "none"):
        pytest.fail("there is no folder")
