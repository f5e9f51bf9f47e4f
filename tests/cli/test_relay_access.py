"""`zentalk relay access` and `zentalk relay ban`, on a folder whose relay does not run."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.relay.test_shown import STATUS
from zentalk.cli import relay_access
from zentalk.config import hold_edit_lock, lock
from zentalk.relay.access import files
from zentalk.relay.access.files import BANS_FILE, TOKENS_FILE
from zentalk.relay.keys.identity import load_relay_identity
from zentalk.relay.status import StatusFile
from zentalk.wire.text import parse_access_token


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:
    assert run("relay", "init", "--dir", tmp_path / "relay", "--port", 0).code == 0
    return tmp_path / "relay"


def test_d15_a_token_is_printed_once_and_names_its_relay(run: Run, folder: Path) -> None:
    made = run("relay", "access", "add", "Ann", "B.", "--dir", folder)
    token = parse_access_token(made.out.strip())
    assert token.relay == load_relay_identity(folder).node_id
    assert made.out.strip() in (folder / TOKENS_FILE).read_text(), "a proof is checked with it"
    assert (folder / TOKENS_FILE).stat().st_mode & 0o777 == 0o600
    listed = run("relay", "access", "list", "--dir", folder)
    assert listed.out.endswith("  Ann B.\n")
    assert "zt-access" not in listed.out
    other = json.loads(run("relay", "access", "add", "Bob", "--json", "--dir", folder).out)
    assert parse_access_token(other["token"]).secret != token.secret
    found = json.loads(run("relay", "access", "list", "--json", "--dir", folder).out)
    assert [each["name"] for each in found] == ["Ann B.", "Bob"]


def test_a_name_is_taken_once_and_free_again_when_it_is_revoked(run: Run, folder: Path) -> None:
    first = run("relay", "access", "add", "Ann", "--dir", folder).out
    again = run("relay", "access", "add", "Ann", "--dir", folder)
    assert again.code == 1
    assert "there is a token named Ann already" in again.err
    assert run("relay", "access", "revoke", "Ann", "--dir", folder).out == "revoked Ann\n"
    assert run("relay", "access", "list", "--dir", folder).out == ""
    gone = run("relay", "access", "revoke", "Ann", "--dir", folder)
    assert gone.code == 1
    assert "no token named Ann" in gone.err
    assert run("relay", "access", "add", "Ann", "--dir", folder).out != first


def test_a_ban_is_added_listed_changed_and_removed(run: Run, folder: Path) -> None:
    run("relay", "ban", "add", "192.0.2.77/24", "--reason", "spam", "--dir", folder)
    run("relay", "ban", "add", "2001:db8::1", "--for", "30d", "--dir", folder)
    listed = run("relay", "ban", "list", "--dir", folder).out.splitlines()
    assert listed[0] == "192.0.2.0/24  for good  spam"
    assert listed[1].startswith("2001:db8::1/128  until ")
    assert (folder / BANS_FILE).stat().st_mode & 0o777 == 0o600
    run("relay", "ban", "add", "192.0.2.0/24", "--reason", "floods", "--dir", folder)
    found = json.loads(run("relay", "ban", "list", "--json", "--dir", folder).out)
    assert [each["range"] for each in found] == ["2001:db8::1/128", "192.0.2.0/24"]
    assert found[1] == {"range": "192.0.2.0/24", "until": None, "reason": "floods"}
    assert run("relay", "ban", "remove", "192.0.2.1/24", "--dir", folder).code == 0
    again = run("relay", "ban", "remove", "192.0.2.0/24", "--dir", folder)
    assert again.code == 1
    assert "is not banned as such" in again.err


def test_a_ban_that_is_over_is_gone(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("relay", "ban", "add", "192.0.2.7", "--for", "1h", "--dir", folder)
    run("relay", "ban", "add", "192.0.2.8", "--for", "30d", "--dir", folder)
    later = json.loads((folder / BANS_FILE).read_text())[0]["until"]
    monkeypatch.setattr("zentalk.cli.relay_access._now", lambda: later)
    (left,) = run("relay", "ban", "list", "--dir", folder).out.splitlines()
    assert left.startswith("192.0.2.8/32")
    run("relay", "ban", "add", "192.0.2.9", "--dir", folder)
    assert "192.0.2.7" not in (folder / BANS_FILE).read_text()


def test_whoever_changes_something_is_told_how_a_running_relay_reads_it(
    run: Run, folder: Path
) -> None:
    StatusFile(folder).write(replace(STATUS, pid=os.getpid()))
    hint = f"; the running relay reads it after: kill -HUP {os.getpid()}\n"
    assert run("relay", "ban", "add", "192.0.2.7", "--dir", folder).out.endswith(hint)
    assert run("relay", "ban", "remove", "192.0.2.7", "--dir", folder).out.endswith(hint)
    token = run("relay", "access", "add", "Ann", "--dir", folder).out
    assert parse_access_token(token.strip()).secret, "a program reads it, so it is alone"
    assert run("relay", "access", "revoke", "Ann", "--dir", folder).out.endswith(hint)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["access", "add"], "a name has 1 to 64 characters"),
        (["access", "list", "Ann"], "takes no name"),
        (["access", "forget", "Ann"], "add, list"),
        (["ban", "add"], "which address?"),
        (["ban", "add", "relay.example"], "no address and no range"),
        (["ban", "add", "192.0.2.7", "--for", "soon"], "write it like 30s"),
        (["ban", "add", "192.0.2.7", "--reason", "a\nb"], "one line"),
        (["ban", "list", "--for", "1h"], "when a ban is added"),
        (["ban", "remove", "192.0.2.7", "--reason", "x"], "when a ban is added"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    run: Run, folder: Path, words: list[str], complaint: str
) -> None:
    result = run("relay", *words, "--dir", folder)
    assert result.code == 2
    assert complaint in result.err
    assert not (folder / TOKENS_FILE).exists()
    assert not (folder / BANS_FILE).exists()


def test_a_folder_of_another_program_or_none_is_refused(run: Run, tmp_path: Path) -> None:
    assert "zentalk relay init" in run("relay", "access", "list", "--dir", tmp_path).err
    assert "zentalk relay init" in run("relay", "ban", "list", "--dir", tmp_path).err


def test_a_check_looks_at_both_files(run: Run, folder: Path) -> None:
    run("relay", "access", "add", "Ann", "--dir", folder)
    run("relay", "ban", "add", "192.0.2.7", "--dir", folder)
    assert run("relay", "check", "--dir", folder).code == 0
    for name in (TOKENS_FILE, BANS_FILE):
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(b"[")
        assert f"{folder / name} is damaged" in run("relay", "check", "--dir", folder).err
        (folder / name).write_bytes(kept)


def reads_meet(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let two commands that read a list at once go on only when both have read it."""
    both, read = threading.Barrier(2), getattr(files, name)

    def meeting(*given: object) -> object:
        found = read(*given)
        with suppress(threading.BrokenBarrierError):
            both.wait(0.3)
        return found

    monkeypatch.setattr(files, name, meeting)


