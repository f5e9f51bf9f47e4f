import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.directory.support import WALL, descriptor, descriptors, node_id
from zentalk.errors import StorageError
from zentalk.ids import Day
from zentalk.store import directory_store
from zentalk.store.directory_store import FILE_NAME, HINT_SECONDS, DirectoryStore, StoredRecord
from zentalk.store.observation_table import MAX_OF_ONE, StoredObservation

KEY = b"\x07" * 32


def record(day: int = 20_000, sequence: int = 1, key: bytes = KEY, work: int = 12) -> StoredRecord:
    return StoredRecord(key, Day(day), sequence, work, b"raw %d %d" % (day, sequence))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "relay"


def test_a_restart_forgets_nothing(folder: Path) -> None:
    shown = descriptors(range(10))
    store = DirectoryStore(folder)
    store.save_descriptors([(item.node_id, item.raw) for item in shown], WALL)
    store.save_proof(node_id(77), b"first", b"second")
    store.save_record(record())
    boot = store.next_boot()
    store.close()

    again = DirectoryStore(folder)
    assert sorted(again.descriptors()) == sorted(item.raw for item in shown)
    assert again.proofs() == [(b"first", b"second")]
    assert again.record(KEY, Day(20_000)) == record()
    assert again.next_boot() == boot + 1
    again.close()


def test_folder_and_file_are_private(folder: Path) -> None:
    DirectoryStore(folder).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600


def test_boots_only_grow_and_jump_above_what_the_network_saw(folder: Path) -> None:
    store = DirectoryStore(folder)
    assert [store.next_boot(), store.next_boot()] == [1, 2]
    assert store.next_boot(above=40) == 41
    assert store.next_boot(above=3) == 42
    store.close()
    again = DirectoryStore(folder)
    assert again.next_boot() == 43
    again.close()


def test_k37_a_boot_number_survives_kill_dash_nine(folder: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path;"
        "from zentalk.store.directory_store import DirectoryStore;"
        "print(DirectoryStore(Path(sys.argv[1])).next_boot(), flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    given = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", script, str(folder)],
            capture_output=True,
            check=False,
            cwd=Path(__file__).parent.parent.parent,
            env=os.environ,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        given.append(int(done.stdout))
    assert given == [1, 2, 3]


def test_a_boot_counter_at_its_end_says_so(folder: Path) -> None:
    store = DirectoryStore(folder)
    with pytest.raises(StorageError, match="used up"):
        store.next_boot(above=2**62)
    assert store.next_boot() == 1
    store.close()


def test_the_newest_descriptor_of_a_relay_replaces_the_last(folder: Path) -> None:
    store = DirectoryStore(folder)
    for boot in (1, 2):
        item = descriptor(1, boot=boot)
        store.save_descriptors([(item.node_id, item.raw)], WALL)
    assert store.descriptors() == [descriptor(1, boot=2).raw]
    store.close()


def test_old_descriptors_go_after_a_month(folder: Path) -> None:
    store = DirectoryStore(folder)
    item = descriptor(1)
    store.save_descriptors([(item.node_id, item.raw)], WALL)
    store.drop_old_descriptors(WALL + HINT_SECONDS - 60)
    assert store.descriptors()
    store.drop_old_descriptors(WALL + HINT_SECONDS + 60)
    assert not store.descriptors()
    store.close()


def test_k31_a_proof_removes_the_descriptor_and_is_kept_once(folder: Path) -> None:
    store = DirectoryStore(folder)
    item = descriptor(1)
    store.save_descriptors([(item.node_id, item.raw)], WALL)
    store.save_proof(item.node_id, b"a", b"b")
    store.save_proof(item.node_id, b"c", b"d")
    assert store.descriptors() == []
    assert store.proofs() == [(b"a", b"b")]
    store.close()


