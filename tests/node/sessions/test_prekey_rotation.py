"""Prekeys that change every week and end: what still opens, what does not, what is left on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import trio

from tests.node.persons import NOW, Person
from zentalk.crypto import mlkem, x25519
from zentalk.crypto.types import Entropy
from zentalk.directory.records import AHEAD_DAYS
from zentalk.errors import AuthenticationError
from zentalk.ids import DAY_SECONDS, Day, day_at
from zentalk.net.runtime import seeded_entropy
from zentalk.node.sessions import prekey_rotation
from zentalk.node.sessions.prekey_rotation import KEEP_SECONDS, ROTATE_SECONDS
from zentalk.store.history import pages, prekeys
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.sqlite import Transaction
from zentalk.wire.prekeys import PqPrekey, PrekeyBundle, SignedPrekey

People = tuple[Person, Person]


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    with ExitStack() as open_databases:
        alice, bob = (
            open_databases.enter_context(closing(Person(tmp_path, name)))
            for name in ("alice", "bob")
        )
        yield alice, bob


def rotate(tx: Transaction, now: float, entropy: Entropy) -> None:
    """Do what a node does within an hour: name the keys of all days ahead, erase what has ended."""
    today = day_at(now)
    for day in range(today - 1, today + AHEAD_DAYS + 1):
        for kind in ("signed", "pq"):
            prekey_rotation.of_day(tx, kind, Day(day), entropy)
    prekey_rotation.erase_ended(tx, now)


def published(person: Person, now: float = NOW) -> PrekeyBundle:
    """Return what a record of now names, as somebody reads it whose pool question is drained."""
    signed = person.tx(lambda tx: prekeys.serving(tx, "signed", now))
    last = person.tx(lambda tx: prekeys.serving(tx, "pq", now))
    assert signed is not None
    assert last is not None
    return PrekeyBundle(
        identity=person.identity.public,
        signed_prekey=SignedPrekey.create(
            person.identity, signed[0], x25519.from_secret(signed[1]).public
        ),
        pq_prekey=PqPrekey.create(person.identity, last[0], mlkem.public_of(last[1])),
        one_time=None,
    )


def live(person: Person, days: float) -> list[int]:
    """Do what is done every hour, every three; return the ids of the signed prekeys."""
    ids = []
    for step in range(int(days * 8) + 1):
        now = NOW + step * DAY_SECONDS / 8
        person.tx(lambda tx, now=now: rotate(tx, now, person.entropy))  # type: ignore[misc]  # default binds the loop variable
        serving = person.tx(lambda tx, now=now: prekeys.serving(tx, "signed", now))  # type: ignore[misc]  # default binds the loop variable
        assert serving is not None
        if serving[0] not in ids:
            ids.append(serving[0])
    return ids


def first_message(alice: Person, bob: Person, bundle: PrekeyBundle) -> bytes:
    """Let Alice write to Bob with a bundle that she read at some time; return the inner."""
    alice.tx(lambda tx: alice.contacts.add(tx, bob.address, "", NOW))
    alice.tx(lambda tx: alice.sessions.start(tx, bob.address, bundle, NOW))
    return alice.write(bob, "first")[1][-1]


def test_prekeys_change_every_week_and_keep_their_order(people: People) -> None:
    _, bob = people
    ids = live(bob, 29)
    assert len(ids) == 5
    assert ids == sorted(ids)


@pytest.mark.parametrize("kind", ["signed", "pq"])
def test_a_key_ends_when_nothing_that_names_it_can_come_any_more(people: People, kind: str) -> None:
    _, bob = people
    first = bob.tx(lambda tx: prekeys.serving(tx, kind, NOW))
    assert first is not None
    end_days = (ROTATE_SECONDS + KEEP_SECONDS) / DAY_SECONDS
    live(bob, end_days)
    assert bob.tx(lambda tx: prekeys.get(tx, kind, first[0])) == first[1]
    end = NOW + end_days * DAY_SECONDS + 1
    bob.tx(lambda tx: rotate(tx, end, bob.entropy))
    assert bob.tx(lambda tx: prekeys.get(tx, kind, first[0])) is None


def test_k13_a_first_message_made_with_a_record_of_weeks_ago_still_opens(people: People) -> None:
    alice, bob = people
    bundle = published(bob)
    live(bob, 7 + 1 + 30)  # of the key's last day, read a day late, waited for its time to live
    inner = first_message(alice, bob, bundle)
    assert bob.receive(alice.seal(bob, inner)).undecryptable == 0
    assert [m.text for m in bob.tx(lambda tx: pages.page(tx, alice.address, None, 9))] == ["first"]


def test_k13_after_the_end_of_its_keys_a_first_message_is_refused_and_says_why(
    people: People,
) -> None:
    alice, bob = people
    bundle = published(bob)
    live(bob, 60)
    inner = first_message(alice, bob, bundle)
    later = NOW + 60 * DAY_SECONDS
    with pytest.raises(AuthenticationError, match="prekeys whose time is over"):
        bob.tx(lambda tx: bob.sessions.decrypt(tx, None, inner, NOW))
    assert bob.receive(alice.seal(bob, inner)).undecryptable == 1
    again = first_message(alice, bob, published(bob, later))
    assert bob.receive(alice.seal(bob, again)).undecryptable == 0


def test_keys_follow_from_the_day_of_the_record_and_are_made_with_it(people: People) -> None:
    _, bob = people
    today = day_at(NOW)
    ahead = [Day(today + number) for number in range(3 * 7)]
    of_day = [bob.tx(lambda tx, day=day: name(tx, day, bob)) for day in ahead]  # type: ignore[misc]  # default binds the loop variable
    assert [len(set(of_day[week * 7 : week * 7 + 7])) for week in range(3)] == [1, 1, 1]
    assert len(set(of_day)) == 3
    assert [bob.tx(lambda tx, day=day: name(tx, day, bob)) for day in ahead] == of_day  # type: ignore[misc]  # default binds the loop variable


def name(tx: Transaction, day: Day, person: Person) -> tuple[int, int]:
    """Return the ids of the keys that the record of a day names."""
    signed, last = (
        prekey_rotation.of_day(tx, kind, day, person.entropy)[0] for kind in ("signed", "pq")
    )
    return signed, last


def test_a_node_that_was_off_for_two_weeks_has_new_keys_in_the_next_record(people: People) -> None:
    _, bob = people
    before = bob.tx(lambda tx: prekeys.serving(tx, "pq", NOW))
    later = NOW + 14 * DAY_SECONDS
    bob.tx(lambda tx: rotate(tx, later, bob.entropy))
    assert bob.tx(lambda tx: prekeys.serving(tx, "pq", later)) != before


def test_a_key_that_a_wrong_clock_made_serves_on_no_day_and_does_not_stay_for_years(
    people: People,
) -> None:
    _, bob = people
    wrong = NOW + 5_000 * DAY_SECONDS
    before = bob.tx(lambda tx: prekeys.serving(tx, "pq", NOW))
    bob.tx(lambda tx: rotate(tx, wrong, bob.entropy))
    made = bob.tx(lambda tx: prekeys.serving(tx, "pq", wrong))
    assert made is not None
    bob.tx(lambda tx: prekeys.add(tx, "pq", before[1], NOW, step=1 << 12))  # type: ignore[index]
    live(bob, 7 + (KEEP_SECONDS / DAY_SECONDS) + 1)
    assert bob.tx(lambda tx: prekeys.get(tx, "pq", made[0])) is None


def test_a_clock_that_was_far_behind_for_a_moment_ends_no_key(people: People) -> None:
    _, bob = people
    bob.tx(lambda tx: rotate(tx, NOW, bob.entropy))
    serving = bob.tx(lambda tx: prekeys.serving(tx, "signed", NOW))
    bob.tx(lambda tx: rotate(tx, 86_400.0 * 365, bob.entropy))
    bob.tx(lambda tx: rotate(tx, NOW, bob.entropy))
    assert bob.tx(lambda tx: prekeys.serving(tx, "signed", NOW)) == serving


def test_a_restored_copy_does_not_give_another_key_an_id_that_is_published(
    people: People,
) -> None:
    """Two lives that go on from one copy draw their ids differently."""
    _, bob = people
    ids = set()
    for life in range(2):
        with bob.connection:
            entropy = seeded_entropy(b"life %d" % life)
            bob.connection.execute("BEGIN")
            later = NOW + 8 * DAY_SECONDS
            rotate(bob.connection, later, entropy)
            serving = prekeys.serving(bob.connection, "signed", later)
            assert serving is not None
            ids.add(serving[0])
            bob.connection.execute("ROLLBACK")
    assert len(ids) == 2


# --- what is left on the disk ---------------------------------------------------------------------


async def run_inline(function: Callable[[], object]) -> object:
    await trio.lowlevel.checkpoint()
    return function()


async def left_on_disk(folder: Path, *, careless: bool) -> tuple[bool, bool]:
    """Make a key, let it end; was it in the files before, and is it there after?"""
    path = folder / "history.db"
    database = HistoryDatabase(path, run_inline)  # type: ignore[arg-type]  # a plain double
    if careless:
        database._connection.execute("PRAGMA secure_delete = OFF")
    entropy = seeded_entropy(b"disk")

    def on_disk(secret: bytes) -> bool:
        return any(secret in file.read_bytes() for file in folder.glob("history.db*"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.run)
        await database.write(lambda tx: rotate(tx, NOW, entropy))
        key = await database.write(lambda tx: prekeys.serving(tx, "pq", NOW))
        assert key is not None
        await database.scrub()
        before = on_disk(key[1])
        for now in (NOW + ROTATE_SECONDS, NOW + ROTATE_SECONDS + KEEP_SECONDS + 1):
            await database.write(lambda tx, now=now: rotate(tx, now, entropy))  # type: ignore[misc]  # default binds the loop variable
        assert await database.write(lambda tx: prekeys.get(tx, "pq", key[0])) is None
        if not careless:
            await database.scrub()
        after = on_disk(key[1])
        nursery.cancel_scope.cancel()
    database.close()
    return before, after


async def test_k13_an_ended_key_is_gone_from_the_database_file(tmp_path: Path) -> None:
    assert await left_on_disk(tmp_path, careless=False) == (True, False)


async def test_k13_control_a_deleted_row_alone_leaves_the_key_in_the_file(tmp_path: Path) -> None:
    assert await left_on_disk(tmp_path, careless=True) == (True, True)
