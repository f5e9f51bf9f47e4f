"""Which folder a command uses when nobody says."""

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from zentalk.cli.folders import api_folder, relay_folder
from zentalk.errors import ConfigError

URI = "zt-relay:" + "a" * 52 + "@127.0.0.1:9001"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ZENTALK_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    return tmp_path


def test_the_folders_of_linux(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert api_folder() == home / ".local/share/zentalk/api"
    assert relay_folder() == home / ".local/share/zentalk/relay"
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    assert api_folder() == home / "data/zentalk/api"
    for passed_over in ("", "relative"):
        monkeypatch.setenv("XDG_DATA_HOME", passed_over)
        assert api_folder() == home / ".local/share/zentalk/api"


def test_the_folders_of_macos(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert api_folder() == home / "Library/Application Support/zentalk/api"
    assert relay_folder() == home / "Library/Application Support/zentalk/relay"


def test_the_variable_comes_before_the_platform(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZENTALK_DIR", str(home / "mine"))
    assert api_folder() == relay_folder() == home / "mine"
    monkeypatch.setenv("ZENTALK_DIR", "")
    assert api_folder() == home / ".local/share/zentalk/api"


def test_no_home_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(ConfigError, match="--dir or ZENTALK_DIR"):
        api_folder()


def test_a_relay_and_a_node_without_dir_do_not_meet(run: Run, home: Path) -> None:
    assert run("relay", "init").code == 0
    made = run("api", "init", "--bootstrap", URI)
    assert made.code == 0
    assert run("api", "address") == made
    data = home / ".local/share/zentalk"
    assert {path.name for path in data.iterdir()} == {"api", "relay"}
    assert data.stat().st_mode & 0o777 == 0o700
    assert "zentalk relay run" in run("relay", "status").err
    assert f"zentalk api run --dir {data / 'api'}" in run("contact", "list").err


def test_dir_comes_before_the_variable(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZENTALK_DIR", str(home / "mine"))
    assert run("relay", "init", "--dir", home / "said").code == 0
    assert (home / "said").exists()
    assert not (home / "mine").exists()
