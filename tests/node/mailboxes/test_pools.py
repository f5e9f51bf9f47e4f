"""Which send ids a node registers first, and what one that is refused costs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
import trio

from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import RefusedError
from zentalk.ids import MailboxId, NodeId, PrekeyId, SendId, UserAddress, day_at
from zentalk.mailbox.pool import FULL_POOL
from zentalk.net.runtime import Runtime
from zentalk.node.mailboxes.pools import (
    BATCHES,
    POOL_SEND_IDS,
    PREKEY_CALLS,
    PREKEYS_PER_CALL,
    MailboxPools,
)
from zentalk.store.history import contacts, forgetting, mailboxes
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import ContactState, OwnMailbox
from zentalk.store.sqlite import Transaction
from zentalk.wire.rpc import decode_call, encode_refusal, encode_response
from zentalk.wire.rpc_prekeys import (
    PREKEYS_COUNT,
    PrekeysCountResponse,
    PrekeysPutRequest,
    decode_prekeys_count_request,
    decode_prekeys_put_request,
    encode_prekeys_count_response,
    encode_prekeys_put_response,
)
from zentalk.wire.rpc_send_ids import (
    ACK_SEND_IDS,
    CONTACT_SEND_IDS,
    PUBLIC_SEND_IDS,
    SEND_IDS,
    SURE_NEW_SEND_IDS,
    SURE_SEND_IDS,
    SendIdEntry,
    SendIdKind,
    decode_send_ids_request,
)

MAILBOX = OwnMailbox(MailboxId(b"m" * 32), NodeId(b"r" * 32), 0, b"s" * 32, 0, 0, None)
CONTACT, PUBLIC, ACK = SendIdKind.CONTACT, SendIdKind.PUBLIC, SendIdKind.ACK


class Relay:
    """A relay that has room for so many send ids, and says what it was asked."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.asked: list[tuple[SendIdEntry, ...]] = []
        self.taken: set[bytes] = set()
        self.removes = True

    async def request(self, body: bytes) -> bytes:
        await trio.lowlevel.checkpoint()
        method, fields = decode_call(body)
        if method != SEND_IDS:
            return encode_refusal("full")
        call = decode_send_ids_request(fields)
        if call.remove:
            self.taken -= set(call.remove)
            return encode_response() if self.removes else encode_refusal("storage")
        self.asked.append(call.add)
        wanted = self.taken | {entry.send_id for entry in call.add}
        if len(wanted) > self.room:
            return encode_refusal("full")
        self.taken = wanted
        return encode_response()

    def kinds(self, call: int) -> list[SendIdKind]:
        return [entry.kind for entry in self.asked[call]]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[HistoryDatabase]:
    database = HistoryDatabase(tmp_path / "history.db", Runtime.real().run_blocking)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.run)
        await database.write(lambda tx: mailboxes.add(tx, MAILBOX))
        yield database
        nursery.cancel_scope.cancel()
    database.close()


def pools(database: HistoryDatabase, *, compares_prekeys: bool = False) -> MailboxPools:
    return MailboxPools(
        Runtime.real(),
        SigningKey(bytes(32)),
        database,
        MAILBOX,
        compares_prekeys=compares_prekeys,
    )


async def fill(pool: MailboxPools, relay: Any) -> None:
    """This relay refuses prekeys, too: send ids do not depend on them."""
    with pytest.raises(RefusedError):
        await pool.fill(relay)


async def rows(database: HistoryDatabase) -> int:
    return len(await database.read(lambda tx: mailboxes.send_ids(tx, MAILBOX.mailbox)))


def test_k44_a_new_mailbox_asks_for_no_more_than_is_sure() -> None:
    assert sum(BATCHES) == SURE_SEND_IDS == PUBLIC_SEND_IDS + ACK_SEND_IDS + CONTACT_SEND_IDS
    assert sum(BATCHES[:2]) == SURE_NEW_SEND_IDS
    assert POOL_SEND_IDS <= CONTACT_SEND_IDS


@pytest.mark.parametrize("room", [11, 16, 43])
async def test_k44_send_ids_are_registered_in_order_of_need_and_each_batch_may_fail_alone(
    database: HistoryDatabase, room: int
) -> None:
    relay, pool = Relay(room), pools(database)
    await fill(pool, relay)
    assert relay.kinds(0) == [ACK, *[PUBLIC] * PUBLIC_SEND_IDS]
    today = day_at(Runtime.real().wall())
    assert relay.asked[0][1].valid_from <= today <= relay.asked[0][1].valid_until
    assert relay.kinds(1) == [CONTACT] * 5
    assert len(relay.taken) == room
    assert await rows(database) == room, "what was refused is nobody's"


async def test_send_ids_of_who_is_forgotten_are_withdrawn_and_given_to_nobody(
    database: HistoryDatabase,
) -> None:
    relay, friend = Relay(1000), UserAddress(b"f" * 32)
    pool = pools(database)
    await fill(pool, relay)

    def give(tx: Transaction) -> SendId:
        contacts.insert(tx, friend, "", ContactState.REMOVED, 1.0)
        spare = mailboxes.free(tx, MAILBOX.mailbox, CONTACT, 1)[0].send_id
        mailboxes.give_to(tx, spare, friend)
        return spare

    given = await database.write(give)
    await database.write(lambda tx: forgetting.person(tx, friend))
    assert await database.read(lambda tx: mailboxes.send_id(tx, given)) is None
    relay.removes = False
    await fill(pool, relay)
    await fill(pools(database), relay)
    assert given not in {entry.send_id for entry in relay.asked[-1]}
    relay.removes = True
    await fill(pool, relay)
    assert given not in relay.taken
    left = await database.read(lambda tx: tx.execute("SELECT send_id FROM own_send_ids").fetchall())
    assert (given,) not in left
    assert {row[0] for row in left} == relay.taken