def test_what_others_can_make_us_keep_is_bounded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_store, "MAX_DESCRIPTORS", 5)
    monkeypatch.setattr(directory_store, "MAX_PROOFS", 3)
    store = DirectoryStore(folder)
    for number in range(8):
        item = descriptor(number)
        store.save_descriptors([(item.node_id, item.raw)], WALL + number)
        store.save_proof(node_id(100 + number), b"%d" % number, b"")
    store.drop_old_descriptors(WALL)
    kept = sorted(descriptor(number).raw for number in range(3, 8))
    assert sorted(store.descriptors()) == kept
    assert store.proofs() == [(b"%d" % number, b"") for number in range(5, 8)]
    store.close()


def test_records_by_key_and_day(folder: Path) -> None:
    store = DirectoryStore(folder)
    for item in (record(20_000), record(20_001), record(20_000, key=bytes(32))):
        store.save_record(item)
    store.save_record(record(20_000, sequence=2**64 - 1))
    assert store.records_count() == 3
    assert store.record(KEY, Day(20_000)) == record(20_000, sequence=2**64 - 1)
    assert store.record(KEY, Day(1)) is None
    assert store.drop_records_before(Day(20_001)) == 2
    assert store.records_count() == 1
    assert store.drop_records_before(Day(30_000)) == 1
    assert store.least_record() is None
    store.close()


def test_the_least_record_has_the_least_work_and_of_those_the_furthest_day(folder: Path) -> None:
    store = DirectoryStore(folder)
    for day, work in ((20_000, 12), (20_001, 12), (20_005, 13), (19_999, 20)):
        store.save_record(record(day, work=work))
    order = []
    while (least := store.least_record()) is not None:
        order.append((least.day, least.work))
        store.save_record(record(30_000, key=bytes(32), work=99), (KEY, least.day))
        if least.work == 99:
            break
    assert order == [(20_001, 12), (20_000, 12), (20_005, 13), (19_999, 20), (30_000, 99)]
    store.close()


def test_eviction_and_saving_are_one_step(folder: Path) -> None:
    store = DirectoryStore(folder)
    store.save_record(record(20_008))
    store.save_record(record(20_000), evict=(KEY, Day(20_008)))
    assert store.records_count() == 1
    assert store.least_record() == record(20_000)
    store.close()


def test_a_damaged_file_is_named_with_what_to_do(folder: Path) -> None:
    DirectoryStore(folder).close()
    path = folder / FILE_NAME
    path.write_bytes(b"not a database" * 400)
    with pytest.raises(StorageError, match=rf"{FILE_NAME} is damaged.*move it away"):
        DirectoryStore(folder)
    assert path.read_bytes() == b"not a database" * 400


def reached(number: int, address: str, at: float = WALL, host: str = "") -> StoredObservation:
    return StoredObservation(node_id(number), b"i" * 32, host or address, 9001, address, at)


def test_a_relay_is_kept_at_each_address_where_it_was_reached_the_newest_four(
    folder: Path,
) -> None:
    store = DirectoryStore(folder)
    for second in range(6):
        store.observed.save([reached(1, f"192.0.2.{second}", WALL + second)])
    store.observed.save([reached(2, "192.0.2.9", WALL - 1)])
    found = [row.address for row in store.observed.all()]
    assert found == [f"192.0.2.{second}" for second in (5, 4, 3, 2)] + ["192.0.2.9"]
    assert len(found) == MAX_OF_ONE + 1
    store.close()


def test_another_name_of_an_address_takes_its_row(folder: Path) -> None:
    store = DirectoryStore(folder)
    for host in ("one.example", "two.example"):
        store.observed.save([reached(1, "192.0.2.1", host=host)])
    assert [row.host for row in store.observed.all()] == ["two.example"]
    store.close()


def test_what_a_version_kept_that_knew_one_address_of_each_relay_is_taken_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(directory_store, "MIGRATIONS", directory_store.MIGRATIONS[:3])
        store = DirectoryStore(folder)
        store._connection.execute(
            "INSERT INTO observation VALUES (?, ?, ?, ?, ?, ?)",
            reached(1, "192.0.2.1")._replace(reached_at=int(WALL)),
        )
        store.close()
    store = DirectoryStore(folder)
    assert store.observed.all() == [reached(1, "192.0.2.1")]
    store.observed.save([reached(1, "192.0.2.2", WALL + 1)])
    assert len(store.observed.all()) == 2
    store.close()
