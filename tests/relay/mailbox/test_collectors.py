"""K13: strangers cannot take the one-time keys of days to come, over however many tunnels."""

from __future__ import annotations

import pytest
import trio.testing

from tests.mailbox.support import RELAY, TODAY, entry, pool_prekeys, send_id
from tests.relay.mailbox_world import Owner, World, running
from zentalk.mailbox import prekeys
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.work import epoch_at, prekey_challenge, search
from zentalk.store.mailbox.memory import MemoryMailboxStore
from zentalk.wire import rpc_prekeys
from zentalk.wire.deposit import NO_STAMP
from zentalk.wire.rpc_send_ids import SendIdKind

POOL = 20
CHEAP = MailboxSettings(prekey_bits=8)


async def taken(
    world: World, stranger: Owner, query: int, *, bits: int = 0
) -> rpc_prekeys.PrekeysTakeResponse:
    """Ask for a key, with some work for it or none."""
    query_id, stamp = query.to_bytes(16, "big"), NO_STAMP
    if bits:
        epoch = epoch_at(world.runtime.wall())
        task = prekey_challenge(RELAY, send_id("public"), query_id, epoch)
        stamp = search(task, epoch, bits, 0, 1 << 20) or NO_STAMP
    call = rpc_prekeys.PrekeysTakeRequest(send_id("public"), query_id, stamp)
    body = await stranger.ask(rpc_prekeys.encode_prekeys_take_request(call))
    return rpc_prekeys.decode_prekeys_take_response(body)


async def keys_under_attack(*, bits: int = 0) -> tuple[int, int]:
    """A drainer asks a hundred times over fifty tunnels; bob looks how his pool stands.

    Returns how many keys the drainer got, and how many are left.
    """
    async with running(World(MemoryMailboxStore(), CHEAP)) as world:
        bob = await Owner(world).open()
        await bob.register(entry("public", SendIdKind.PUBLIC, TODAY - 1, TODAY + 2))
        keys = pool_prekeys(*(b"key %d" % number for number in range(POOL)))
        request = rpc_prekeys.PrekeysPutRequest(keys)
        await bob.ask(rpc_prekeys.encode_prekeys_put_request(request))
        links = [Owner(world, "mallory") for _ in range(50)]
        drained = [await taken(world, links[n % 50], n, bits=bits) for n in range(100)]
        body = await bob.ask(rpc_prekeys.encode_prekeys_count_request(with_ids=False))
        for link in links:
            link.lose()
        left = rpc_prekeys.decode_prekeys_count_response(body)
        return sum(bool(one.blob) for one in drained), left.pool


async def test_k13_a_drainer_with_many_tunnels_gets_two_keys_a_day_without_work(
    autojump_clock: trio.testing.MockClock,
) -> None:
    assert await keys_under_attack() == (2, POOL - 2)


async def test_k13_and_five_with_work(autojump_clock: trio.testing.MockClock) -> None:
    assert await keys_under_attack(bits=10) == (5, POOL - 5)


async def test_k13_control_without_a_limit_for_each_day_the_pool_is_drained_by_one(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prekeys, "PREKEYS_A_DAY", 10**6)
    monkeypatch.setattr(prekeys, "FREE_PREKEYS_A_DAY", 10**6)
    assert await keys_under_attack() == (POOL, 0)
