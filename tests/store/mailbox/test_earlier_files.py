"""Queue files named after a port are taken over: whole, once, and whenever the power fails."""

import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.mailbox.support import box_of, deposit_id, entry, envelope, mailbox_id, send_id
from zentalk.errors import StorageError
from zentalk.ids import PrekeyId
from zentalk.mailbox.pool import PutPrekeys
from zentalk.mailbox.storage import (
    ChangeSendIds,
    KeepTime,
    KeepTurns,
    PutEnvelope,
    ReadEnvelopes,
    ReadOutcome,
    Room,
)
from zentalk.mailbox.stored import Envelope, SaveMailbox, TurnsTaken
from zentalk.store.mailbox import earlier_files
from zentalk.store.mailbox.earlier_files import QUEUE_FILE, take_over
from zentalk.store.mailbox.sqlite import SqliteMailboxStore
from zentalk.wire.rpc_prekeys import PoolPrekey

BOB = mailbox_id("bob")


def fill(
    path: Path, seqs: range, *, box: str = "bob", generation: int = 1, reserved: int = 0
) -> None:
    """Leave a file as a killed relay leaves it: everything is in the log still."""
    draft = path.with_name("draft") / path.name
    store = SqliteMailboxStore(draft)
    owner = mailbox_id(box)
    key = b"prekey of generation %d" % generation
    store.apply(
        [
            SaveMailbox(
                owner, generation, max(reserved, max(seqs) + 1), 10**6, last_resort_used=False
            ),
            ChangeSendIds(owner, (entry(box),), ()),
            PutPrekeys(owner, (PoolPrekey(PrekeyId(bytes(16)), key),), ()),
            KeepTime(generation),
            KeepTurns(TurnsTaken(500 - generation, generation)),
            *(PutEnvelope(envelope(seq, box, box), Room.FREE) for seq in seqs),
        ]
    )
    path.parent.mkdir(exist_ok=True)
    draft.with_name(f"{path.name}.ballast").unlink(missing_ok=True)
    for file in draft.parent.iterdir():
        shutil.copy(file, path.parent)
    store.close()
    shutil.rmtree(draft.parent)
    assert path.with_name(f"{path.name}-wal").stat().st_size > 0


def waiting(folder: Path, box: str = "bob") -> list[Envelope]:
    store = SqliteMailboxStore(folder / QUEUE_FILE)
    try:
        (outcome,) = store.apply([ReadEnvelopes(mailbox_id(box), -1, 10**4, 10**9, 0)])
        assert isinstance(outcome, ReadOutcome)
        return list(outcome.envelopes)
    finally:
        store.close()


def deposits(folder: Path, box: str = "bob") -> list[bytes]:
    return [found.deposit_id for found in waiting(folder, box)]


def ids(seqs: range) -> list[bytes]:
    return [deposit_id(seq) for seq in seqs]


def names(folder: Path) -> set[str]:
    """The files that matter: ballast and log of the store that `deposits` opened do not."""
    return {path.name for path in folder.iterdir()} - {
        f"{QUEUE_FILE}{end}" for end in ("-shm", "-wal", ".ballast")
    }


def test_a_file_named_after_a_port_gets_the_fixed_name_with_all_that_was_in_its_log(
    tmp_path: Path,
) -> None:
    fill(tmp_path / "queue-9001.db", range(20))
    assert take_over(tmp_path) == 1
    assert names(tmp_path) == {QUEUE_FILE}
    assert deposits(tmp_path) == ids(range(20))
    assert take_over(tmp_path) == 0


def test_control_a_file_renamed_without_its_log_has_lost_the_mail(tmp_path: Path) -> None:
    fill(tmp_path / "queue-9001.db", range(20))
    (tmp_path / "queue-9001.db").rename(tmp_path / QUEUE_FILE)
    assert deposits(tmp_path) == []


def test_nothing_to_take_over(tmp_path: Path) -> None:
    (tmp_path / "queue-old.db").write_bytes(b"not ours")
    fill(tmp_path / QUEUE_FILE, range(3))
    assert take_over(tmp_path) == 0
    assert deposits(tmp_path) == ids(range(3))


def test_several_files_become_one(tmp_path: Path) -> None:
    """The port was changed twice before: each file has mail, and two have the same mailbox."""
    fill(tmp_path / "queue-9003.db", range(10), generation=300)
    fill(tmp_path / "queue-9001.db", range(100, 105), generation=2)
    fill(tmp_path / "queue-0.db", range(50, 52), box="carol")
    for name in ("queue-9001.db", "queue-0.db"):
        for path in tmp_path.glob(f"{name}*"):
            os.utime(path, (1, 1))
    assert take_over(tmp_path) == 3
    assert names(tmp_path) == {QUEUE_FILE}
    found = waiting(tmp_path)
    assert [item.deposit_id for item in found] == ids(range(10)) + ids(range(100, 105))
    assert len({item.seq for item in found}) == 15
    assert deposits(tmp_path, "carol") == ids(range(50, 52))
    store = SqliteMailboxStore(tmp_path / QUEUE_FILE)
    loaded, bob = store.load(), box_of(store)
    (pool,) = store._connection.execute(
        "SELECT blob FROM prekey JOIN mailbox ON ref = mailbox WHERE collect_key = ?", (BOB,)
    ).fetchall()
    store.close()
    assert bob.record.generation == 300
    assert bob.record.reserved_seq > max(item.seq for item in found)
    assert [item.entry.send_id for item in bob.send_ids] == [send_id("bob")]
    assert loaded.hour == 300
    assert loaded.turns == TurnsTaken(499, 300), "no file gives a turn back"
    assert pool == (b"prekey of generation 300",), "an older pool was replaced by its owner"


