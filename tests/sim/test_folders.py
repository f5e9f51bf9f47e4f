"""The folders of a run: made as the programs make them, and gone afterwards."""

import os
import tempfile
from pathlib import Path

import pytest

from zentalk.config import load_api_settings, load_relay_settings
from zentalk.errors import StorageError
from zentalk.sim import folders
from zentalk.store.mailbox.earlier_files import QUEUE_FILE
from zentalk.store.mailbox.sqlite import SqliteMailboxStore
from zentalk.wire.text import format_relay_uri

URIS = [f"zt-relay:{'a' * 51}{letter}@127.0.0.1:900{n}" for n, letter in enumerate("aqaq")]


def test_the_folder_of_a_run_is_removed_also_after_an_error() -> None:
    seen = []

    def use() -> None:
        with folders.run_folder() as folder:
            seen.append(folder)
            (folder / "relay-1").mkdir()
            assert folder.stat().st_mode & 0o777 == 0o700
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        use()
    assert not seen[0].exists()


def test_it_stays_if_it_is_to_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with folders.run_folder(keep=True) as folder:
        pass
    assert folder.is_dir()
    assert folder.parent == tmp_path


def test_no_place_for_it_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(StorageError, match="temporary folder"), folders.run_folder():
        pass


def test_what_is_saved_is_what_the_programs_load(tmp_path: Path) -> None:
    settings, token = folders.make_person(tmp_path, 1, URIS, os.urandom)
    assert settings.name == "Bob"
    assert len(settings.bootstraps) == folders.MOST_BOOTSTRAPS
    folders.save_settings(settings)
    assert load_api_settings(settings.directory, {}) == settings
    moved = folders.pinned(settings, URIS[1:3])
    folders.save_settings(moved)
    assert [format_relay_uri(uri) for uri in moved.guards] == URIS[1:3]
    assert load_api_settings(settings.directory, {}) == moved
    again = folders.make_person(tmp_path, 1, URIS, os.urandom)
    assert again == (settings, token), "a second start has the same identity"
    relay = folders.relay_settings(tmp_path, 0, [])
    folders.save_settings(relay)
    assert load_relay_settings(relay.directory, {}) == relay


def test_names_do_not_repeat() -> None:
    names = [folders.person_name(index) for index in range(100)]
    assert len(set(names)) == 100
    assert names[:2] == ["Alice", "Bob"]
    assert folders.relay_name(0) == "relay-1"


def test_envelopes_are_counted_beside_a_running_relay(tmp_path: Path) -> None:
    assert folders.count_in_folder(tmp_path) == 0
    store = SqliteMailboxStore(tmp_path / QUEUE_FILE)
    try:
        assert folders.count_in_folder(tmp_path) == 0
    finally:
        store.close()
    (tmp_path / QUEUE_FILE).write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageError):
        folders.count_in_folder(tmp_path)
