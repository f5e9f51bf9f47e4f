"""What the SQLite store adds to the contract: durability, one file with a cap, no senders."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.mailbox.support import (
    HOUR,
    Desk,
    box_of,
    boxes,
    deposit_id,
    entry,
    envelope,
    mailbox_id,
    numbers,
    send_id,
    stored,
)
from zentalk.errors import StorageError, StorageFullError
from zentalk.mailbox.arrivals import Arrival
from zentalk.mailbox.look_ups import BEFORE_ALL, FindOwner, ListDue, Unused
from zentalk.mailbox.pool import ListPrekeys, PoolListOutcome
from zentalk.mailbox.storage import (
    ChangeSendIds,
    DeleteEnvelopes,
    PutEnvelope,
    PutOutcome,
    PutResult,
    Room,
)
from zentalk.mailbox.stored import Envelope, SaveMailbox, Totals
from zentalk.store.mailbox import capacity, sqlite
from zentalk.store.mailbox.schema import MIGRATIONS
from zentalk.store.mailbox.sqlite import SqliteMailboxStore
from zentalk.store.sqlite import open_database, transaction
from zentalk.wire.rpc_send_ids import SETTLED_DAYS

BOB = mailbox_id("bob")
RECORD = SaveMailbox(BOB, 1, 0, 10**6, last_resort_used=False)


def opened(path: Path, max_bytes: int = sqlite.DEFAULT_MAX_BYTES) -> SqliteMailboxStore:
    store = SqliteMailboxStore(path, max_bytes=max_bytes)
    store.apply([RECORD, ChangeSendIds(BOB, (entry("bob"),), ())])
    return store


def put(store: SqliteMailboxStore, *items: Envelope) -> list[PutResult]:
    outcomes = store.apply([PutEnvelope(item, Room.FREE) for item in items])
    return [item.result for item in outcomes if isinstance(item, PutOutcome)]


def test_commits_are_durable_and_the_file_is_private(tmp_path: Path) -> None:
    store = opened(tmp_path / "q" / "queue-9001.db")
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert (tmp_path / "q" / "queue-9001.db").stat().st_mode & 0o077 == 0
    store.close()


def test_a1_a8_rows_hold_send_ids_sealed_bytes_and_expiry_and_no_sender(tmp_path: Path) -> None:
    """Everything that is on the disk of a relay while mail waits there, column by column."""
    path = tmp_path / "queue.db"
    desk = Desk(store=SqliteMailboxStore(path))
    desk.lose(desk.mailbox())
    desk.pass_time(1234.5)
    desk.deposit(1)
    database = sqlite3.connect(path)
    tables = {
        name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    }
    expected = {"mailbox", "send_id", "prekey", "envelope", "arrival", "kept_time", "turns"}
    assert tables == expected
    cursor = database.execute("SELECT * FROM envelope")
    (row,) = cursor.fetchall()
    values = dict(zip((column[0] for column in cursor.description), row, strict=True))
    hour = int(desk.wall // HOUR)
    assert values == {
        "id": 1,
        "mailbox": 1,
        "seq": 0,
        "send_id": send_id("bob"),
        "deposit_id": (1).to_bytes(16, "big"),
        "size_bytes": 10,
        "arrived_hour": hour,  # no finer: K23 of an operator's disk
        "expires_hour": hour + 30 * 24 + 1,
        "attempts": 0,
        "last_attempt_hour": 0,
        "sealed": b"envelope 1",
        "work": -1,
        "stamp": bytes(9),
    }
    database.close()
    desk.failing.close()


def test_a_file_of_before_the_lists_lists_what_waits_under_public_ids(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with closing(open_database(path, MIGRATIONS[:3])) as old, transaction(old):
        old.execute("INSERT INTO mailbox VALUES (1, ?, ?, 9, 500, 0, 3, 0)", (BOB, bytes(8)))
        for name, kind in (("public", 1), ("contact", 0)):
            old.execute("INSERT INTO send_id VALUES (?, 1, ?, 0, 99)", (send_id(name), kind))
        old.execute("INSERT INTO prekey (mailbox, blob) VALUES (1, x'aa'), (1, x'bb')")
        rows = [(1, "public", 1706, 17), (2, "public", 32_938, 23), (3, "public", 1706, 0),
                (4, "contact", 1706, -1), (5, "removed", 1706, 5)]  # fmt: skip
        for seq, name, size, work in rows:
            old.execute(
                "INSERT INTO envelope (mailbox, seq, send_id, deposit_id, size_bytes, arrived_hour,"
                " expires_hour, attempts, last_attempt_hour, sealed, work)"
                " VALUES (1, ?, ?, ?, ?, 100, 200, 0, 0, x'', ?)",
                (seq, send_id(name), deposit_id(seq), size, work),
            )
    with closing(SqliteMailboxStore(path)) as store:
        (box,) = boxes(store)
        arrivals = (
            Arrival(deposit_id(1), 17),
            Arrival(deposit_id(2), 19, places=16),
            Arrival(deposit_id(3), 0),
        )
        assert dict(box.arrivals) == {send_id("public"): arrivals}
        (pool,) = store.apply([ListPrekeys(BOB)])
        assert isinstance(pool, PoolListOutcome)
        assert len({bytes(16), *pool.prekey_ids}) == 3, "their owner replaces those it cannot name"


def test_ids_of_before_mailboxes_slept_count_as_used_when_the_relay_last_kept_the_time(
    tmp_path: Path,
) -> None:
    path = tmp_path / "queue.db"
    with closing(open_database(path, MIGRATIONS[:6])) as old, transaction(old):
        old.execute("UPDATE kept_time SET hour = 20000 * 24 + 5")
        old.execute("INSERT INTO mailbox VALUES (1, ?, ?, 9, 500, 0, 3, 0, 0, 0)", (BOB, bytes(8)))
        for name in ("a", "b"):
            old.execute("INSERT INTO send_id VALUES (?, 1, 0, 0, 99)", (send_id(name),))
    with closing(SqliteMailboxStore(path)) as store:
        box = box_of(store)
        assert {item.used_day for item in box.send_ids} == {20000}
        assert {item.entry.send_id for item in box.send_ids} == {send_id("a"), send_id("b")}
        assert store.load().totals == Totals(1, 2, 0, 0)


def test_a_sweep_finds_past_ids_in_an_index_and_a_look_up_reads_one_mailbox(tmp_path: Path) -> None:
    store = opened(tmp_path / "queue.db")
    statements: list[str] = []
    store._connection.set_trace_callback(statements.append)
    store.apply([ListDue(BEFORE_ALL, 9, 0, 0, Unused(5, 1)), FindOwner(send_id("bob"))])
    store._connection.set_trace_callback(None)
    plans = [
        row[3]
        for statement in statements
        if statement.startswith("SELECT")
        for row in store._connection.execute(f"EXPLAIN QUERY PLAN {statement}")
    ]
    assert len(plans) > 8
    assert not [plan for plan in plans if plan.startswith("SCAN")], plans
    store.close()


def test_a_batch_is_all_or_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path / "queue.db")
    _break(store)
    with pytest.raises(StorageError):
        store.apply([PutEnvelope(envelope(1), Room.FREE), _Broken()])  # type: ignore[list-item]
    assert stored(store) == 0
    assert put(store, envelope(1)) == [PutResult.INSERTED]
    store.close()


def test_a_mailbox_of_a_batch_that_failed_does_not_exist(tmp_path: Path) -> None:
    store = SqliteMailboxStore(tmp_path / "queue.db")
    _break(store)
    with pytest.raises(StorageError):
        store.apply([RECORD, _Broken()])  # type: ignore[list-item]
    assert put(store, envelope(1)) == [PutResult.REFUSED]
    store.apply([RECORD])
    assert put(store, envelope(1)) == [PutResult.INSERTED]
    store.close()


class _Broken:
    """An operation that the disk does not survive."""


def _break(store: SqliteMailboxStore) -> None:
    execute = store._execute

    def fail(operation: Any) -> Any:
        if isinstance(operation, _Broken):
            raise StorageError("the disk is gone")
        return execute(operation)

    store._execute = fail  # type: ignore[method-assign]


def test_a_damaged_file_is_reported_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(StorageError, match="damaged"):
        SqliteMailboxStore(path)
    assert path.read_bytes().startswith(b"this is not")


# --- starting ----------------------------------------------------------------------------------


def test_a_start_reads_no_envelope_however_many_wait(tmp_path: Path) -> None:
    """What waits is counted from indexes alone: every statement of a start, explained."""
    store = opened(tmp_path / "queue.db")
    put(store, *(envelope(number) for number in range(50)))
    statements: list[str] = []
    store._connection.set_trace_callback(statements.append)
    assert stored(store) == 50
    assert box_of(store).waiting[0].count == 50
    store._connection.set_trace_callback(None)
    plans = [
        row[3]
        for statement in statements
        for row in store._connection.execute(f"EXPLAIN QUERY PLAN {statement}")
        if " envelope" in row[3]
    ]
    assert len(plans) == 4
    assert all("USING COVERING INDEX" in plan for plan in plans), plans
    store.close()


def test_without_that_index_a_start_reads_every_envelope(tmp_path: Path) -> None:
    """The control: the plan shows it, so the test above would fail."""
    store = opened(tmp_path / "queue.db")
    store._connection.execute("DROP INDEX envelope_of_deposit")
    query = "SELECT mailbox, send_id, count(*), sum(size_bytes) FROM envelope GROUP BY 1, 2"
    plans = [row[3] for row in store._connection.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert not any("COVERING INDEX" in plan for plan in plans)
    store.close()


# --- a full disk -------------------------------------------------------------------------------

CAP = 1024 * 1024


def fill(store: SqliteMailboxStore, body_bytes: int = 1715) -> int:
    """Put envelopes until one is refused; return how many went in."""
    for seq in range(10_000):
        if put(store, envelope(seq, sealed=bytes(body_bytes))) != [PutResult.INSERTED]:
            return seq
    raise AssertionError("the cap is not enforced")


def test_k25_a_full_store_refuses_and_deletes_make_room(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    store = opened(path, CAP)
    count = fill(store)
    assert count > 200
    assert path.stat().st_size <= CAP
    again = envelope(99_999, deposit_id=envelope(3).deposit_id, sealed=bytes(1715))
    assert put(store, again) == [PutResult.REPLACED]
    store.apply([DeleteEnvelopes(BOB, tuple(range(100)))])
    assert (
        put(store, *(envelope(10_000 + n, sealed=bytes(1715)) for n in range(50)))
        == [PutResult.INSERTED] * 50
    )
    assert stored(store) == count - 50
    store.close()


def test_k25_large_envelopes_stay_under_the_cap_too(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    store = opened(path, CAP)
    assert 10 < fill(store, 32_947) < 32
    assert path.stat().st_size <= CAP
    store.close()


def test_k25_control_without_spare_pages_the_whole_batch_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's own cap holds then: an error, nothing half done, and deletes may go on."""
    monkeypatch.setattr(capacity, "SPARE_PAGES", -(10**6))
    store = opened(tmp_path / "queue.db", CAP)
    with pytest.raises(StorageFullError):
        fill(store)
    before = stored(store)
    store.apply([DeleteEnvelopes(BOB, tuple(range(20)))])
    assert stored(store) == before - 20
    store.close()


