"""K50, K51 in running nodes: signals go to who is there, and marks of strangers take no room.

In each control one guard is taken out of the running nodes.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.test_conversations import friends
from tests.e2e.world import World
from zentalk.chat.signals import HEARD_SECONDS, MAX_A_MINUTE, SignalGate
from zentalk.ids import MessageId, UserAddress
from zentalk.node.conversations.signalling import Signalling
from zentalk.node.messages.conversation import marking, signals
from zentalk.node.messages.effects import CommitEffects
from zentalk.store.history import contacts
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import Edit, MessageTarget, kind_of
from zentalk.wire.content import Content

pytestmark = pytest.mark.e2e

MARKS = 8
"""Few enough that no relay asks a stranger for work."""


@pytest.fixture
def encrypted(monkeypatch: pytest.MonkeyPatch) -> list[UserAddress]:
    """Return a list that grows with each signal for which a number of a ratchet is used."""
    made: list[UserAddress] = []
    make = signals.make

    def counted(tx: Transaction, composer: object, person: UserAddress, body: object) -> object:
        made.append(person)
        return make(tx, composer, person, body)  # type: ignore[arg-type]

    monkeypatch.setattr(signals, "make", counted)
    return made


def without_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SignalGate, "may_send", lambda *_: True)


# --- who is not there -----------------------------------------------------------------------------


async def type_to_somebody_silent(world: World) -> None:
    """Bob is on, but nothing of his was heard for longer than a minute."""
    alice, bob = await friends(world)
    await trio.sleep(HEARD_SECONDS + 10)
    for _ in range(5):
        await alice.signals.typing(bob.address, on=True)
        await trio.sleep(1)


async def test_k50_nothing_is_encrypted_for_who_was_not_heard_within_a_minute(
    world: World, autojump_clock: Clock, encrypted: list[UserAddress]
) -> None:
    await type_to_somebody_silent(world)
    assert encrypted == []
    assert world.nodes["bob"].signals.board.number == 0


async def test_k50_control_without_the_gate_he_hears_all_of_it(
    world: World,
    autojump_clock: Clock,
    encrypted: list[UserAddress],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_gate(monkeypatch)
    await type_to_somebody_silent(world)
    assert len(encrypted) == 5
    assert world.nodes["bob"].signals.board.number > 0


# --- who types without end ------------------------------------------------------------------------


async def type_without_end(world: World) -> None:
    """Both write, so that each hears the other, and Alice's client says so every second."""
    alice, bob = await friends(world)
    for number in range(4):
        await world.send("bob", "alice", f"{number}")
        for _ in range(15):
            await alice.signals.typing(bob.address, on=True)
            await trio.sleep(1)


async def test_k50_at_most_two_signals_of_a_kind_go_in_a_minute(
    world: World, autojump_clock: Clock, encrypted: list[UserAddress]
) -> None:
    await type_without_end(world)
    assert len(encrypted) == MAX_A_MINUTE


async def test_k50_control_without_the_gate_each_takes_a_number_of_the_ratchet(
    world: World,
    autojump_clock: Clock,
    encrypted: list[UserAddress],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_gate(monkeypatch)
    await type_without_end(world)
    assert len(encrypted) == 60


# --- who has left ---------------------------------------------------------------------------------


async def wait_in_an_open_chat(world: World) -> int:
    """Bob leaves, and Alice looks at the chat for an hour; return how many envelopes wait."""
    alice, bob = await friends(world)
    await trio.sleep(30)
    await world.crash("bob")
    for _ in range(120):
        await alice.signals.shows("phone", [bob.address])
        await trio.sleep(30)
    return sum(world.envelopes(relay) for relay in world.relays)


async def test_k50_in_an_open_chat_with_somebody_who_left_at_most_three_envelopes_wait(
    world: World, autojump_clock: Clock
) -> None:
    assert await wait_in_an_open_chat(world) <= 3


async def test_k50_control_without_gate_and_deposit_ids_of_their_own_they_pile_up(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_gate(monkeypatch)
    monkeypatch.setattr(Signalling, "_key", lambda *_: b"")
    assert await wait_in_an_open_chat(world) > 30


# --- marks of strangers ---------------------------------------------------------------------------


async def edit_what_is_not_there(world: World, *, accepted: bool) -> int:
    """Alice edits messages that she never sent; return how many marks Bob keeps."""
    await world.relay_net(3)
    alice, bob = await world.person("alice"), await world.person("bob")
    if accepted:
        await world.friends("bob", "alice")
    first = await world.send("alice", "bob", "hello?")
    await world.until_state("alice", first, "delivered" if accepted else "sent")
    composer = alice._parts.conversations.signalling._composer

    def job(tx: Transaction) -> CommitEffects:
        row = contacts.get(tx, bob.address)
        assert row is not None
        made = [_edit(alice.address, number) for number in range(MARKS)]
        return CommitEffects.together(
            composer.send(tx, row, one, world.runtime.wall()) for one in made
        )

    await alice._outbox.carry_out(await alice._database.write(job))
    await trio.sleep(120)
    with closing(sqlite3.connect(world.folder / "bob" / "history.db")) as database:
        [[count]] = database.execute("SELECT count(*) FROM marks")
    return int(count)


def _edit(author: UserAddress, number: int) -> Content:
    missing = MessageTarget(author, MessageId(bytes([number]) * 16))
    body = Edit(missing, 1, "short: a large one counts as many")
    return Content(kind=kind_of(body), message_id=MessageId(bytes([99, number]) * 8), body=body)


async def test_k51_marks_of_a_stranger_for_what_is_not_there_are_not_kept(
    world: World, autojump_clock: Clock
) -> None:
    assert await edit_what_is_not_there(world, accepted=False) == 0


async def test_k51_control_where_they_wait_as_contacts_marks_do_all_are_kept(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marking, "_check_waits", lambda *_, **__: None)
    assert await edit_what_is_not_there(world, accepted=False) == MARKS


async def test_marks_of_a_contact_wait_for_their_lines(world: World, autojump_clock: Clock) -> None:
    assert await edit_what_is_not_there(world, accepted=True) == MARKS
