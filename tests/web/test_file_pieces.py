"""A file is read as it is sent: its size is what was said, or there is a sentence."""

import os
import threading
from pathlib import Path

import pytest

from zentalk.errors import ConfigError
from zentalk.web.file_pieces import PIECE_BYTES, SentFile, ending_of, media_type_of


def test_a_file_goes_in_pieces(tmp_path: Path) -> None:
    content = os.urandom(2 * PIECE_BYTES + 5)
    (tmp_path / "a.jpg").write_bytes(content)
    file = SentFile(tmp_path / "a.jpg")
    assert file.headers("image/jpeg") == {
        "Content-Type": "image/jpeg",
        "Content-Length": str(len(content)),
    }
    pieces = [*file.pieces()]
    file.close()
    assert [len(piece) for piece in pieces] == [PIECE_BYTES, PIECE_BYTES, 5]
    assert b"".join(pieces) == content


def test_an_empty_file_has_no_pieces(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    file = SentFile(tmp_path / "a")
    assert (file.size, [*file.pieces()]) == (0, [])
    file.close()


def test_what_is_written_to_it_meanwhile_is_not_sent(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"first")
    file = SentFile(path)
    path.write_bytes(b"first, and more")
    assert b"".join(file.pieces()) == b"first"
    file.close()


def test_a_file_that_becomes_shorter_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"first")
    file = SentFile(path)
    path.write_bytes(b"f")
    with pytest.raises(ConfigError, match="became shorter while it was sent"):
        [*file.pieces()]
    file.close()


def test_a_pipe_has_no_size_beforehand(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"through",))
    writer.start()
    file = SentFile(path)
    assert (file.size, "Content-Length" in file.headers("x/y")) == (None, False)
    assert b"".join(file.pieces()) == b"through"
    file.close()
    writer.join()


@pytest.mark.parametrize(("name", "why"), [("none", "no such file"), (".", "is a directory")])
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=f"cannot be read: {why}"):
        SentFile(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jpg", "image/jpeg"),
        ("A.PDF", "application/pdf"),
        ("a.tar.gz", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_types_are_guessed_from_names(name: str, kind: str) -> None:
    assert media_type_of(name) == kind


def test_endings_are_guessed_from_types() -> None:
    assert ending_of("image/png") == ".png"
    assert ending_of("x/unknown") == ""
