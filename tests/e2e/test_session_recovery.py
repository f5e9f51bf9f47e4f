"""Sessions that lost their ratchets recover by themselves; no mailbox relay can renew one (K33)."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.test_state import acquainted
from tests.e2e.world import START_WALL, World
from tests.strangers.replays import MailboxRelay
from zentalk.chat.kinds import RATCHET_RENEWED
from zentalk.ids import DAY_SECONDS, UserAddress, day_at
from zentalk.node.delivery import session_recovery
from zentalk.node.delivery.session_recovery import SessionRecovery
from zentalk.node.delivery.session_renewal import SessionRenewal
from zentalk.node.messages import ordering
from zentalk.node.sessions import evidence
from zentalk.node.sessions.sessions import Sessions
from zentalk.session.renewal import RENEW_INTERVAL_SECONDS, RenewalLimit
from zentalk.store.history.models import StoredMessage
from zentalk.wire.prekeys import SignedPrekey
from zentalk.wire.ratchet import INNER_SMALL_BYTES

pytestmark = pytest.mark.e2e


async def lose(world: World, name: str, *queries: str) -> None:
    """Let somebody come back without what the queries delete."""
    await world.crash(name)
    with closing(sqlite3.connect(world.folder / name / "history.db")) as database:
        for query in queries:
            database.execute(query)
        database.commit()
    await world.person(name)


async def copy_folder(world: World, name: str) -> None:
    """Copy somebody's data folder, as a backup of the files does."""
    await world.crash(name)
    shutil.copytree(world.folder / name, world.folder / f"{name} before")
    await world.person(name)


async def restore_folder(world: World, name: str) -> None:
    """Let somebody go on from the copy."""
    await world.crash(name)
    shutil.rmtree(world.folder / name)
    shutil.copytree(world.folder / f"{name} before", world.folder / name)
    await world.person(name)


async def talk(world: World, turns: int, prefix: str) -> list[str]:
    """Write by turns until each has arrived, so that both ratchets step; return Alice's texts."""
    texts = []
    for number in range(turns):
        for sender, reader in (("alice", "bob"), ("bob", "alice")):
            message = await world.send(sender, reader, f"{prefix} {number} {sender}")
            await world.until_state(sender, message, "delivered")
        texts.append(f"{prefix} {number} alice")
    return texts


async def renewals(world: World, name: str, other: str) -> int:
    """Count the lines about renewed ratchets in somebody's history."""
    page = await world.nodes[name].messages(world.nodes[other].address, None, 1000)
    return sum(line.kind == RATCHET_RENEWED for line in page)


async def delivered(world: World, sender: str, sent: list[StoredMessage], seconds: float) -> None:
    """Wait until messages are delivered."""

    async def everything() -> bool:
        return {(await world.nodes[sender].message(one.id)).state for one in sent} == {"delivered"}

    await world.until(everything, seconds)


async def all_arrive(
    world: World, sender: str, reader: str, texts: list[str], seconds: float = 120.0
) -> None:
    """Send texts; each must be delivered in time, and enter the history once."""
    before = await world.inbox(reader, sender)
    sent = [await world.send(sender, reader, text) for text in texts]
    await delivered(world, sender, sent, seconds)
    await trio.sleep(ordering.HOLD_SECONDS + 1)  # for those that the lost life has counted
    after = await world.inbox(reader, sender)
    assert sorted(after) == sorted(before + texts)


# --- a part of the database is lost ---------------------------------------------------------------


