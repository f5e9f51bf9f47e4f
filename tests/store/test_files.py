"""Rows of files come back as they were put, and secrets show nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from zentalk.ids import NodeId
from zentalk.store.history import files
from zentalk.store.history.files import FilePart, FileState, PartKind, StoredFile
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.sqlite import Transaction, open_database

HOLDERS = (NodeId(b"h" * 32), NodeId(b"i" * 32))
FILE = StoredFile(
    id=b"f" * 16,
    cid=None,
    share_secret=b"SHARE" * 6,
    content_secret=b"CONTENT" * 4,
    owner_secret=b"OWNER" * 6,
    name="secret plan.pdf",
    media_type="application/pdf",
    size=70_000,
    state=FileState.UPLOADING,
    reason="",
    segments_done=0,
    holders=(),
    slots=b"",
    created_at=1.0,
    renewed_at=None,
    checked_at=None,
    is_here=True,
    used_at=1.0,
)


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    with closing(open_database(tmp_path / "history.db", MIGRATIONS)) as connection:
        yield connection


def test_a_file_goes_from_upload_to_deletion(tx: Transaction) -> None:
    files.insert(tx, FILE)
    assert files.get(tx, FILE.id) == FILE
    files.set_place(tx, FILE.id, HOLDERS, bytes([0, 1] * 7 + [0]))
    part = FilePart(PartKind.DATA, 0, b"x" * 480, bytes(15))
    files.put_part(tx, FILE.id, part)
    files.progressed(tx, FILE.id, 1)
    files.put_part(tx, FILE.id, FilePart(PartKind.HEAD, 0, b"c" * 32, b"\0\1"))
    files.finished(tx, FILE.id, b"c" * 32, 9.0)
    kept = files.by_cid(tx, b"c" * 32)
    assert kept is not None
    assert (kept.state, kept.holders, kept.segments_done) == (FileState.KEPT, HOLDERS, 1)
    assert (kept.renewed_at, kept.checked_at) == (9.0, 9.0)
    assert files.parts(tx, FILE.id, PartKind.DATA) == [part]
    assert [one.kind for one in files.parts(tx, FILE.id)] == [PartKind.HEAD, PartKind.DATA]
    files.looked_after(tx, FILE.id, 12.0)
    files.renewed(tx, FILE.id, 11.0)
    files.set_state(tx, FILE.id, FileState.DELETING, "two holders do not answer")
    [going] = files.in_state(tx, FileState.DELETING)
    assert (going.checked_at, going.renewed_at) == (12.0, 11.0)
    files.forget(tx, FILE.id)
    assert files.every(tx) == []
    assert files.parts(tx, FILE.id) == []


def test_what_could_be_fetched_again_gives_way_first_if_it_was_not_used_for_long(
    tx: Transaction,
) -> None:
    for number, state in enumerate((FileState.KEPT, FileState.UPLOADING, FileState.RECEIVED)):
        file_id = bytes([number]) * 16
        files.insert(tx, replace(FILE, id=file_id, state=state, used_at=10.0 - number))
    assert files.cached(tx) == [(bytes([2]) * 16, 70_000), (bytes(16), 70_000)]
    files.used(tx, bytes([2]) * 16, 20.0)
    assert [file_id[0] for file_id, _ in files.cached(tx)] == [0, 2]
    files.is_here(tx, bytes(16), 30.0, here=False)
    assert [file_id[0] for file_id, _ in files.cached(tx)] == [2]


def test_no_name_and_no_secret_shows() -> None:
    shown = repr(FILE)
    assert not any(word in shown for word in ("SHARE", "CONTENT", "OWNER", "plan", "70000"))