# --- K11: killed at every step -----------------------------------------------------------------


def _die_at_every_step(folder: Path, *more: str) -> int:
    """Return how many acknowledged messages no owner ever saw, over all the ways to die."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.store.crashing_relay", str(folder), *more]
    subprocess.run(command, cwd=root, check=True)
    lives = sorted(folder.glob("*.log"))
    assert len(lives) > 50
    return sum(_lost_after(log) for log in lives)


def _lost_after(log: Path) -> int:
    words = [line.split() for line in log.read_text().splitlines()]
    history = [int(number) for word, number in words if word == "shown"]
    assert len(history) == len(set(history))
    store = SqliteMailboxStore(log.with_suffix(".db"))
    store._connection.execute("PRAGMA synchronous = OFF")
    desk = Desk(store=store)
    bob = desk.collect(generation=99)
    while pushes := desk.take_pushes(bob):
        # What the owner has shown already it acks again and does not show twice.
        history += [number for number in numbers(pushes) if number not in history]
        desk.ack(bob, *(push.seq for push in pushes))
    assert desk.stored() == 0
    desk.failing.close()
    acked = {int(number) for word, number in words if word == "acked"}
    return len(acked - set(history))


@pytest.mark.faults
def test_k11_killed_at_every_step_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    assert _die_at_every_step(tmp_path) == 0


@pytest.mark.faults
def test_k11_control_acks_before_the_commit_lose_mail(tmp_path: Path) -> None:
    assert _die_at_every_step(tmp_path, "careless") > 0


def test_k44_mailboxes_of_an_older_file_count_as_settled(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    older = open_database(path, MIGRATIONS[:2])
    older.execute(
        "INSERT INTO mailbox (collect_key, generation, reserved_seq, expires_hour,"
        " last_resort_used) VALUES (?, ?, 0, 1000000, 0)",
        (BOB, (1).to_bytes(8, "big")),
    )
    older.close()
    store = SqliteMailboxStore(path)
    [mailbox] = boxes(store)
    assert mailbox.record.opened_days == SETTLED_DAYS
    store.close()