async def test_k33_a_reader_without_its_ratchets_recovers_within_one_exchange(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    await lose(world, "bob", "DELETE FROM ratchets")
    await all_arrive(world, "alice", "bob", ["1", "2", "3"])
    await all_arrive(world, "bob", "alice", ["4", "5"])
    for name, other in (("alice", "bob"), ("bob", "alice")):
        assert await renewals(world, name, other) == 1
        log = await world.nodes[name].events(0)
        [shown] = [event.data for event in log if event.type == "ratchet.renewed"]
        assert (shown["kind"], shown["text"]) == (RATCHET_RENEWED, "")


async def test_k33_control_without_renewal_the_same_loss_never_recovers(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SessionRecovery, "run", forever)
    await acquainted(world)
    await lose(world, "bob", "DELETE FROM ratchets")
    for text in ("1", "2", "3"):
        await world.send("alice", "bob", text)
    await trio.sleep(1_200)
    assert await world.inbox("bob", "alice") == ["hello"]


async def forever(_recovery: SessionRecovery) -> None:
    await trio.sleep_forever()


async def test_a_writer_without_its_ratchets_recovers_with_the_next_message(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    await lose(world, "alice", "DELETE FROM ratchets")
    await all_arrive(world, "alice", "bob", ["1"])
    await all_arrive(world, "bob", "alice", ["2"])


async def test_a_single_message_that_cannot_be_read_is_delivered_within_days(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One envelope is too little for its reader to act: its writer encrypts it once a day anew."""
    days_pass_in_minutes(monkeypatch)
    await acquainted(world)
    await lose(world, "bob", "DELETE FROM ratchets")
    await all_arrive(world, "alice", "bob", ["alone"], 3 * SHORT_DAY_SECONDS)


async def test_a_reader_that_lost_everything_is_written_to_as_somebody_new(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bob has his identity and nothing else; other mailboxes, and no contact."""
    days_pass_in_minutes(monkeypatch)
    await acquainted(world)
    await world.crash("bob")
    message = await world.send("alice", "bob", "are you there?")
    await world.until_state("alice", message, "sent")
    await trio.sleep(1.5 * SHORT_DAY_SECONDS)  # Alice has looked once
    for file in (world.folder / "bob").glob("history.db*"):
        file.unlink()
    await world.person("bob")

    async def requested() -> bool:
        return bool(await world.nodes["bob"].contacts())

    await world.until(requested, 4 * SHORT_DAY_SECONDS)
    await world.nodes["bob"].add_contact(world.nodes["alice"].address, "alice")
    await delivered(world, "alice", [message], 60)
    await all_arrive(world, "bob", "alice", ["again"])
    assert await world.inbox("bob", "alice") == ["are you there?"]


async def test_k13_a_first_message_whose_keys_have_ended_is_made_again_with_those_of_now(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    days_pass_in_minutes(monkeypatch)
    await world.relay_net(4)
    await world.person("alice")
    bob = await world.person("bob")
    await bob.add_contact(world.nodes["alice"].address, "alice")
    await world.crash("bob")
    message = await world.send("alice", "bob", "made with old keys")
    await world.until_state("alice", message, "sent")
    await lose(world, "bob", "DELETE FROM prekeys")
    await delivered(world, "alice", [message], 4 * SHORT_DAY_SECONDS)
    assert world.nodes["bob"]._parts.incoming.receiver.undecryptable > 0
    assert await world.inbox("bob", "alice") == ["made with old keys"]


@pytest.mark.long
async def test_k13_control_without_reading_the_record_again_it_never_opens(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SessionRenewal, "look", look_away)
    with pytest.raises(trio.TooSlowError):
        await test_k13_a_first_message_whose_keys_have_ended_is_made_again_with_those_of_now(
            world, autojump_clock, monkeypatch
        )


async def test_a_node_that_lost_its_records_stands_above_what_it_published(
    world: World, autojump_clock: Clock
) -> None:
    """Its first record of today has the lowest sequence, and holders have another one of that."""
    await acquainted(world)
    await lose(
        world,
        "bob",
        "DELETE FROM published",
        f"UPDATE prekeys SET created_at = created_at - {14 * DAY_SECONDS}",
    )
    today = day_at(START_WALL) * DAY_SECONDS
    query = f"SELECT max(id) FROM prekeys WHERE kind = 'signed' AND created_at <= {today}"
    newest = await world.nodes["bob"]._database.read(lambda tx: tx.execute(query).fetchone()[0])
    found = await world.nodes["alice"]._parts.delivery.records.find(world.nodes["bob"].address)
    assert SignedPrekey.from_bytes(found.signed_prekey).key_id == newest > 1
    await lose(world, "bob")
    again = await world.nodes["bob"]._database.read(lambda tx: tx.execute(query).fetchone()[0])
    assert again == newest


SHORT_DAY_SECONDS = 300.0


async def look_away(_renewal: SessionRenewal, _contact: UserAddress, _contents: Any) -> None:
    await trio.lowlevel.checkpoint()


def days_pass_in_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at unconfirmed mail every five minutes instead of every day."""
    monkeypatch.setattr(evidence, "DOUBT_SECONDS", SHORT_DAY_SECONDS)
    monkeypatch.setattr(session_recovery, "LOOK_SECONDS", SHORT_DAY_SECONDS / 4)


# --- an old copy of a folder is restored ----------------------------------------------------------


async def restored(world: World, *names: str) -> None:
    """People talk, are copied, talk on, and some of them go back to the copy."""
    await acquainted(world)
    for name in names:
        await copy_folder(world, name)
    await talk(world, 3, "forgotten")
    for name in names:
        await restore_folder(world, name)


@pytest.mark.parametrize(
    "names", [("alice",), ("bob",), ("alice", "bob")], ids=["writer", "reader", "both"]
)
async def test_k33_an_old_copy_of_a_folder_recovers_and_nothing_new_is_lost_or_shown_twice(
    world: World, autojump_clock: Clock, names: tuple[str, ...]
) -> None:
    await restored(world, *names)
    await all_arrive(world, "alice", "bob", [f"new {number}" for number in range(4)])
    await all_arrive(world, "bob", "alice", [f"answer {number}" for number in range(4)])
    await trio.sleep(120)
    for reader, sender in (("bob", "alice"), ("alice", "bob")):
        texts = await world.inbox(reader, sender)
        assert len(texts) == len(set(texts))


async def test_both_sides_that_renew_at_once_end_in_one_ratchet(
    world: World, autojump_clock: Clock
) -> None:
    """Alice and Bob go back to copies of different times, and write at the same moment."""
    await acquainted(world)
    await copy_folder(world, "alice")
    await talk(world, 2, "forgotten by alice")
    await copy_folder(world, "bob")
    await talk(world, 2, "forgotten by both")
    await restore_folder(world, "alice")
    await restore_folder(world, "bob")
    async with trio.open_nursery() as nursery:
        for sender, reader in (("alice", "bob"), ("bob", "alice")):
            texts = [f"{sender} {number}" for number in range(4)]
            nursery.start_soon(all_arrive, world, sender, reader, texts)
    await all_arrive(world, "alice", "bob", ["a last one"])
    await all_arrive(world, "bob", "alice", ["and its answer"])
    assert await sending_ratchet(world, "alice", "bob") == await sending_ratchet(
        world, "bob", "alice"
    )
    for name, other in (("alice", "bob"), ("bob", "alice")):
        assert await renewals(world, name, other) == 1


async def sending_ratchet(world: World, name: str, other: str) -> bytes | None:
    """Return the id of the ratchet that somebody encrypts with."""
    node, contact = world.nodes[name], world.nodes[other].address
    sender = await node._database.read(
        lambda tx: node._messages._composer._sessions.sender(tx, contact)
    )
    return None if sender is None else sender.ratchet_id


async def test_a_renewal_waits_in_the_mailbox_like_any_other_mail(
    world: World, autojump_clock: Clock
) -> None:
    """The two are never online together; what lay at both mailboxes asks for one renewal."""
    await acquainted(world)
    await world.crash("bob")
    sent = [await world.send("alice", "bob", f"{number}") for number in range(8)]
    for message in sent:
        await world.until_state("alice", message, "sent")
    await trio.sleep(30)  # the other mailbox has them too
    await world.crash("alice")
    await lose(world, "bob", "DELETE FROM ratchets")
    await trio.sleep(60)
    assert world.nodes["bob"]._parts.incoming.receiver.undecryptable >= 8
    await world.crash("bob")
    await world.person("alice")
    await trio.sleep(60)
    await world.crash("alice")
    await world.person("bob")
    await trio.sleep(60)
    assert sorted(await world.inbox("bob", "alice")) == sorted(
        ["hello", *(f"{number}" for number in range(8))]
    )
    assert await renewals(world, "bob", "alice") == 1
    await world.person("alice")
    await delivered(world, "alice", sent, 60)
    await trio.sleep(RENEW_INTERVAL_SECONDS / 4)
    assert await renewals(world, "alice", "bob") == 1


# --- a mailbox relay that would like a reset ------------------------------------------------------


def count_starts(world: World, name: str, monkeypatch: pytest.MonkeyPatch) -> list[UserAddress]:
    """Return a list that grows with each ratchet that somebody initiates."""
    starts: list[UserAddress] = []
    start, own = Sessions.start, world.nodes[name]._messages._composer._sessions

    def counted(sessions: Sessions, tx: Any, contact: UserAddress, *rest: Any) -> bytes:
        if sessions is own:
            starts.append(contact)
        return start(sessions, tx, contact, *rest)

    monkeypatch.setattr(Sessions, "start", counted)
    return starts


def one_time_keys(world: World) -> int:
    """Count the one-time prekeys in all pools."""
    return sum(len(world.rows(relay, "SELECT * FROM prekey")) for relay in world.relays)


async def talk_with_two(world: World, monkeypatch: pytest.MonkeyPatch) -> MailboxRelay:
    """Bob gets mail of two contacts, and a relay keeps a copy of all."""
    await acquainted(world)
    relay = MailboxRelay(world.nodes["bob"]._parts.incoming.receiver, monkeypatch)
    await world.person("carol")
    await world.friends("bob", "carol")
    for number in range(4):
        for sender in ("alice", "carol"):
            message = await world.send(sender, "bob", f"{sender} {number}")
            await world.until_state(sender, message, "delivered")
    return relay


async def test_k33_a_mailbox_relay_forces_no_reset_and_drains_no_prekeys(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = await talk_with_two(world, monkeypatch)
    starts, keys = count_starts(world, "bob", monkeypatch), one_time_keys(world)
    await relay.flood(1_000)
    await trio.sleep(60)
    assert (starts, one_time_keys(world)) == ([], keys)
    assert await renewals(world, "bob", "alice") == await renewals(world, "alice", "bob") == 0
    await lose(world, "bob", "DELETE FROM ratchets")
    await all_arrive(world, "alice", "bob", ["1", "2", "3"])


async def test_k33_control_without_the_memory_of_ciphertexts_copies_reset_the_ratchet(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = await talk_with_two(world, monkeypatch)
    starts = count_starts(world, "bob", monkeypatch)
    await world.nodes["bob"]._database.write(lambda tx: tx.execute("DELETE FROM seen"))
    await relay.flood(1_000)
    await world.until(lambda: starts, 60)


async def resets_by_junk(world: World, monkeypatch: pytest.MonkeyPatch) -> int:
    """Alice herself sends Bob 600 envelopes that nothing reads, over half an hour."""
    await acquainted(world)
    relay = MailboxRelay(world.nodes["bob"]._parts.incoming.receiver, monkeypatch)
    starts = count_starts(world, "bob", monkeypatch)
    alice = world.nodes["alice"]
    [target, *_] = alice._parts.delivery.recipients.targets[world.nodes["bob"].address]
    entropy = world.runtime.for_part("junk").entropy
    for _ in range(6):
        junk = [b"\0" + entropy(INNER_SMALL_BYTES - 1) for _ in range(100)]
        await relay.push(*((target.send_id, target.seal(inner, entropy)) for inner in junk))
        await trio.sleep(RENEW_INTERVAL_SECONDS / 12)
    return len(starts)


async def test_k33_a_contact_that_sends_junk_gets_one_new_ratchet_an_hour(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await resets_by_junk(world, monkeypatch) == 1


async def test_k33_control_without_the_limit_junk_resets_again_and_again(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RenewalLimit, "allowed_at", lambda limit, now: now)
    assert await resets_by_junk(world, monkeypatch) > 3


async def test_k33_a_restart_does_not_reset_the_limit(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await acquainted(world)
    await lose(world, "bob", "DELETE FROM ratchets")
    await all_arrive(world, "alice", "bob", ["1", "2", "3"])
    await lose(world, "bob", "DELETE FROM ratchets")
    sent = [await world.send("alice", "bob", f"again {number}") for number in range(3)]
    await trio.sleep(RENEW_INTERVAL_SECONDS / 2)
    assert [(await world.nodes["alice"].message(one.id)).state for one in sent] == ["sent"] * 3
    await trio.sleep(RENEW_INTERVAL_SECONDS / 2)
    await delivered(world, "alice", sent, 60)
