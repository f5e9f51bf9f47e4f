"""User records at relays, over real links: who replaces them (K8), and what a start shows (K55)."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.directory.support import worked
from tests.e2e.spies import Spy
from tests.e2e.world import START_WALL, World
from zentalk.directory.records import Keep
from zentalk.errors import RefusedError, TransportError
from zentalk.ids import Day, day_at
from zentalk.net.connection import NoHandlers
from zentalk.net.serve import connect
from zentalk.node.records import schedule
from zentalk.relay.directory import record_store
from zentalk.store.key_file import load_identity
from zentalk.wire.rpc import decode_call
from zentalk.wire.rpc_directory import (
    RECORD_GET,
    RECORD_PUT,
    decode_record_get_response,
    decode_record_put_response,
    encode_record_get_request,
    encode_record_put_request,
)
from zentalk.wire.rpc_mailbox import OPEN
from zentalk.wire.user_record import (
    RECORD_BYTES,
    OuterRecord,
    RecordContents,
    decode_record,
    seal_record,
)

pytestmark = pytest.mark.e2e

TODAY = day_at(START_WALL)


async def test_k55_nodes_that_start_again_show_no_relay_another_record(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy().look(monkeypatch)
    await world.relay_net(4)
    await world.person("bob")
    assert len(todays_records(spy)) == 1
    await trio.sleep(120)  # relays have handed over what they have
    spy.forget()
    for _ in range(2):
        await world.crash("bob")
        await world.person("bob")
        await trio.sleep(60)
    asked = {decode_call(body)[0] for seen in spy.relays.values() for body in seen.questions}
    assert OPEN in asked
    assert not asked & {RECORD_PUT, RECORD_GET}


async def ask(world: World, relay: str, body: bytes, nursery: trio.Nursery) -> str | bytes:
    """Ask a relay as a stranger who has just connected; return the record or the refusal."""
    uri = world.uris[relay]
    link = await connect(
        await world.memory.host("mallory").dial(uri.host, uri.port),
        network="local",
        relay_identity=uri.identity,
        handlers=NoHandlers(),
        runtime=world.runtime.for_part(f"mallory at {relay}, {trio.current_time()}"),
        nursery=nursery,
    )
    try:
        answer = await link.request(body)
        if decode_call(body)[0] == RECORD_PUT:
            decode_record_put_response(answer)
            return "taken"
        return decode_record_get_response(answer)
    except RefusedError as refusal:
        return refusal.reason
    except TransportError:
        return "closed"
    finally:
        link.close()


def todays_records(spy: Spy) -> list[OuterRecord]:
    """Today's records that were offered to any relay, the oldest first."""
    found = {}
    for seen in spy.relays.values():
        for question in seen.questions:
            method, fields = decode_call(question)
            if method == RECORD_PUT:
                record = decode_record(fields.blob(RECORD_BYTES))
                if record.day == TODAY:
                    found[record.sequence] = record
    return [found[sequence] for sequence in sorted(found)]


async def bob_with_two_records(
    world: World, spy: Spy, monkeypatch: pytest.MonkeyPatch
) -> tuple[OuterRecord, OuterRecord]:
    """Bob has published twice today: his mailboxes are others since the first time."""
    monkeypatch.setattr(schedule, "SPREAD_SECONDS", 60.0)
    await world.relay_net(4)
    await world.person("bob")
    await world.nodes["bob"].mailboxes.move(None)
    await trio.sleep(schedule.SPREAD_SECONDS + 30)
    old, *_, new = todays_records(spy)
    assert old.sequence < new.sequence
    return old, new


def attacks(world: World, old: OuterRecord, new: OuterRecord) -> dict[str, tuple[bytes, set[str]]]:
    """What an outsider may try, and how a relay may answer: refused, or the link closed."""
    key = load_identity(world.folder / "bob")
    empty = RecordContents((), b"", b"")
    entropy = world.runtime.for_part("attacks").entropy
    raised = (2**64 - 1).to_bytes(8, "big")
    return {
        "an old sequence": (old.raw, {"stale"}),
        "a raised sequence": (worked(new.raw[:37] + raised + new.raw[45:]), {"closed"}),
        "a changed sequence without new work": (new.raw[:37] + raised + new.raw[45:], {"work"}),
        "somebody else's": (
            worked(
                new.raw[:33]
                + seal_record(type(key).generate(entropy), TODAY, 99, empty, entropy)[33:]
            ),
            {"closed"},
        ),
        "an expired day": (
            worked(seal_record(key, Day(TODAY - 3), 99, empty, entropy)),
            {"expired"},
        ),
        "a far day": (worked(seal_record(key, Day(TODAY + 60), 99, empty, entropy)), {"early"}),
        "one byte more": (new.raw + b"!", {"closed"}),
        "one byte less": (new.raw[:-1], {"closed"}),
    }


async def test_k8_no_outsider_replaces_a_record_at_any_relay(
    world: World, autojump_clock: Clock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = await bob_with_two_records(world, Spy().look(monkeypatch), monkeypatch)
    for relay in world.relays:
        for name, (raw, refusals) in attacks(world, old, new).items():
            outcome = await ask(world, relay, encode_record_put_request(raw), nursery)
            assert outcome in refusals, (relay, name, outcome)
        question = encode_record_get_request(new.blinded_key, TODAY)
        assert await ask(world, relay, question, nursery) == new.raw
    await world.person("carol")
    await world.friends("carol", "bob")
    message = await world.send("carol", "bob", "found you")
    await world.until_state("carol", message, "delivered")


async def test_k8_control_without_the_sequence_rule_an_outsider_brings_the_old_one_back(
    world: World, autojump_clock: Clock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = await bob_with_two_records(world, Spy().look(monkeypatch), monkeypatch)
    monkeypatch.setattr(record_store, "decide", lambda one, now, **rest: Keep(one))
    for relay in world.relays:
        assert await ask(world, relay, encode_record_put_request(old.raw), nursery) == "taken"
        question = encode_record_get_request(new.blinded_key, TODAY)
        assert await ask(world, relay, question, nursery) == old.raw
