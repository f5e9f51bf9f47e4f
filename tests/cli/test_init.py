"""F1, F2: setting a node up prints one line, and never touches what is there."""

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from zentalk.config import load_api_settings, load_relay_settings
from zentalk.directory.identity_work import work_bits
from zentalk.wire.descriptor import node_id_of
from zentalk.wire.text import parse_address, parse_relay_uri

URI = "zt-relay:" + "a" * 52 + "@127.0.0.1:9001"
OTHER = "zt-relay:" + "b" * 51 + "a@relay.example:9002"


def test_f1_relay_init_prints_the_uri(run: Run, tmp_path: Path) -> None:
    directory = tmp_path / "relay"
    result = run("relay", "init", "--dir", directory, "--port", 9005, "--bootstrap", URI)
    assert result.code == 0
    uri = parse_relay_uri(result.out.removesuffix("\n"))
    assert (uri.host, uri.port) == ("127.0.0.1", 9005)
    settings = load_relay_settings(directory, {})
    assert (settings.port, settings.bootstraps) == (9005, (parse_relay_uri(URI),))
    assert directory.stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o077 == 0 for file in directory.iterdir())


def test_f2_api_init_prints_the_address(run: Run, tmp_path: Path) -> None:
    directory = tmp_path / "alice"
    result = run("api", "init", "--dir", directory, "--name", "Alice", "--bootstrap", URI)
    assert result.code == 0
    parse_address(result.out.removesuffix("\n"))
    assert run("api", "address", "--dir", directory).out == result.out
    assert re.fullmatch(r"[\w-]{43}\n", run("api", "token", "--dir", directory).out)
    settings = load_api_settings(directory, {})
    assert (settings.port, settings.name) == (3001, "Alice")
    assert all(file.stat().st_mode & 0o077 == 0 for file in directory.iterdir())


def test_k7_init_makes_and_checks_the_work_that_the_network_asks_for(
    run: Run, tmp_path: Path
) -> None:
    network = ["--network", "main", "--id-difficulty", 6]
    made = run("relay", "init", "--dir", tmp_path / "relay", *network)
    uri = parse_relay_uri(made.out.strip())
    assert work_bits(node_id_of(uri.identity)) >= 6
    settings = load_relay_settings(tmp_path / "relay", {})
    assert (settings.network, settings.id_difficulty) == ("main", 6)
    alice = ["api", "init", "--dir", tmp_path / "alice", "--bootstrap"]
    assert run(*alice, made.out.strip(), *network).code == 0
    cheap = run("relay", "init", "--dir", tmp_path / "cheap").out.strip()
    bob = ["api", "init", "--dir", tmp_path / "bob", "--bootstrap", cheap]
    refused = run(*bob, "--network", "main", "--id-difficulty", 32)
    assert refused.code == 2
    assert "'main' demands 32" in refused.err
    assert not (tmp_path / "bob").exists()


@pytest.mark.parametrize(
    "given", [["--bootstrap", URI, "--bootstrap", OTHER], ["--bootstrap", URI, OTHER]]
)
def test_several_bootstraps(run: Run, tmp_path: Path, given: list[str]) -> None:
    assert run("api", "init", "--dir", tmp_path, *given).code == 0
    settings = load_api_settings(tmp_path, {})
    assert settings.bootstraps == (parse_relay_uri(URI), parse_relay_uri(OTHER))


@pytest.mark.parametrize("program", ["relay", "api"])
def test_a_second_init_changes_nothing(run: Run, tmp_path: Path, program: str) -> None:
    command = [program, "init", "--dir", tmp_path, "--bootstrap", URI]
    assert run(*command).code == 0
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    result = run(*command, "--port", 5)
    assert result.code == 1
    assert "nothing was changed" in result.err
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_an_identity_that_is_there_is_used(run: Run, tmp_path: Path) -> None:
    first = run("api", "init", "--dir", tmp_path, "--bootstrap", URI).out
    token = run("api", "token", "--dir", tmp_path).out
    (tmp_path / "config.toml").unlink()
    assert run("api", "init", "--dir", tmp_path, "--bootstrap", URI).out == first
    assert run("api", "token", "--dir", tmp_path).out == token


def test_two_nodes_have_different_identities_and_tokens(run: Run, tmp_path: Path) -> None:
    seen = set()
    for name in ("a", "b"):
        seen.add(run("api", "init", "--dir", tmp_path / name, "--bootstrap", URI).out)
        seen.add(run("api", "token", "--dir", tmp_path / name).out)
    assert len(seen) == 4


def test_a_folder_that_is_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("relay", "init", "--dir", tmp_path / "file" / "below")
    assert result.code == 1
    assert str(tmp_path / "file") in result.err


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_relay_on_all_addresses_announces_another(run: Run, tmp_path: Path, host: str) -> None:
    refused = run("relay", "init", "--dir", tmp_path, "--host", host)
    assert refused.code == 2
    assert "--announce-host" in refused.err
    assert not list(tmp_path.iterdir())
    places = ("--host", host, "--announce-host", "2001:db8::7", "--announce-port", 443)
    made = run("relay", "init", "--dir", tmp_path, *places)
    uri = parse_relay_uri(made.out.strip())
    assert (uri.host, uri.port) == ("[2001:db8::7]", 443)
    settings = load_relay_settings(tmp_path, {})
    assert (settings.announce_host, settings.announce_port) == ("[2001:db8::7]", 443)
    assert settings.port == 9001


def test_a_relay_of_several_addresses_announces_them_in_their_order(
    run: Run, tmp_path: Path
) -> None:
    told = ("--announce-host", "192.0.2.7", "--announce-host", "2001:db8::7")
    made = run("relay", "init", "--dir", tmp_path, "--host", "0.0.0.0", "::", *told)
    assert parse_relay_uri(made.out.strip()).host == "192.0.2.7"
    settings = load_relay_settings(tmp_path, {})
    assert settings.hosts == ("0.0.0.0", "[::]")
    assert settings.announced_hosts == ("192.0.2.7", "[2001:db8::7]")
