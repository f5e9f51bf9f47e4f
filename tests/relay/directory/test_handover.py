"""Records stay readable while relays come and go and their owner is away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.directory.support import WALL, identity, seeded, worked
from tests.relay.directory_net import FakeLink, Member, Net, until
from zentalk.directory.distance import HolderMap
from zentalk.errors import RefusedError, UnavailableError
from zentalk.ids import Day, NodeId, UserAddress, day_at
from zentalk.node.records.holders import RecordHolders
from zentalk.relay.directory import crawler, handover, service
from zentalk.relay.directory.handover import BYTES_PER_SECOND, HandoverTask
from zentalk.wire.descriptor import Descriptor
from zentalk.wire.rpc import decode_response
from zentalk.wire.rpc_directory import (
    Offered,
    decode_record_offer_response,
    encode_record_offer_request,
)
from zentalk.wire.user_record import RECORD_BYTES, RecordContents, decode_record, seal_record

TODAY = day_at(WALL)
OWNER = identity(5_000)
ADDRESS = UserAddress(OWNER.public)
CONTENTS = RecordContents((), b"signed", b"pq")
RELAYS = 20
WAVES = 5
LOOK_SECONDS = 600.0
WAVE_SECONDS = 2.5 * 3600.0
"""Longer than a descriptor is usable: by then everyone knows who is gone."""


def record(owner: int = 5_000, day: int = TODAY) -> bytes:
    raw = seal_record(identity(owner), Day(day), 1, CONTENTS, seeded(f"{owner}"))
    return worked(raw)


class Churning:
    """A net whose members run, die and are joined by others, and a client that reads."""

    def __init__(self, folder: Path, nursery: trio.Nursery) -> None:
        self.net = Net(folder)
        self.nursery = nursery
        self.scopes: dict[NodeId, trio.CancelScope] = {}
        self.next_number = 0
        self.client = RecordHolders(self.net.runtime.for_part("client"), self.open, self.relays)

    def living(self) -> list[Member]:
        return [member for member in self.net.members.values() if member.up]

    def join(self) -> Member:
        bootstraps = [member.number for member in self.living()[-3:]]
        member = self.net.add(self.next_number, bootstraps)
        self.next_number += 1
        self.nursery.start_soon(self.live, member)
        return member

    async def live(self, member: Member) -> None:
        with trio.CancelScope() as self.scopes[member.node_id]:
            await member.service.run()

    def die(self, member: Member) -> None:
        member.up = False
        self.scopes[member.node_id].cancel()

    def relays(self) -> dict[NodeId, Descriptor]:
        """What some relay knows, dead ones included: a client's snapshot is no better."""
        known = self.living()[0].service.descriptors.live(self.net.runtime.wall())
        return {item.node_id: item for item in known}

    @asynccontextmanager
    async def open(self, node_id: NodeId) -> AsyncIterator[FakeLink]:
        yield self.net.client(node_id)

    def having_it(self) -> list[Member]:
        key = decode_record(record()).blinded_key
        return [member for member in self.living() if member.store.record(key, TODAY)]

    async def pass_hours(self, seconds: float) -> None:
        for _ in range(int(seconds // 600)):
            await trio.sleep(600)
            for member in self.living():
                if member.own.epoch != int(self.net.runtime.wall() // 3600):
                    member.turn_epoch()

    async def churn(self) -> None:
        """Replace half of those that have the record, again and again."""
        for _ in range(WAVES):
            for member in self.having_it()[::2]:
                self.die(member)
                self.join()
            await self.pass_hours(WAVE_SECONDS)


@pytest.fixture
async def churning(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Churning]:
    # Half a day passes: what happens every few seconds happens every few minutes here.
    monkeypatch.setattr(service, "TICK_SECONDS", 600.0)
    monkeypatch.setattr(crawler, "EXCHANGE_SECONDS", 1800.0)
    monkeypatch.setattr(handover, "LOOK_SECONDS", LOOK_SECONDS)
    async with trio.open_nursery() as nursery:
        churning = Churning(tmp_path, nursery)
        for _ in range(RELAYS):
            churning.join()
        yield churning
        nursery.cancel_scope.cancel()


@pytest.mark.slow
async def test_k7_a_record_outlives_its_holders_while_its_owner_is_away(
    autojump_clock: MockClock, churning: Churning
) -> None:
    await until(churning.net, 60)
    published = await churning.client.publish_record(record())
    first = set(churning.having_it())
    assert published.stored == len(first)
    await churning.churn()
    assert not first & set(churning.having_it()), "nobody has it who got it from its owner"
    assert await churning.client.find_record(ADDRESS, TODAY) == CONTENTS
    mapped = HolderMap(churning.relays().values(), TODAY)
    key = decode_record(record()).blinded_key
    responsible = {one for point in mapped.holders(key) for one in point}
    assert responsible <= {member.node_id for member in churning.having_it()}


@pytest.mark.slow
async def test_k7_control_without_handing_over_it_is_gone(
    autojump_clock: MockClock, churning: Churning, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control."""

    async def no_round(_self: HandoverTask) -> None:
        return

    monkeypatch.setattr(HandoverTask, "_round", no_round)
    await until(churning.net, 60)
    await churning.client.publish_record(record())
    await churning.churn()
    with pytest.raises(UnavailableError):
        await churning.client.find_record(ADDRESS, TODAY)


@pytest.mark.slow
async def test_what_is_handed_over_is_sent_once_and_slowly(
    autojump_clock: MockClock, churning: Churning, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "BYTES_PER_SECOND", RECORD_BYTES)
    net = churning.net
    await until(net, 60)
    raws = [record(owner) for owner in range(6_000, 6_030)]
    for raw in raws:
        for member in churning.living()[:4]:
            try:
                await member.service.records.put(raw)
            except RefusedError:
                continue
    puts = net.calls.get("dir.record.put", 0)
    newcomer = churning.join()
    before = trio.current_time()
    await trio.sleep(3 * LOOK_SECONDS)
    got = newcomer.store.records_count()
    assert 0 < got <= len(raws)
    sent = net.calls.get("dir.record.put", 0) - puts
    assert sent <= (trio.current_time() - before) * 4, "four senders, a record a second each"
    assert BYTES_PER_SECOND > RECORD_BYTES
    handed = sum(member.service._tasks.handover.handed_over for member in churning.living())
    assert sent <= 2 * handed, "an offer that nobody wants costs no record"


async def test_offers_are_for_relays_and_only_what_is_missing_is_wanted(
    autojump_clock: MockClock, churning: Churning
) -> None:
    await until(churning.net, 60)
    one, other = churning.living()[:2]
    fresh = []
    for owner in range(6_000, 6_020):
        new = decode_record(record(owner))
        offer = Offered(new.blinded_key, new.day, new.sequence, new.work)
        if await one.service.records.wanted([offer]):
            fresh.append((offer, new.raw))
    (held, raw), (missing, _) = fresh[:2]
    await one.service.records.put(raw)
    newer = replace(held, sequence=held.sequence + 1, work=0)
    worked_on = replace(held, work=held.work + 1)
    past = replace(missing, day=Day(TODAY - 5))
    question = encode_record_offer_request([held, missing, newer, worked_on, past])
    neighbour = await other.links.get(one.node_id)
    assert decode_record_offer_response(await neighbour.request(question), 5) == [1, 2, 3]
    with pytest.raises(RefusedError, match="relays-only"):
        decode_response(await churning.net.client(one.node_id).request(question))