async def test_k44_those_of_contacts_come_before_spare_ones_and_all_come_again(
    database: HistoryDatabase,
) -> None:
    relay = Relay(1000)
    await fill(pools(database), relay)
    friend = UserAddress(b"f" * 32)

    def give(tx: Transaction) -> bytes:
        spare = mailboxes.free(tx, MAILBOX.mailbox, CONTACT, 32)[-1].send_id
        mailboxes.give_to(tx, spare, friend)
        return spare

    given = await database.write(give)
    again, pool = Relay(1000), pools(database)
    await fill(pool, again)
    assert again.asked[1][0].send_id == given
    assert again.taken == relay.taken, "a relay may forget"
    calls = len(again.asked)
    await fill(pool, again)
    assert len(again.asked) == calls, "over the same connection nothing twice"
    refusing, pool = Relay(11), pools(database)
    await fill(pool, refusing)
    refusing.room = 1000
    await fill(pool, refusing)
    assert refusing.taken == relay.taken, "what was refused is asked for again"


# --- one-time prekeys ----------------------------------------------------------------------------


class PrekeyRelay(Relay):
    """A relay that takes all send ids and keeps a pool."""

    def __init__(self) -> None:
        super().__init__(1000)
        self.pool: dict[PrekeyId, bytes] = {}
        self.lists = 0
        self.puts: list[PrekeysPutRequest] = []

    async def request(self, body: bytes) -> bytes:
        method, fields = decode_call(body)
        if method == SEND_IDS:
            return await super().request(body)
        await trio.lowlevel.checkpoint()
        if method == PREKEYS_COUNT:
            with_ids = decode_prekeys_count_request(fields)
            self.lists += with_ids
            ids = tuple(self.pool) if with_ids else ()
            return encode_prekeys_count_response(PrekeysCountResponse(len(self.pool), False, ids))
        call = decode_prekeys_put_request(fields)
        self.puts.append(call)
        for gone in call.remove:
            del self.pool[gone]
        self.pool |= {item.prekey_id: item.blob for item in call.add}
        return encode_prekeys_put_response(len(self.pool))


async def filled(database: HistoryDatabase, relay: PrekeyRelay) -> MailboxPools:
    """A node's pools, after as many looks at them as it takes to fill them."""
    pool = pools(database)
    for _ in range(6):
        await pool.fill(cast("Any", relay))
    return pool


async def test_k49_the_pool_lasts_for_37_days_and_is_filled_up_again_piece_by_piece(
    database: HistoryDatabase,
) -> None:
    relay = PrekeyRelay()
    pool = pools(database)
    await pool.fill(cast("Any", relay))
    assert len(relay.pool) == PREKEY_CALLS * PREKEYS_PER_CALL, "a new mailbox is not held up"
    pool = await filled(database, relay)
    assert len(relay.pool) == FULL_POOL == 37 * 5
    assert max(len(put.add) for put in relay.puts) == PREKEYS_PER_CALL
    for taken in list(relay.pool)[:5]:
        del relay.pool[taken]
    calls = len(relay.puts)
    await pool.fill(cast("Any", relay))
    assert [len(put.add) for put in relay.puts[calls:]] == [5]
    assert not any(put.remove for put in relay.puts)


async def test_k49_at_its_start_a_node_replaces_only_the_prekeys_it_does_not_have(
    database: HistoryDatabase,
) -> None:
    """A folder that was restored from a copy lacks the keys that were made since."""
    relay = PrekeyRelay()
    await filled(database, relay)
    known = dict(relay.pool)
    strange = [PrekeyId(bytes([n]) * 16) for n in range(3)]
    for gone, new in zip(list(relay.pool)[:7], strange, strict=False):
        del relay.pool[gone]
        relay.pool[new] = b"made by the life that the copy forgot"
    left = relay.pool.keys() & known.keys()
    calls = len(relay.puts)
    pool = pools(database, compares_prekeys=True)
    for _ in range(3):
        await pool.fill(cast("Any", relay))
    assert relay.lists == 1
    assert [set(put.remove) for put in relay.puts[calls:]] == [set(strange)]
    assert left <= relay.pool.keys(), "all others stay"
    assert len(relay.pool) == FULL_POOL
    calls = len(relay.puts)
    await pools(database, compares_prekeys=True).fill(cast("Any", relay))
    assert (relay.lists, len(relay.puts)) == (2, calls), "the next start finds nothing to do"


async def test_k49_control_a_node_that_compares_nothing_leaves_keys_that_nobody_can_use(
    database: HistoryDatabase,
) -> None:
    relay = PrekeyRelay()
    await filled(database, relay)
    relay.pool[PrekeyId(bytes(16))] = b"made by the life that the copy forgot"
    await filled(database, relay)
    assert PrekeyId(bytes(16)) in relay.pool
