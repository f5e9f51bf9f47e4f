"""Moving mailboxes to other relays: nothing is lost, nothing comes twice, contacts follow."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.errors import ConflictError, NotFoundError, UnavailableError
from zentalk.node.mailboxes import manager as module
from zentalk.node.mailboxes import selection
from zentalk.node.mailboxes.selection import MailboxSelection
from zentalk.node.messages.effects import NO_EFFECTS
from zentalk.node.messages.people import ContactCommands
from zentalk.store.history import mailboxes as rows
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import StoredMessage

pytestmark = pytest.mark.e2e


async def acquainted(world: World, relays: int = 6) -> list[StoredMessage]:
    """Alice and bob know each other's mailboxes; returns what alice has sent."""
    await world.relay_net(relays)
    for name in ("alice", "bob"):
        await world.person(name)
    await world.friends("alice", "bob")
    sent = []
    for sender, reader in (("alice", "bob"), ("bob", "alice"), ("alice", "bob")):
        message = await world.send(sender, reader, "hello")
        await world.until_state(sender, message, "delivered")
        sent += [message] if sender == "alice" else []
    return sent


async def at_new_relays(world: World, name: str, left: list[str]) -> bool:
    """Whether somebody collects two mailboxes, none of them at the relays that were left."""
    now = [row for row in world.nodes[name].mailboxes.listing() if row.current]
    relays = world.mailbox_relays(name)
    return all(row.collected for row in now) and len(now) == 2 and not set(relays) & set(left)


async def all_delivered(world: World, sent: list[StoredMessage]) -> None:
    for message in sent:
        await world.until_state("alice", message, "delivered")


async def route_known(world: World, reader: str, of: str) -> set[str]:
    """The relays that somebody deposits at for a contact."""
    targets = world.nodes[reader]._parts.delivery.recipients.targets[world.nodes[of].address]
    ids = {relay.node_id: name for name, relay in world.relays.items()}
    return {ids[target.relay] for target in targets}


