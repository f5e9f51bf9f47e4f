"""A world of relays, and NATs. Tests of the former take `autojump_clock`: else time is real."""

from collections.abc import AsyncIterator, Iterator

import pytest
import trio

from tests.needed import program
from tests.net.nat_namespaces import NatNamespaces
from tests.net.support import World


@pytest.fixture
async def world(nursery: trio.Nursery) -> AsyncIterator[World]:
    nursery.start_soon(_never_for_ever)
    yield World(nursery)
    nursery.cancel_scope.cancel()


async def _never_for_ever() -> None:
    # Keepalives let virtual time run on: a test that waits for nothing would never end.
    await trio.sleep(20_000)
    raise AssertionError("this test waits for something that does not happen")


@pytest.fixture(scope="module")
def namespaces() -> Iterator[NatNamespaces]:
    program("nft")
    program("conntrack")
    with NatNamespaces() as made:
        yield made
