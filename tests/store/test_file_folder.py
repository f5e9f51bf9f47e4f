"""The folder of a node's files: whole or not there, closed to others, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from zentalk.errors import NotFoundError, StorageError
from zentalk.store.file_folder import FileFolder

ONE, TWO = bytes(16), bytes([1]) * 16


@pytest.fixture
def folder(tmp_path: Path) -> FileFolder:
    return FileFolder(tmp_path / "files")


def write(folder: FileFolder, file_id: bytes, data: bytes) -> None:
    draft = folder.draft(file_id)
    draft.write(data)
    draft.finish()


def test_a_file_is_there_once_it_is_whole_and_closed_to_others(
    folder: FileFolder, tmp_path: Path
) -> None:
    draft = folder.draft(ONE)
    draft.write(b"hello ")
    draft.write(b"world")
    assert (draft.size, folder.size(ONE)) == (11, None)
    with pytest.raises(NotFoundError):
        folder.read(ONE, 0, 1)
    draft.finish()
    assert (folder.size(ONE), folder.read(ONE, 6, 99)) == (11, b"world")
    path = next((tmp_path / "files").iterdir())
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_what_was_given_up_or_deleted_leaves_nothing(folder: FileFolder, tmp_path: Path) -> None:
    draft = folder.draft(ONE)
    draft.write(b"x")
    draft.discard()
    write(folder, TWO, b"y")
    folder.remove(TWO)
    folder.remove(TWO)
    assert list((tmp_path / "files").iterdir()) == []


def test_what_a_crash_left_goes_and_what_nobody_named_stays(folder: FileFolder) -> None:
    assert folder.remove_left({ONE}) == 0
    write(folder, ONE, b"x")
    write(folder, TWO, b"y")
    draft = folder.draft(bytes([2]) * 16)
    draft.write(b"a crash came here")
    assert folder.remove_left({TWO}) == 2
    draft.discard()
    assert (folder.size(ONE), folder.size(TWO)) == (1, None)


def test_an_error_names_the_place(folder: FileFolder, tmp_path: Path) -> None:
    (tmp_path / "files").write_text("in the way")
    with pytest.raises(StorageError, match="files"):
        folder.draft(ONE)
    assert folder.room() >= 0
