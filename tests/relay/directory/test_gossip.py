from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.directory.support import WALL, descriptor, node_id
from tests.relay.directory_net import Net, boot_at, eventually, is_excluded, start, until
from zentalk.relay.directory.service import TICK_SECONDS
from zentalk.wire.rpc_directory import (
    decode_snapshot_response,
    encode_announces,
    encode_equivocation,
    encode_snapshot_request,
)


@pytest.fixture
def net(tmp_path: Path) -> Net:
    return Net(tmp_path)


@pytest.fixture
async def nursery() -> AsyncIterator[trio.Nursery]:
    async with trio.open_nursery() as nursery:
        yield nursery
        nursery.cancel_scope.cancel()


async def test_what_a_client_announces_is_verified_and_spreads(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    members = [net.add(0), *(net.add(number, [0]) for number in range(1, 10))]
    start(nursery, *members)
    await until(net, 10)
    newer = descriptor(3, boot=9)
    (call,) = encode_announces([newer.raw])
    net.client(members[0].node_id).notify(call)
    await eventually(lambda: all(boot_at(one, newer.node_id) == 9 for one in members))


async def test_k8_an_invalid_announcement_is_the_peers_fault(
    autojump_clock: MockClock, net: Net
) -> None:
    first = net.add(0)
    raw = descriptor(9).raw
    (call,) = encode_announces([raw[:-1] + bytes([raw[-1] ^ 1])])
    net.client(first.node_id).notify(call)
    assert net.faults == 1
    assert node_id(9) not in first.knows()


async def test_k31_a_proof_reaches_everyone_and_excludes(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    members = [net.add(0), *(net.add(number, [0]) for number in range(1, 20))]
    start(nursery, *members)
    await until(net, 10)
    guilty = members[5]
    other = descriptor(5, mix=b"for one victim")
    net.client(members[3].node_id).notify(encode_equivocation(guilty.own.raw, other.raw))
    honest = [member for member in members if member is not guilty]
    await eventually(lambda: all(is_excluded(one, guilty.node_id) for one in honest))
    assert all(guilty.node_id not in member.service.state.table for member in honest)
    body = await net.client(members[9].node_id).request(encode_snapshot_request())
    assert guilty.own.raw not in decode_snapshot_response(body).whole
    await trio.sleep(TICK_SECONDS)
    assert members[9].store.proofs()


async def test_k31_two_versions_gossiped_to_two_relays_meet(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    """Nobody reports anything: gossip itself brings the two together."""
    members = [net.add(0), *(net.add(number, [0]) for number in range(1, 12))]
    start(nursery, *members)
    await until(net, 10)
    net.add(50)  # it answers probes and does nothing else
    shown = [descriptor(50), descriptor(50, mix=b"other")]
    for member, one in zip(members, shown, strict=False):
        (call,) = encode_announces([one.raw])
        net.client(member.node_id).notify(call)
    await eventually(lambda: all(is_excluded(one, node_id(50)) for one in members))


async def test_a_false_report_is_the_peers_fault(autojump_clock: MockClock, net: Net) -> None:
    first = net.add(0)
    one, two = descriptor(5), descriptor(6)
    net.client(first.node_id).notify(encode_equivocation(one.raw, two.raw))
    assert net.faults == 1


async def test_a_higher_boot_of_ourselves_on_the_network_is_reported(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    """A folder restored from an old copy: the network knows a later life of this relay."""
    first, restored = net.add(0), net.add(1, [0])
    first.observe(descriptor(1))
    first.service.descriptors.offer(descriptor(1, boot=7).raw, WALL)
    start(nursery, first, restored)
    await trio.sleep(2)
    assert restored.outdated
    assert restored.outdated[0] == 7
    restored.own = descriptor(1, boot=restored.store.next_boot(above=7))
    restored.service.publish_own()
    await trio.sleep(2)
    assert boot_at(first, restored.node_id) == 8