async def test_both_mailboxes_move_while_messages_are_in_flight(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    left = world.mailbox_relays("bob")
    sent = []
    for number in range(30):
        sent.append(await world.send("alice", "bob", f"{number}"))
        if number == 10:
            await world.nodes["bob"].mailboxes.move(None)
        await trio.sleep(0.1)
    await all_delivered(world, sent)
    await world.until(lambda: at_new_relays(world, "bob", left))
    await world.until_inbox("bob", "alice", ["hello", "hello", *(f"{n}" for n in range(30))])

    async def followed() -> bool:
        return await route_known(world, "alice", "bob") == set(world.mailbox_relays("bob"))

    await world.until(followed, 60)
    # The old relays can go now.
    for name in left:
        await world.crash(name)
    await all_delivered(world, [await world.send("alice", "bob", "after")])


async def test_one_mailbox_moves_and_back_again(world: World, autojump_clock: Clock) -> None:
    await acquainted(world, relays=3)
    bob = world.nodes["bob"].mailboxes
    before = world.mailbox_relays("bob")
    [first, second] = bob.listing()
    moved = await bob.move(first.id)
    assert [row.id for row in moved if not row.current] == [first.id]
    assert second.id in {row.id for row in moved if row.current}
    await world.until(lambda: all(row.collected for row in bob.listing()))
    sent = [await world.send("alice", "bob", "there")]
    await all_delivered(world, sent)
    between = world.mailbox_relays("bob")
    assert between != before
    [third] = [row for row in bob.listing() if row.current and row.id != second.id]
    await bob.move(third.id)  # of three relays only the one that was left first is free
    await world.until(lambda: all(row.collected for row in bob.listing()))
    assert sorted(world.mailbox_relays("bob")) == sorted(before)
    await all_delivered(world, [await world.send("alice", "bob", "and back")])
    await world.until_inbox("bob", "alice", ["hello", "hello", "there", "and back"])
    assert len(bob.listing()) == 4


async def _alice_away_while_bob_moves(world: World, *, old_relays_die: bool) -> None:
    """Alice is off from before the move until after it, with something to send."""
    await acquainted(world)
    left = world.mailbox_relays("bob")
    await world.crash("alice")
    await world.nodes["bob"].mailboxes.move(None)
    await world.until(lambda: at_new_relays(world, "bob", left))
    await trio.sleep(60)
    if old_relays_die:
        for name in left:
            await world.crash(name)
    await world.person("alice", ready=False)
    late = await world.send("alice", "bob", "I was away")
    with trio.fail_after(300):
        await world.until_state("alice", late, "delivered")
    await world.until_inbox("bob", "alice", ["hello", "hello", "I was away"])


@pytest.mark.parametrize("old_relays_die", [False, True])
async def test_a_contact_who_was_away_for_the_whole_move_follows(
    world: World, autojump_clock: Clock, old_relays_die: bool
) -> None:
    await _alice_away_while_bob_moves(world, old_relays_die=old_relays_die)


async def test_control_without_telling_contacts_one_who_was_away_does_not(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ContactCommands, "tell_routes", lambda *_, **__: NO_EFFECTS)
    with pytest.raises(trio.TooSlowError):
        await _alice_away_while_bob_moves(world, old_relays_die=True)


async def _mail_left_at_old_relays(world: World, patience_seconds: float = 600) -> None:
    """Alice writes to the old relays after bob has moved; she cannot hear of it before."""
    await acquainted(world)
    left = world.mailbox_relays("bob")
    await world.crash("bob")
    late = await world.send("alice", "bob", "at the old place")
    await world.until_state("alice", late, "sent")
    await world.crash("alice")
    for name in left:
        await world.crash(name)  # or bob would collect before he moves
    bob = await world.person("bob", ready=False)
    await bob._network.connected()
    await world.until(bob._network.lasting_relays)
    await bob.mailboxes.move(None)
    await world.crash("bob")
    for name in left:
        await world.relay(name)
    await world.person("bob")
    await world.until(lambda: at_new_relays(world, "bob", left))
    with trio.fail_after(patience_seconds):
        await world.until_inbox("bob", "alice", ["hello", "hello", "at the old place"])


async def test_mail_at_the_old_relays_is_still_collected(
    world: World, autojump_clock: Clock
) -> None:
    await _mail_left_at_old_relays(world)


async def test_control_without_polling_the_old_mailboxes_it_is_lost(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MailboxSelection, "_drop", lambda _, tx, row: rows.forget(tx, row.mailbox))
    with pytest.raises(trio.TooSlowError):
        await _mail_left_at_old_relays(world, patience_seconds=300)


async def killed_after(world: World, patch: pytest.MonkeyPatch, commits: int) -> None:
    """Let bob move, and kill him right after so many commits, the move's own among them."""
    node, write, left, dead = world.nodes["bob"], HistoryDatabase.write, commits, trio.Event()

    async def counted(database: HistoryDatabase, job: Any) -> Any:
        nonlocal left
        result = await write(database, job)
        if database is node._database:
            left -= 1
            if left == 0:
                dead.set()
            if left <= 0:
                await trio.sleep_forever()  # nobody acts on what was committed
        return result

    patch.setattr(HistoryDatabase, "write", counted)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(node.mailboxes.move, None)
        with trio.move_on_after(120):  # so many there may not be
            await dead.wait()
        await world.crash("bob")
        nursery.cancel_scope.cancel()
    patch.setattr(HistoryDatabase, "write", write)


@pytest.mark.parametrize(
    "commits",
    [1, 6, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 25) if n not in (1, 6))],
)
async def test_killed_after_any_step_of_a_move_bob_ends_with_two_mailboxes_and_all_mail(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    await acquainted(world)
    left = world.mailbox_relays("bob")
    sent = [await world.send("alice", "bob", "before")]
    await killed_after(world, monkeypatch, commits)
    sent.append(await world.send("alice", "bob", "while he is dead"))
    await world.person("bob")
    await world.until(lambda: at_new_relays(world, "bob", left))
    sent.append(await world.send("alice", "bob", "after"))
    await all_delivered(world, sent)
    texts = ["hello", "hello", "before", "while he is dead", "after"]
    await world.until_inbox("bob", "alice", texts)
    listed = world.nodes["bob"].mailboxes.listing()
    assert [row.current for row in listed].count(True) == 2


async def test_what_was_left_long_ago_is_looked_into_now_and_then_until_its_time_is_over(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL_REPLACED_SECONDS", 900.0)
    monkeypatch.setattr(selection, "POLL_REPLACED_SECONDS", 900.0)
    monkeypatch.setattr(module, "SETTLED_SECONDS", 60.0)
    monkeypatch.setattr(module, "LOOK_EVERY_SECONDS", 120.0)
    await acquainted(world, relays=4)
    bob = world.nodes["bob"].mailboxes
    [first, _] = bob.listing()
    await bob.move(first.id)
    await trio.sleep(module.SETTLED_SECONDS + 10)
    world_relay = next(n for n, r in world.relays.items() if first.relay.endswith(f"{n}:9001"))
    await world.crash(world_relay)  # its lasting tunnel ends
    await world.relay(world_relay)
    seen = set()
    for _ in range(40):
        await trio.sleep(10)
        seen.add(next(row.collected for row in bob.listing() if row.id == first.id))
    assert seen == {True, False}
    await trio.sleep(900)
    assert first.id not in {row.id for row in bob.listing()}


async def test_moves_that_cannot_be_made_change_nothing(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await acquainted(world, relays=3)
    bob = world.nodes["bob"].mailboxes
    before = bob.listing()
    with pytest.raises(NotFoundError):
        await bob.move("00" * 8)
    with pytest.raises(UnavailableError, match="no other relay"):
        await bob.move(None)  # two leave, one relay is free
    monkeypatch.setattr(selection, "MAX_REPLACED", 0)
    with pytest.raises(ConflictError, match="polled"):
        await bob.move(before[0].id)
    assert [row.id for row in bob.listing()] == [row.id for row in before]