def at_once(*commands: Callable[[], object]) -> None:
    threads = [threading.Thread(target=command) for command in commands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def kept(folder: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> int:
    """Return how many of two additions at once are there afterwards."""
    with monkeypatch.context() as patch:
        if what == "access":
            reads_meet(patch, "read_tokens")
            at_once(
                lambda: relay_access.access(folder, "add", "Ann", as_json=False),
                lambda: relay_access.access(folder, "add", "Bob", as_json=False),
            )
        else:
            reads_meet(patch, "read_bans")
            terms = relay_access.BanTerms(None, None)
            at_once(
                lambda: relay_access.ban(folder, "add", "192.0.2.1", terms, as_json=False),
                lambda: relay_access.ban(folder, "add", "192.0.2.2", terms, as_json=False),
            )
    path = folder / (TOKENS_FILE if what == "access" else BANS_FILE)
    return len(json.loads(path.read_text()))


@pytest.mark.parametrize("what", ["access", "ban"])
def test_of_two_commands_at_once_none_is_lost(
    folder: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    assert kept(folder, monkeypatch, what) == 2


@pytest.mark.parametrize("what", ["access", "ban"])
def test_control_without_the_lock_one_of_two_is_lost(
    folder: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    @contextmanager
    def unlocked(_directory: Path) -> Iterator[None]:
        yield

    monkeypatch.setattr(relay_access, "hold_edit_lock", unlocked)
    # Both drafts have the name of this process.
    monkeypatch.setattr(os, "getpid", threading.get_ident)
    assert kept(folder, monkeypatch, what) == 1


def test_a_command_that_never_ends_keeps_others_from_changing_anything(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "EDIT_SECONDS", 0.1)
    with hold_edit_lock(folder):
        for words in (("access", "add", "Ann"), ("ban", "add", "192.0.2.1")):
            refused = run("relay", *words, "--dir", folder)
            assert refused.code == 1
            assert "another command is changing" in refused.err
            assert "try again" in refused.err
            assert run("relay", words[0], "list", "--dir", folder).code == 0, (
                "who looks need not wait"
            )
        assert not (folder / TOKENS_FILE).exists()
    assert run("relay", "access", "add", "Ann", "--dir", folder).code == 0
