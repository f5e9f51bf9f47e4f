"""A name that leads to this machine alone is told of, and in `main` what others do not take."""

import socket
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from zentalk.config import RelaySettings
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.relay.announced import unreachable
from zentalk.relay.relay import Relay


def settings(folder: Path, network: str = "main", host: str = "relay.example.org") -> RelaySettings:
    return RelaySettings(
        directory=folder,
        network=network,
        id_difficulty=0,
        host="0.0.0.0",
        announce_host=host,
    )


async def _found(folder: Path, addresses: list[str], network: str = "main") -> list[str]:
    asked: list[str] = []

    async def resolve(host: str) -> list[str]:
        asked.append(host)
        return addresses

    warnings = await unreachable(settings(folder, network), resolve)
    assert asked == ["relay.example.org"]
    return warnings


@pytest.mark.parametrize("addresses", [["127.0.1.1"], ["::1", "127.0.0.1"], ["::ffff:127.0.0.1"]])
async def test_loopback_only_is_a_warning(tmp_path: Path, addresses: list[str]) -> None:
    (sentence,) = await _found(tmp_path, addresses)
    assert "relay.example.org leads to loopback" in sentence
    assert "announce_host" in sentence


@pytest.mark.parametrize("addresses", [["8.8.8.8"], ["127.0.1.1", "2001:4860:4860::8888"], []])
async def test_control_an_address_that_is_not_loopback_is_none(
    tmp_path: Path, addresses: list[str]
) -> None:
    assert await _found(tmp_path, addresses) == []


@pytest.mark.parametrize(
    "addresses", [["10.0.0.5"], ["192.168.1.2", "127.0.0.1"], ["fe80::1%eth0"]]
)
async def test_private_addresses_are_a_warning_where_others_drop_them(
    tmp_path: Path, addresses: list[str]
) -> None:
    (sentence,) = await _found(tmp_path, addresses)
    assert "relay.example.org leads to private addresses only" in sentence


@pytest.mark.parametrize(("port", "is_taken"), [(853, False), (443, True), (9001, True)])
async def test_a_port_that_others_do_not_take_is_a_warning(
    tmp_path: Path, port: int, is_taken: bool
) -> None:
    async def resolve(_host: str) -> list[str]:
        return ["8.8.8.8"]

    wanted = settings(tmp_path).model_copy(update={"announce_port": port})
    found = await unreachable(wanted, resolve)
    assert [f"port {port}" in sentence for sentence in found] == ([] if is_taken else [True])


@pytest.mark.parametrize("addresses", [["127.0.1.1"], ["::1", "127.0.0.1"]])
async def test_a_name_that_leads_to_loopback_is_a_warning_in_each_network(
    tmp_path: Path, addresses: list[str]
) -> None:
    (sentence,) = await _found(tmp_path, addresses, "local")
    assert "relay.example.org leads to loopback" in sentence


@pytest.mark.parametrize("addresses", [["10.0.0.5"], ["127.0.1.1", "192.168.1.2"], []])
async def test_control_where_private_addresses_may_be_others_are_none(
    tmp_path: Path, addresses: list[str]
) -> None:
    assert await _found(tmp_path, addresses, "local") == []


@pytest.mark.parametrize("host", ["localhost", "r1.localhost", "127.0.0.1", "[::1]"])
async def test_what_means_this_machine_is_not_looked_up(tmp_path: Path, host: str) -> None:
    async def resolve(_host: str) -> list[str]:
        raise AssertionError

    assert await unreachable(settings(tmp_path, "local", host), resolve) == []


async def test_a_resolver_that_fails_or_never_answers(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async def fails(_host: str) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "temporary failure")

    async def never(_host: str) -> list[str]:
        await trio.sleep_forever()
        raise AssertionError

    assert await unreachable(settings(tmp_path), fails) == []
    assert await unreachable(settings(tmp_path), never) == []


async def test_the_warning_stays_in_the_status(tmp_path: Path) -> None:
    relay = Relay(
        settings(tmp_path), Runtime.virtual(1, 0.0), MemoryNetwork().host("r"), ["a sentence"]
    )
    assert relay.status().warnings == ["a sentence"]
