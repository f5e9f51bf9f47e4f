"""What goes over the links of API nodes: one size per packet class, whatever happens (K3)."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.link.geometry import UNIT_LARGE_BYTES, UNIT_SMALL_BYTES

pytestmark = pytest.mark.e2e


async def test_k3_links_of_nodes_carry_whole_units_only(
    world: World, autojump_clock: Clock
) -> None:
    sizes: dict[tuple[str, str], list[int]] = {}

    def look(source: str, target: str, data: bytes) -> None:
        if source in ("alice", "bob") or target in ("alice", "bob"):
            sizes.setdefault((source, target), []).append(len(data))

    world.memory.on_wire = look
    await world.relay_net(6)
    await world.person("alice")
    await world.person("bob")
    await world.friends("alice", "bob")
    for text in ("short", "x" * 1000, "x" * 20_000):
        message = await world.send("alice", "bob", text)
        await world.until_state("alice", message, "delivered")
    await world.crash("bob")
    await world.send("alice", "bob", "while away")
    await trio.sleep(120)
    await world.person("bob")
    await world.until_inbox("bob", "alice", ["short", "x" * 1000, "x" * 20_000, "while away"])
    assert world.nodes["alice"].client_unit_sizes() <= {UNIT_SMALL_BYTES, UNIT_LARGE_BYTES}
    assert sizes
    for each in sizes.values():
        for size in each:
            assert _is_whole_units(size), size


def _is_whole_units(size: int) -> bool:
    """Every send is some number of small and large units, nothing in between."""
    return any(
        (size - large * UNIT_LARGE_BYTES) % UNIT_SMALL_BYTES == 0
        for large in range(size // UNIT_LARGE_BYTES + 1)
    )


async def test_a_request_from_a_stranger_ends_at_sent_until_it_is_accepted(
    world: World, autojump_clock: Clock
) -> None:
    await world.relay_net(4)
    await world.person("alice")
    await world.person("bob")
    alice, bob = world.nodes["alice"], world.nodes["bob"]
    await alice.add_contact(bob.address, "Bob")
    message = await world.send("alice", "bob", "it is me, Alice")
    await world.until_state("alice", message, "sent")
    await trio.sleep(60)
    assert (await alice.message(message.id)).state == "sent"
    [request] = await bob.contacts()
    assert (request.address, request.state) == (alice.address_text, "request")
    await bob.add_contact(alice.address, "Alice")
    await world.until_state("alice", message, "delivered")
    answer = await world.send("bob", "alice", "welcome")
    await world.until_state("bob", answer, "delivered")
