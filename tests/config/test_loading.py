"""From a file and the environment to settings, or to one sentence."""

import tracemalloc
from pathlib import Path

import pytest

from zentalk.config import CONFIG_FILE, load_api_settings, load_relay_settings
from zentalk.errors import ConfigError
from zentalk.lifetimes import MAX_TTL_SECONDS
from zentalk.wire.text import RelayUri, format_relay_uri

URI = RelayUri(bytes(32), "127.0.0.1", 9001)
URI_TEXT = format_relay_uri(URI)

LONG_NAME = ".".join(["h" * 61] * 4) + ".hhhhh"


def write(directory: Path, text: str) -> None:
    (directory / CONFIG_FILE).write_text(text, "utf-8")


def sentence(directory: Path, text: str, environment: dict[str, str] | None = None) -> str:
    """Return what loading says about a file that it must refuse."""
    write(directory, text)
    with pytest.raises(ConfigError) as caught:
        load_relay_settings(directory, environment or {})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    write(tmp_path, "")
    settings = load_relay_settings(tmp_path, {})
    assert settings.directory == tmp_path
    assert (settings.host, settings.port, settings.mailbox_profile) == (
        "127.0.0.1",
        9001,
        "durable",
    )
    assert settings.queue_ttl_seconds == 30 * 86400


def test_values_of_the_file(tmp_path: Path) -> None:
    write(tmp_path, f'port = 0\nguards = ["{URI_TEXT}"]\nname = "Alice"\n')
    settings = load_api_settings(tmp_path, {})
    assert (settings.port, settings.guards, settings.name) == (0, (URI,), "Alice")


def test_the_environment_wins(tmp_path: Path) -> None:
    write(tmp_path, 'port = 1\nhost = "a.example"\n')
    environment = {
        "ZENTALK_PORT": "2",
        "ZENTALK_BOOTSTRAPS": f"{URI_TEXT}, {URI_TEXT}",
        "ZENTALK_MAILBOX_PROFILE": "memory",
        "ZENTALK_ALLOWED_HOSTS": "a key of the other program",
    }
    settings = load_relay_settings(tmp_path, environment)
    assert (settings.port, settings.host) == (2, "a.example")
    assert settings.bootstraps == (URI, URI)
    assert settings.mailbox_profile == "memory"
    assert settings.directory == tmp_path


def test_an_unknown_key_is_named_with_its_file(tmp_path: Path) -> None:
    text = sentence(tmp_path, "prot = 9001\n")
    assert str(tmp_path / CONFIG_FILE) in text
    assert "'prot'" in text
    assert "'port'" in text
    assert "remove it" in sentence(tmp_path, 'colour = "blue"\n')


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('port = "9001"', "port"),
        ("port = 1.5", "port"),
        ("port = true", "port"),
        ("port = -1", "port"),
        ("port = 65536", "port"),
        ("host = 5", "host"),
        ('host = ""', "host"),
        ('host = "a b"', "host"),
        ('network = ""', "network"),
        ('network = "Main"', "network"),
        ('network = "a/b"', "network"),
        ('bootstraps = "zt-relay:x"', "bootstraps"),
        ('bootstraps = ["zt-relay:x"]', "bootstraps"),
        ('bootstraps = ["http://127.0.0.1"]', "bootstraps"),
        ("bootstraps = [5]", "bootstraps"),
        ('mailbox_profile = "fast"', "mailbox_profile"),
        ("queue_ttl_seconds = 0", "queue_ttl_seconds"),
        (f"queue_ttl_seconds = {MAX_TTL_SECONDS + 1}", "queue_ttl_seconds"),
        ("memory_bytes = 5", "memory_bytes"),
        ("lanes = 17", "lanes"),
        ('family = "two words"', "family"),
        ('directory = "/elsewhere"', "directory"),
        ("[port]\nx = 1", "port"),
    ],
)
def test_a_wrong_value_is_named_with_its_file(tmp_path: Path, line: str, key: str) -> None:
    text = sentence(tmp_path, line)
    assert str(tmp_path / CONFIG_FILE) in text
    assert f"'{key}'" in text


@pytest.mark.parametrize("text", ["port", "port = ", "= 5", '"', "port = 1\nport = 2"])
def test_what_is_no_toml(tmp_path: Path, text: str) -> None:
    assert "not valid TOML" in sentence(tmp_path, text)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).write_text("port = 7\n", "utf-8-sig")
    assert load_relay_settings(tmp_path, {}).port == 7


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).write_bytes(b'name = "\xff"')
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_api_settings(tmp_path, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ZENTALK_PORT", "x"),
        ("ZENTALK_PORT", ""),
        ("ZENTALK_PORT", "70000"),
        ("ZENTALK_PORT", "1\nport = 2"),
        ("ZENTALK_BOOTSTRAPS", "zt-relay:x"),
        ("ZENTALK_HOST", "a b"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, name: str, value: str) -> None:
    assert sentence(tmp_path, "", {name: value}).startswith(f"{name}: ")


def test_a_folder_that_is_not_set_up_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="zentalk relay init --dir"):
        load_relay_settings(tmp_path / "none", {})
    with pytest.raises(ConfigError, match="zentalk api init --dir"):
        load_api_settings(tmp_path, {})


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).mkdir()
    with pytest.raises(ConfigError, match=r"cannot read .*config\.toml"):
        load_relay_settings(tmp_path, {})