@pytest.mark.parametrize(("ours", "theirs"), [(9000, 0), (0, 9000)])
def test_a_number_that_was_used_is_not_used_again(tmp_path: Path, ours: int, theirs: int) -> None:
    """One of the files has given out higher ones, for mail that is collected already."""
    fill(tmp_path / QUEUE_FILE, range(3), reserved=ours)
    fill(tmp_path / "queue-9001.db", range(10, 12), reserved=theirs)
    take_over(tmp_path)
    assert [item.seq for item in waiting(tmp_path)] == [0, 1, 2, 9000, 9001]


def test_the_same_file_twice_gives_each_envelope_once(tmp_path: Path) -> None:
    """After a kill between the commit and the removal."""
    fill(tmp_path / QUEUE_FILE, range(3))
    fill(tmp_path / "queue-9001.db", range(10, 15))
    kept = {path: path.read_bytes() for path in tmp_path.glob("queue-9001.db*")}
    take_over(tmp_path)
    for path, content in kept.items():
        path.write_bytes(content)
    assert take_over(tmp_path) == 1
    assert deposits(tmp_path) == ids(range(3)) + ids(range(10, 15))


@pytest.mark.slow
@pytest.mark.parametrize("other", [None, QUEUE_FILE, "queue-9002.db"])
def test_a_kill_before_any_line_loses_nothing(tmp_path: Path, other: str | None) -> None:
    expected = set(ids(range(5)))
    for step in range(200):
        folder = tmp_path / str(step)
        fill(folder / "queue-9001.db", range(5))
        if other:
            fill(folder / other, range(50, 53))
            expected |= set(ids(range(50, 53)))
        ended = _killed_at(step, take_over, folder)
        take_over(folder)
        assert set(deposits(folder)) == expected, step
        assert len(deposits(folder)) == len(expected)
        assert names(folder) == {QUEUE_FILE}
        if ended:
            assert step > 20
            return
    raise AssertionError("it never came to its end")


def test_control_a_take_over_that_removes_before_the_commit_is_caught(tmp_path: Path) -> None:
    def careless(folder: Path) -> int:
        old = folder / "queue-9001.db"
        earlier_files._fold_log(old)
        content = old.read_bytes()
        old.unlink()
        (folder / QUEUE_FILE).write_bytes(content)
        return 1

    lost = 0
    for step in range(200):
        folder = tmp_path / str(step)
        fill(folder / "queue-9001.db", range(5))
        ended = _killed_at(step, careless, folder)
        take_over(folder)
        lost += deposits(folder) != ids(range(5))
        if ended:
            break
    assert lost


def _killed_at(step: int, work: Callable[[Path], int], folder: Path) -> bool:
    """Run `work` in a child that dies before its line number `step`; tell whether it ended."""
    process = multiprocessing.get_context("fork").Process(target=_die_at, args=(step, work, folder))
    process.start()
    process.join(60)
    assert process.exitcode in (0, 9)
    return process.exitcode == 0


def _die_at(step: int, work: Callable[[Path], int], folder: Path) -> None:
    left = step
    watched = (earlier_files.__file__, __file__)

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in watched:
            return None
        if event == "line":
            if left == 0:
                os._exit(9)
            left -= 1
        return line

    sys.settrace(line)
    work(folder)
    sys.settrace(None)
    os._exit(0)


def test_a_damaged_file_is_named_and_stays(tmp_path: Path) -> None:
    fill(tmp_path / QUEUE_FILE, range(3))
    (tmp_path / "queue-9001.db").write_bytes(b"no database" * 500)
    with pytest.raises(StorageError, match=r"queue-9001\.db is damaged.*move it away"):
        take_over(tmp_path)
    assert (tmp_path / "queue-9001.db").read_bytes() == b"no database" * 500
    assert deposits(tmp_path) == ids(range(3))


def test_a_file_that_somebody_uses_is_named_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zentalk.store.sqlite.BUSY_TIMEOUT_SECONDS", 0.05)
    fill(tmp_path / "queue-9001.db", range(3))
    user = SqliteMailboxStore(tmp_path / "queue-9001.db")
    with pytest.raises(StorageError, match="in use by another process"):
        take_over(tmp_path)
    user.close()
    assert take_over(tmp_path) == 1
    assert deposits(tmp_path) == ids(range(3))


def test_a_log_that_stayed_behind_a_deleted_database_is_not_applied(tmp_path: Path) -> None:
    fill(tmp_path / QUEUE_FILE, range(70, 80), box="carol")
    (tmp_path / QUEUE_FILE).unlink()
    fill(tmp_path / "queue-9001.db", range(3))
    take_over(tmp_path)
    assert deposits(tmp_path) == ids(range(3))
    assert deposits(tmp_path, "carol") == []


def test_the_ballast_goes_along_and_none_is_left_behind(tmp_path: Path) -> None:
    fill(tmp_path / "queue-9001.db", range(3))
    (tmp_path / "queue-9001.db.ballast").write_bytes(b"ballast")
    (tmp_path / "queue-9002.db.ballast").write_bytes(b"left by a kill")
    take_over(tmp_path)
    assert (tmp_path / f"{QUEUE_FILE}.ballast").read_bytes() == b"ballast"
    assert names(tmp_path) == {QUEUE_FILE}
