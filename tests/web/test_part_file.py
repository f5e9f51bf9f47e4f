"""What came of a download goes on, takes its place once it is whole, and no other's."""

import errno
import os
import stat
from pathlib import Path

import pytest

from zentalk.errors import ConfigError, ConflictError, LinkClosedError, RemoteProtocolError
from zentalk.web.part_file import PartFile

CID = "5f" * 32
BYTES = b"0123456789"


def part_of(folder: Path) -> Path:
    return folder / f".{CID}.part"


def fetched(target: Path, content: bytes = BYTES, *, overwrite: bool = False) -> Path:
    with PartFile(target, CID, len(content), overwrite=overwrite) as part:
        part.answered(200, None)
        part.write(content)
        return part.finish()


def stopped_after(target: Path, content: bytes) -> None:
    with PartFile(target, CID, len(BYTES)) as part:
        part.answered(200, None)
        part.write(content)


def test_a_whole_file_takes_its_place_and_is_its_owners_alone(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    assert fetched(target) == target
    assert target.read_bytes() == BYTES
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [*tmp_path.iterdir()] == [target]


def test_what_came_goes_on_where_it_stopped(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    stopped_after(target, BYTES[:4])
    assert not target.exists()
    with PartFile(target, CID, len(BYTES)) as part:
        assert (part.have, part.is_whole) == (4, False)
        assert part.headers() == {"Range": "bytes=4-", "If-Range": f'"{CID}"'}
        part.answered(206, "bytes 4-9/10")
        part.write(BYTES[4:])
        part.finish()
    assert target.read_bytes() == BYTES


def test_an_answer_with_all_of_it_begins_anew(tmp_path: Path) -> None:
    stopped_after(tmp_path / "a.bin", b"xxxx")
    assert fetched(tmp_path / "a.bin").read_bytes() == BYTES


def test_nothing_is_asked_for_that_is_here(tmp_path: Path) -> None:
    stopped_after(tmp_path / "a.bin", BYTES)
    with PartFile(tmp_path / "a.bin", CID, len(BYTES)) as part:
        assert part.is_whole
        part.finish()
    with PartFile(tmp_path / "empty", CID, 0) as part:
        assert part.is_whole
        part.finish()
    assert (tmp_path / "empty").read_bytes() == b""
    assert not part_of(tmp_path).exists()


@pytest.mark.parametrize(
    ("status", "part_said"),
    [(206, "bytes 3-9/10"), (206, "bytes 4-9/11"), (206, None), (204, None), (206, "bytes */10")],
)
def test_another_part_is_refused(tmp_path: Path, status: int, part_said: str | None) -> None:
    stopped_after(tmp_path / "a.bin", BYTES[:4])
    with (
        PartFile(tmp_path / "a.bin", CID, len(BYTES)) as part,
        pytest.raises(RemoteProtocolError),
    ):
        part.answered(status, part_said)
    assert part_of(tmp_path).read_bytes() == BYTES[:4]


def test_more_than_the_file_has_is_refused_and_less_is_not_the_file(tmp_path: Path) -> None:
    with PartFile(tmp_path / "a.bin", CID, len(BYTES)) as part:
        part.answered(200, None)
        part.write(BYTES[:9])
        with pytest.raises(RemoteProtocolError):
            part.write(b"9x")
        with pytest.raises(LinkClosedError):
            part.finish()
    assert not (tmp_path / "a.bin").exists()


def test_a_part_that_is_longer_than_the_file_is_none_of_it(tmp_path: Path) -> None:
    part_of(tmp_path).write_bytes(b"x" * 11)
    with PartFile(tmp_path / "a.bin", CID, len(BYTES)) as part:
        assert (part.have, part.headers()) == (0, {})
    assert not part_of(tmp_path).exists(), "a part without any bytes goes"


def test_no_file_is_overwritten_unless_it_was_said(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"mine")
    with pytest.raises(ConflictError, match="is there already"):
        fetched(target)
    assert target.read_bytes() == b"mine"
    fetched(target, overwrite=True)
    assert target.read_bytes() == BYTES


def test_a_file_that_came_there_meanwhile_stays(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    with PartFile(target, CID, len(BYTES)) as part:
        part.answered(200, None)
        part.write(BYTES)
        target.write_bytes(b"mine")
        with pytest.raises(ConflictError):
            part.finish()
    assert target.read_bytes() == b"mine"
    assert part_of(tmp_path).read_bytes() == BYTES, "it need not be fetched again"


def test_links_that_lead_elsewhere_are_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    part_of(tmp_path).symlink_to(victim)
    with pytest.raises(ConfigError):
        fetched(tmp_path / "a.bin")
    part_of(tmp_path).unlink()
    (tmp_path / "dangling").symlink_to(victim)
    with pytest.raises(ConflictError):
        fetched(tmp_path / "dangling")
    assert not victim.exists()


def test_two_do_not_fetch_one_file(tmp_path: Path) -> None:
    with PartFile(tmp_path / "a.bin", CID, len(BYTES)) as part:
        part.answered(200, None)
        part.write(BYTES[:4])
        with pytest.raises(ConflictError, match="another program"):
            stopped_after(tmp_path / "b.bin", b"xx")
        part.write(BYTES[4:])
        part.finish()
    assert (tmp_path / "a.bin").read_bytes() == BYTES


def test_who_opened_a_part_that_another_had_finished_does_not_touch_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finished_meanwhile(_descriptor: int, _how: int) -> None:
        (tmp_path / "a.bin").hardlink_to(part_of(tmp_path))
        part_of(tmp_path).unlink()

    monkeypatch.setattr("zentalk.web.part_file.fcntl.flock", finished_meanwhile)
    with pytest.raises(ConflictError, match="another program"):
        stopped_after(tmp_path / "b.bin", b"xx")


@pytest.mark.parametrize("there", [False, True])
def test_where_there_are_no_hard_links_no_file_is_overwritten_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, there: bool
) -> None:
    def refuse(_self: Path, _target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    target = tmp_path / "a.bin"
    with PartFile(target, CID, len(BYTES)) as part:
        part.answered(200, None)
        part.write(BYTES)
        if there:
            target.write_bytes(b"mine")
            with pytest.raises(ConflictError):
                part.finish()
        else:
            part.finish()
    assert target.read_bytes() == (b"mine" if there else BYTES)


def test_a_disk_that_takes_nothing_is_said_with_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"nowhere/a\.bin cannot be written: no such file"):
        fetched(tmp_path / "nowhere" / "a.bin")
    with pytest.raises(ConfigError, match="not the name of a file"):
        fetched(Path("/"))

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="cannot be written: no space left"):
        fetched(tmp_path / "a.bin")
    assert not (tmp_path / "a.bin").exists()