def test_the_folder_of_the_other_program(tmp_path: Path) -> None:
    write(tmp_path, 'program = "relay"\n')
    with pytest.raises(ConfigError, match="'relay'; use a folder of the program 'api'"):
        load_api_settings(tmp_path, {})


@pytest.mark.parametrize("text", ["a" + ".a" * 30_000 + " = 1", "[" * 2 + "a . " * 9 + "a]]"])
def test_a_key_of_many_parts_is_refused_before_memory_is_spent_on_it(
    tmp_path: Path, text: str
) -> None:
    tracemalloc.start()
    try:
        assert "nested" in sentence(tmp_path, f"port = 1\n {text}\n")
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20


ALL = "0.0.0.0"


@pytest.mark.parametrize("host", [ALL, "::", "[::]"])
def test_an_address_of_all_addresses_needs_an_announced_one(tmp_path: Path, host: str) -> None:
    text = sentence(tmp_path, f'host = "{host}"\n')
    assert "'announce_host'" in text
    assert "--announce-host" in text
    write(tmp_path, f'host = "{host}"\nannounce_host = "relay.example"\n')
    assert load_relay_settings(tmp_path, {}).announce_host == "relay.example"
    write(tmp_path, f'host = "{host}"\n')
    loaded = load_relay_settings(tmp_path, {"ZENTALK_ANNOUNCE_HOST": "relay.example"})
    assert loaded.announce_host == "relay.example"
    assert "dial" in sentence(tmp_path, f'announce_host = "{host}"\n')


def test_an_api_node_may_listen_on_all_addresses(tmp_path: Path) -> None:
    """The control: REST announces nothing."""
    write(tmp_path, f'host = "{ALL}"\n')
    assert load_api_settings(tmp_path, {}).host == ALL


@pytest.mark.parametrize(
    ("given", "taken"),
    [("2001:db8::1", "[2001:db8::1]"), ("[::1]", "[::1]"), (" relay.example\n", "relay.example")],
)
def test_a_host_as_people_write_it(tmp_path: Path, given: str, taken: str) -> None:
    write(tmp_path, "")
    loaded = load_relay_settings(tmp_path, {"ZENTALK_HOST": given, "ZENTALK_HTTP_HOST": given})
    assert (loaded.host, loaded.http_host) == (taken, taken)


@pytest.mark.parametrize("host", ["999.1.1.1", "[::::]", "a b", ""])
def test_what_is_no_host_is_named(tmp_path: Path, host: str) -> None:
    assert "'host'" in sentence(tmp_path, f'host = "{host}"\n')


@pytest.mark.parametrize(
    ("variable", "advice"),
    [
        ("ZENTALK_PROT", "ZENTALK_PORT"),
        ("ZENTALK_SOMETHING_ELSE", "remove it"),
        ("ZENTALK_DIRECTORY", ""),
    ],
)
def test_an_unknown_variable_is_an_error(tmp_path: Path, variable: str, advice: str) -> None:
    text = sentence(tmp_path, "", {variable: "1"})
    assert text.startswith(f"{variable}: ")
    assert advice in text


def test_control_variables_of_others_are_none_of_ours(tmp_path: Path) -> None:
    write(tmp_path, "")
    load_relay_settings(tmp_path, {"ZEN_TALK": "1", "PORT": "x", "ZENTALK_LONG": "1"})


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ('host = ["192.0.2.7", " 2001:db8::7 "]', {}),
        ('host = ["192.0.2.7", "[2001:db8::7]", "192.0.2.7"]', {}),
        ("", {"ZENTALK_HOST": "192.0.2.7,2001:db8::7"}),
        ('host = ["0.0.0.0", "::"]\nannounce_host = ["192.0.2.7", "2001:db8::7"]', {}),
    ],
)
def test_a_relay_may_have_several_addresses(
    tmp_path: Path, text: str, environment: dict[str, str]
) -> None:
    write(tmp_path, text)
    settings = load_relay_settings(tmp_path, environment)
    assert settings.announced_hosts == ("192.0.2.7", "[2001:db8::7]")
    assert len(settings.hosts) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("host = []", "list of 1 to 4"),
        ('host = ["a.example", "b.example", "c.example", "d.example", "e.example"]', "1 to 4"),
        ('host = ["a.example", "a b"]', "host name"),
        ('host = ["a.example", "::"]', "--announce-host"),
        ('announce_host = ["a.example", "0.0.0.0"]', "--announce-host"),
        (f"host = {[LONG_NAME, 'b' + LONG_NAME[1:], 'c.example']}", "512 characters"),
    ],
)
def test_addresses_that_cannot_be_announced_are_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    found = sentence(tmp_path, text)
    assert "host'" in found
    assert said in found
