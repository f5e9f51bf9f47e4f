"""Files that are taken in: whole or not at all, under names that hide nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import trio

from zentalk.errors import ConfigError, StorageFullError, TooLargeError
from zentalk.node.files import intake
from zentalk.node.files.intake import check_name, check_type, take_in
from zentalk.store.file_folder import FileFolder

T = TypeVar("T")
ONE = bytes(16)


async def at_once(function: Callable[[], T], /) -> T:
    await trio.lowlevel.checkpoint()
    return function()


async def pieces(*sizes: int) -> AsyncGenerator[bytes, None]:
    for number, size in enumerate(sizes):
        yield bytes([number]) * size


@pytest.fixture
def folder(tmp_path: Path) -> FileFolder:
    return FileFolder(tmp_path / "files")


async def test_a_file_is_taken_in_as_it_comes(folder: FileFolder) -> None:
    assert await take_in(folder, ONE, pieces(3, 2_000_000, 0, 1), at_once) == 2_000_004
    assert folder.read(ONE, 0, 5) == b"\0\0\0\1\1"
    assert folder.read(ONE, 2_000_003, 9) == b"\3"


async def test_an_empty_file_is_a_file(folder: FileFolder) -> None:
    assert await take_in(folder, ONE, pieces(), at_once) == 0
    assert folder.size(ONE) == 0


async def test_of_one_that_does_not_come_whole_nothing_is_left(
    folder: FileFolder, tmp_path: Path
) -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        yield bytes(2_000_000)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await take_in(folder, ONE, broken(), at_once)
    assert list((tmp_path / "files").iterdir()) == []


async def test_what_is_too_large_for_the_format_or_the_disk_is_refused(
    folder: FileFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MAX_FILE_BYTES", 10)
    with pytest.raises(TooLargeError, match="10 bytes"):
        await take_in(folder, ONE, pieces(5, 6), at_once)
    monkeypatch.setattr(folder, "room", lambda: 4)
    with pytest.raises(StorageFullError, match="nearly full"):
        await take_in(folder, ONE, pieces(5), at_once)
    assert list((tmp_path / "files").iterdir()) == []


@pytest.mark.parametrize(
    ("given", "name"),
    [("a.txt", "a.txt"), ("/tmp/x/a.txt", "a.txt"), ("C:\\x\\b.txt", "b.txt"), (" ", "")],
)
def test_a_name_is_the_last_part_of_a_path(given: str, name: str) -> None:
    assert check_name(given) == name


@pytest.mark.parametrize("name", ["a\nb", "a\x00", "photo\u202egpj.exe", "\ud800"])
def test_names_that_are_not_what_they_look_like_are_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        check_name(name)
    with pytest.raises(TooLargeError):
        check_name("ü" * 129)


def test_a_media_type_has_no_parameters_here() -> None:
    assert check_type("Text/Plain; charset=utf-8") == "text/plain"
    assert check_type("") == "application/octet-stream"
    for wrong in ("text", "a/b c", "text/" + "x" * 200, "text/\n"):
        with pytest.raises(ConfigError):
            check_type(wrong)
