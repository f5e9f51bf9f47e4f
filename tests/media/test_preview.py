"""The maker of previews: what it lets a worker do, and what it believes of its answer."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.media import samples
from tests.media.stub_workers import GOOD, answering, stub
from zentalk.media import preview
from zentalk.media.preview import Preview, preview_of
from zentalk.wire.chat import MAX_PREVIEW_BYTES

FOUND = Preview(GOOD, samples.WIDTH, samples.HEIGHT)
HANGS = "sys.stdin.buffer.read()\nwhile True: signal.pause()"


class Started:
    """The processes that were started."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.all: list[trio.Process] = []
        self.most = 0
        self._open: Callable[..., Any] = trio.lowlevel.open_process
        patch.setattr(trio.lowlevel, "open_process", self.open)

    async def open(self, *args: Any, **kwargs: Any) -> trio.Process:
        process: trio.Process = await self._open(*args, **kwargs)
        self.all.append(process)
        self.most = max(self.most, sum(one.returncode is None for one in self.all))
        return process

    @property
    def codes(self) -> list[int | None]:
        return [one.returncode for one in self.all]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    return Started(monkeypatch)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    return lambda path: monkeypatch.setattr(preview, "WORKER", path)


async def test_a_good_answer_is_a_preview_with_its_sides(
    tmp_path: Path, use: Callable[[Path], None]
) -> None:
    use(answering(tmp_path, GOOD))
    found = await preview_of(b"a picture")
    assert found == FOUND
    assert repr(found) == "<preview>"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", 0),
        (GOOD, 1),
        (GOOD + b"and more", 0),
        (samples.jpeg_of(samples.segment(0xFE, b"a comment")), 0),
        (GOOD[:-2], 0),
        (samples.CLEAN["png"], 0),
        (samples.CLEAN["gif"], 0),
        (b"text", 0),
        (GOOD.replace(samples.JPEG_FRAME[1:5], b"\0\x40\x01\x41"), 0),
        (GOOD.replace(samples.JPEG_FRAME[1:5], b"\0\0\0\0"), 0),
        (samples.jpeg_of(samples.segment(0xDB, bytes(MAX_PREVIEW_BYTES))), 0),
    ],
)
async def test_any_other_answer_is_none(
    tmp_path: Path, use: Callable[[Path], None], answer: bytes, code: int
) -> None:
    use(answering(tmp_path, answer, code=code))
    assert await preview_of(b"a picture") is None


async def test_the_largest_answer_counts(tmp_path: Path, use: Callable[[Path], None]) -> None:
    room = MAX_PREVIEW_BYTES - len(GOOD) - 4
    largest = samples.jpeg_of(samples.segment(0xDB, bytes(room)))
    use(answering(tmp_path, largest))
    found = await preview_of(b"a picture")
    assert found is not None
    assert len(found.data) == MAX_PREVIEW_BYTES


async def test_a_worker_that_writes_without_end_is_killed(
    tmp_path: Path, use: Callable[[Path], None], started: Started
) -> None:
    use(stub(tmp_path, "while True: out.write(GOOD)"))
    assert await preview_of(b"a picture") is None
    assert started.codes == [-signal.SIGKILL]


async def test_a_worker_that_answers_before_it_has_read_all_is_no_error(
    tmp_path: Path, use: Callable[[Path], None]
) -> None:
    use(stub(tmp_path, "out.write(GOOD)"))
    assert await preview_of(bytes(2**20)) == FOUND


async def test_a_worker_that_hangs_is_killed_at_its_deadline(
    tmp_path: Path, use: Callable[[Path], None], started: Started, autojump_clock: MockClock
) -> None:
    use(stub(tmp_path, HANGS))
    assert await preview_of(b"a picture") is None
    assert trio.current_time() == preview.DEADLINE_SECONDS
    assert started.codes == [-signal.SIGKILL]


async def test_control_without_a_deadline_it_hangs_for_ever_and_dies_with_its_caller(
    tmp_path: Path,
    use: Callable[[Path], None],
    started: Started,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(preview, "DEADLINE_SECONDS", float("inf"))
    use(stub(tmp_path, HANGS))
    with trio.move_on_after(86_400) as day:
        await preview_of(b"a picture")
    assert day.cancelled_caught
    assert started.codes == [-signal.SIGKILL]


async def test_one_is_made_at_a_time(
    tmp_path: Path, use: Callable[[Path], None], started: Started
) -> None:
    use(answering(tmp_path, GOOD))
    assert await _three() == [FOUND] * 3
    assert started.most == 1


async def test_control_without_the_lock_three_are_made_at_once(
    tmp_path: Path,
    use: Callable[[Path], None],
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(preview, "_lock", trio.Lock)
    use(answering(tmp_path, GOOD))
    assert await _three() == [FOUND] * 3
    assert started.most == 3


async def _three() -> list[Preview | None]:
    found: list[Preview | None] = []

    async def one() -> None:
        found.append(await preview_of(b"a picture"))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(one)
    return found


async def test_a_file_is_given_by_its_bytes_and_not_by_its_name(
    tmp_path: Path, use: Callable[[Path], None]
) -> None:
    picture = tmp_path / "a name that says much.jpg"
    picture.write_bytes(b"pixels")
    as_asked = "sys.stdin.buffer.read() == b'pixels' and sys.argv[1:] == ['16384', '320']"
    use(stub(tmp_path, f"out.write(GOOD if {as_asked} else b'')"))
    assert await preview_of(picture) == FOUND


async def test_a_worker_gets_nothing_of_the_environment(
    tmp_path: Path, use: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZENTALK_SECRET", "a token")
    use(stub(tmp_path, "out.write(b'' if 'ZENTALK_SECRET' in os.environ else GOOD)"))
    assert await preview_of(b"a picture") == FOUND
    assert "ZENTALK_SECRET" in os.environ


async def test_what_is_no_file_has_no_preview(tmp_path: Path, started: Started) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "pipe"):
        assert await preview_of(path) is None
    assert started.all == []


async def test_a_picture_that_is_too_large_is_given_to_no_worker(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "MAX_PICTURE_BYTES", 5)
    assert await preview_of(b"sixsix") is None
    assert started.all == []


async def test_where_no_process_can_be_started_there_is_no_preview(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert await preview_of(b"a picture") is None


async def test_without_pillow_there_is_no_preview(
    tmp_path: Path, use: Callable[[Path], None], started: Started
) -> None:
    use(stub(tmp_path, f"sys.modules['PIL'] = None\n{preview.WORKER.read_text('utf-8')}"))
    assert await preview_of(samples.jpeg()) is None
    assert started.codes == [1]


def test_nothing_but_the_worker_loads_pillow_and_it_loads_nothing_of_ours() -> None:
    code = "import sys, zentalk.media.preview; sys.exit('PIL' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    roots = set()
    for node in ast.walk(ast.parse(preview.WORKER.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level
            roots.add((node.module or "").partition(".")[0])
    assert roots - set(sys.stdlib_module_names) == {"PIL"}
