"""K13: one stranger cannot take the one-time keys that others need."""

from __future__ import annotations

import pytest
import trio.testing

from tests.mailbox.support import TODAY, entry, send_id
from tests.relay.mailbox_world import Owner, World, running
from zentalk.mailbox.settings import MailboxSettings
from zentalk.relay.mailbox import collectors
from zentalk.store.mailbox.memory import MemoryMailboxStore
from zentalk.wire import rpc_prekeys
from zentalk.wire.rpc_send_ids import SendIdKind

POOL = 20


async def taken(stranger: Owner, query: int) -> bytes:
    call = rpc_prekeys.PrekeysTakeRequest(send_id("public"), query.to_bytes(16, "big"))
    return rpc_prekeys.decode_prekeys_take_response(
        await stranger.ask(rpc_prekeys.encode_prekeys_take_request(call))
    )


async def keys_under_attack(*, tunnels: int = 1) -> tuple[int, int]:
    """A drainer asks a hundred times; then ten strangers come.

    Returns how many keys the drainer and the strangers got.
    """
    async with running(World(MemoryMailboxStore(), MailboxSettings())) as world:
        bob = await Owner(world).open()
        await bob.register(entry("public", SendIdKind.PUBLIC, TODAY - 1, TODAY + 2))
        blobs = tuple(b"key %d" % number for number in range(POOL))
        await bob.ask(
            rpc_prekeys.encode_prekeys_put_request(
                rpc_prekeys.PrekeysPutRequest(blobs, replace=False)
            )
        )
        links = [Owner(world, "mallory") for _ in range(tunnels)]
        drained = [await taken(links[n % tunnels], n) for n in range(100)]
        strangers = [await taken(Owner(world, "carol"), 1000 + n) for n in range(10)]
        for link in links:
            link.lose()
        return sum(map(bool, drained)), sum(map(bool, strangers))


async def test_k13_one_link_cannot_take_what_others_need(
    autojump_clock: trio.testing.MockClock,
) -> None:
    drained, strangers = await keys_under_attack()
    assert drained == collectors.TAKES_PER_LINK
    assert strangers == 10


async def test_k13_control_without_a_limit_for_each_link_the_pool_is_drained_by_one(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collectors, "TAKES_PER_LINK", 10**6)
    assert await keys_under_attack() == (POOL, 0)


async def test_k13_many_links_are_held_back_by_the_mailbox_s_own_rate(
    autojump_clock: trio.testing.MockClock,
) -> None:
    drained, strangers = await keys_under_attack(tunnels=50)
    assert drained == MailboxSettings().prekey_burst
    assert strangers == 0  # they begin with the last-resort key, and bob is told


async def test_a_repeated_query_is_no_further_one(autojump_clock: trio.testing.MockClock) -> None:
    async with running(World(MemoryMailboxStore())) as world:
        bob = await Owner(world).open()
        await bob.register(entry("public", SendIdKind.PUBLIC, TODAY - 1, TODAY + 2))
        blobs = tuple(b"key %d" % number for number in range(POOL))
        await bob.ask(
            rpc_prekeys.encode_prekeys_put_request(
                rpc_prekeys.PrekeysPutRequest(blobs, replace=False)
            )
        )
        carol = Owner(world, "carol")
        assert {await taken(carol, 1) for _ in range(20)} == {b"key 0"}
        assert await taken(carol, 2) == b"key 1"
        carol.lose()
        assert len(world.service._collectors._prekeys) == 0
