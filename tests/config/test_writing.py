"""What `init` writes can be read back, by people and by the program."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from zentalk.config import (
    CONFIG_FILE,
    ApiSettings,
    RelaySettings,
    load_api_settings,
    load_relay_settings,
    write_config,
)
from zentalk.config.writing import render
from zentalk.errors import ConflictError
from zentalk.wire.text import RelayUri, Scheme

uris = st.builds(
    RelayUri,
    st.binary(min_size=32, max_size=32),
    st.sampled_from(["127.0.0.1", "relay.example", "[::1]"]),
    st.integers(1, 65535),
    st.just(Scheme.TCP),
    st.just(""),
) | st.builds(
    RelayUri,
    st.binary(min_size=32, max_size=32),
    st.sampled_from(["127.0.0.1", "relay.example", "[::1]"]),
    st.integers(1, 65535),
    st.sampled_from([Scheme.WS, Scheme.WSS]),
    st.just("/relay/link"),
)
names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=64)


@given(name=names, port=st.integers(0, 65535), bootstraps=st.lists(uris, max_size=3))
def test_settings_survive_the_file(name: str, port: int, bootstraps: list[RelayUri]) -> None:
    with TemporaryDirectory() as folder:
        settings = ApiSettings(
            directory=Path(folder), name=name, port=port, bootstraps=tuple(bootstraps)
        )
        write_config(settings)
        assert load_api_settings(settings.directory, {}) == settings


def test_folder_and_file_are_private(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "relay"
    path = write_config(RelaySettings(directory=directory))
    assert path == directory / CONFIG_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700
    assert directory.parent.stat().st_mode & 0o777 == 0o700


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    write_config(RelaySettings(directory=tmp_path, port=1))
    with pytest.raises(ConflictError):
        write_config(RelaySettings(directory=tmp_path, port=2))
    assert load_relay_settings(tmp_path, {}).port == 1
    assert [path.name for path in tmp_path.iterdir()] == [CONFIG_FILE]


@pytest.mark.parametrize("kind", [RelaySettings, ApiSettings])
def test_each_key_is_explained(tmp_path: Path, kind: type[RelaySettings | ApiSettings]) -> None:
    lines = render(kind(directory=tmp_path)).splitlines()
    for name in set(kind.model_fields) - {"directory"}:
        (number,) = [n for n, line in enumerate(lines) if line.startswith(f"#{name} = ")]
        assert lines[number - 1].startswith("# ")


def test_what_was_not_chosen_is_only_a_comment(tmp_path: Path) -> None:
    text = render(RelaySettings(directory=tmp_path, port=5))
    active = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert active == ['program = "relay"', "port = 5"]


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = RelaySettings(directory=tmp_path)
    with pytest.raises(ValidationError):
        settings.port = 5  # type: ignore[misc]  # that it is read-only is what is tested


def test_a_python_caller_may_give_texts_and_lists(tmp_path: Path) -> None:
    text = "zt-relay:" + "a" * 52 + "@127.0.0.1:9001"
    settings = RelaySettings.model_validate({"directory": tmp_path, "bootstraps": [text]})
    assert settings.bootstraps == (RelayUri(bytes(32), "127.0.0.1", 9001),)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"announce_websockets": ("ws://127.0.0.1:9101/relay/link",)}, "set `http` to true"),
        ({"http": True, "http_certificate": "a.pem"}, "go together"),
        ({"http": True, "http_key": "a.pem"}, "go together"),
        ({"http": True, "announce_websockets": ("127.0.0.1:9101",)}, "starts with ws:// or wss://"),
        ({"http": True, "announce_websockets": ("http://127.0.0.1/x",)}, "ws:// or wss://"),
        ({"http": True, "announce_websockets": ("wss://a.example/relay/link",)}, "at 127.0.0.1"),
        (
            {"http": True, "announce_websockets": ("ws://127.0.0.1/a", "ws://127.0.0.1/b") * 2},
            "2 at most",
        ),
    ],
)
def test_websockets_that_nobody_could_use_are_not_announced(
    values: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        RelaySettings.model_validate({"directory": Path("x"), **values})


def test_relays_find_each_other_by_tcp() -> None:
    web = RelayUri(bytes(32), "relay.example", 443, Scheme.WSS, "/relay/link")
    with pytest.raises(ValidationError, match=r"wss://relay\.example/relay/link is a WebSocket"):
        RelaySettings(directory=Path("x"), bootstraps=(web,))
    assert ApiSettings(directory=Path("x"), bootstraps=(web,)).bootstraps == (web,)


def test_announced_websockets_survive_the_file(tmp_path: Path) -> None:
    places = ("wss://relay.example/relay/link", "ws://relay.example:9101/relay/link")
    values = {"host": "relay.example", "http": True, "announce_websockets": places}
    settings = RelaySettings.model_validate({"directory": tmp_path, **values})
    write_config(settings)
    assert load_relay_settings(tmp_path, {}) == settings
    assert [place.port for place in settings.announce_websockets] == [443, 9101]
