"""Folders that a program cannot run in: one sentence that names what to do, exit code 1."""

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from zentalk.config import hold_lock

URI = "zt-relay:" + "a" * 52 + "@127.0.0.1:9001"
ADDRESS = "zt1aebagbafaydqqcikbmga2dqpcaireeyuculbogazdinryhi6d4qd56ue"


@pytest.fixture(params=["relay", "api"])
def program(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(run: Run, program: str, tmp_path: Path) -> Path:
    assert run(program, "init", "--dir", tmp_path, "--bootstrap", URI, "--port", 0).code == 0
    return tmp_path


def sentence(run: Run, *arguments: object) -> str:
    result = run(*arguments)
    assert result.code == 1
    assert not result.out
    assert "internal error" not in result.err
    return result.err


def test_a_folder_that_is_not_set_up(run: Run, program: str, tmp_path: Path) -> None:
    text = sentence(run, program, "run", "--dir", tmp_path / "none")
    assert f"zentalk {program} init --dir {tmp_path / 'none'}" in text


def test_a_key_that_others_can_read(run: Run, program: str, folder: Path) -> None:
    (folder / "identity.key").chmod(0o644)
    text = sentence(run, program, "run", "--dir", folder)
    assert f"chmod 600 {folder / 'identity.key'}" in text


@pytest.mark.parametrize("content", [b"", b"nonsense", bytes(2000), b"\xff\n\n\n"])
def test_a_key_that_is_damaged(run: Run, program: str, folder: Path, content: bytes) -> None:
    (folder / "identity.key").write_bytes(content)
    assert "damaged" in sentence(run, program, "run", "--dir", folder)


def test_a_key_that_is_gone(run: Run, program: str, folder: Path) -> None:
    if program == "api":
        (folder / "identity.key").unlink()
        assert "identity.key" in sentence(run, program, "run", "--dir", folder)


def test_an_unknown_key_in_the_settings(run: Run, program: str, folder: Path) -> None:
    config = folder / "config.toml"
    config.write_text(config.read_text() + "\ncolour = 1\n")
    text = sentence(run, program, "run", "--dir", folder)
    assert str(config) in text
    assert "'colour'" in text


def test_a_folder_in_which_one_runs_already(run: Run, program: str, folder: Path) -> None:
    with hold_lock(folder):
        text = sentence(run, program, "run", "--dir", folder)
    assert "another program is running" in text


def test_the_folder_of_the_other_program(run: Run, program: str, folder: Path) -> None:
    other = {"relay": "api", "api": "relay"}[program]
    assert f"'{program}'" in sentence(run, other, "run", "--dir", folder)


@pytest.mark.parametrize("command", [["api", "address"], ["api", "token"], ["contact", "list"]])
def test_a_relay_has_neither_address_nor_token(
    run: Run, tmp_path: Path, command: list[str]
) -> None:
    """A relay's identity is no person's: mail to it would wait for nobody."""
    assert run("relay", "init", "--dir", tmp_path, "--port", 0).code == 0
    text = sentence(run, *command, "--dir", tmp_path)
    assert "'relay'" in text
    assert "use a folder of the program 'api'" in text


def test_a_token_that_others_can_read_or_that_is_damaged(run: Run, tmp_path: Path) -> None:
    assert run("api", "init", "--dir", tmp_path, "--bootstrap", URI).code == 0
    token = tmp_path / "token"
    for command in (["api", "run"], ["api", "token"], ["contact", "list"]):
        token.chmod(0o644)
        assert f"chmod 600 {token}" in sentence(run, *command, "--dir", tmp_path)
        token.chmod(0o600)
    token.write_text("too short")
    assert "damaged" in sentence(run, "api", "token", "--dir", tmp_path)


@pytest.mark.parametrize(
    "command",
    [
        ["contact", "list"],
        ["contact", "add", ADDRESS],
        ["contact", "accept", ADDRESS],
        ["message", "list", "--with", ADDRESS],
        ["message", "send", "--to", ADDRESS, "hello"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_no_node_is_running(run: Run, tmp_path: Path, command: list[str]) -> None:
    text = sentence(run, *command, "--dir", tmp_path / "none")
    assert "zentalk api init --dir" in text
    assert run("api", "init", "--dir", tmp_path, "--bootstrap", URI).code == 0
    text = sentence(run, *command, "--dir", tmp_path)
    assert f"zentalk api run --dir {tmp_path}" in text
    # After a crash the note of where it served is still there.
    (tmp_path / "run.json").write_text('{"url":"http://127.0.0.1:9","pid":1}')
    assert f"zentalk api run --dir {tmp_path}" in sentence(run, *command, "--dir", tmp_path)
    (tmp_path / "run.json").write_text("{")
    assert f"zentalk api run --dir {tmp_path}" in sentence(run, *command, "--dir", tmp_path)


def test_a_relay_that_never_ran(run: Run, tmp_path: Path) -> None:
    assert "zentalk relay init" in sentence(run, "relay", "status", "--dir", tmp_path)
    assert run("relay", "init", "--dir", tmp_path).code == 0
    assert "zentalk relay run" in sentence(run, "relay", "status", "--dir", tmp_path)
