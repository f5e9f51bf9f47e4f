"""What a network of public addresses dials, with and without a proxy that resolves names."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from zentalk.errors import ConnectFailedError
from zentalk.net.dialling import RelayDialler
from zentalk.net.memory import MemoryNetwork
from zentalk.net.transport import ByteStream, Listener


class Resolver:
    """A network whose names stand for what a test says; nothing is dialled."""

    def __init__(self, **names: str) -> None:
        self._names = names
        self.asked: list[str] = []

    async def resolve(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        return [self._names.get(host, host)]

    async def dial(self, host: str, port: int) -> ByteStream:
        raise AssertionError("only names are looked up here")

    async def listen(self, host: str, port: int) -> Listener:
        raise AssertionError("only names are looked up here")


async def test_a_name_is_dialled_at_the_public_address_it_stands_for() -> None:
    network = Resolver(relay="198.18.0.1", public="9.9.9.9")
    dialler = RelayDialler(network, public_only=True)
    assert await dialler.resolve("public", 9001) == "9.9.9.9"
    with pytest.raises(ConnectFailedError, match="no public address"):
        await dialler.resolve("relay", 9001)


async def test_through_a_proxy_a_name_goes_on_as_it_is() -> None:
    network = Resolver(relay="10.0.0.1")
    dialler = RelayDialler(network, public_only=True, by_name=True)
    assert await dialler.resolve("relay", 9001) == "relay"
    assert network.asked == [], "nobody was asked what it stands for"
    with pytest.raises(ConnectFailedError, match="ports 80, 443"):
        await dialler.resolve("relay", 25)


@pytest.mark.parametrize("host", ["10.0.0.1", "127.0.0.1", "[::1]", "[fd00::1]"])
async def test_through_a_proxy_a_private_address_is_refused_all_the_same(host: str) -> None:
    dialler = RelayDialler(Resolver(), public_only=True, by_name=True)
    with pytest.raises(ConnectFailedError, match="no public address"):
        await dialler.resolve(host, 9001)


async def test_where_all_addresses_count_nothing_is_looked_up() -> None:
    dialler = RelayDialler(MemoryNetwork().host("phone"), public_only=False)
    assert await dialler.resolve("relay-0", 1) == "relay-0"
