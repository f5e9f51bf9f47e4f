"""Watches what SQLite writes and syncs, from inside the process: needs no root and no compiler.

A copy of SQLite's own file layer becomes the default one; its calls that change a file are
noted and then made. So the log holds every write, truncation, sync and removal of every
database opened meanwhile, in the order in which the system got them. Only where Python's
sqlite3 uses a shared libsqlite3 (`unavailable` says so otherwise).
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

_OK: Final = 0
_FILE = ctypes.c_void_p


def _function(*arguments: Any) -> Any:
    return ctypes.CFUNCTYPE(ctypes.c_int, *arguments)


_CLOSE = _function(_FILE)
_WRITE = _function(_FILE, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64)
_TRUNCATE = _function(_FILE, ctypes.c_int64)
_SYNC = _function(_FILE, ctypes.c_int)
_OPEN = _function(ctypes.c_void_p, ctypes.c_void_p, _FILE, ctypes.c_int, ctypes.c_void_p)
_DELETE = _function(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
"""Names are passed on as pointers: SQLite keeps them, and their options lie behind them."""


class _Methods(ctypes.Structure):
    """sqlite3_io_methods, version 3."""

    _fields_ = [
        ("version", ctypes.c_int),
        ("close", _CLOSE),
        ("read", ctypes.c_void_p),
        ("write", _WRITE),
        ("truncate", _TRUNCATE),
        ("sync", _SYNC),
        *((f"other_{number}", ctypes.c_void_p) for number in range(13)),
    ]


class _Vfs(ctypes.Structure):
    """sqlite3_vfs, version 3."""

    _fields_ = [
        ("version", ctypes.c_int),
        ("file_bytes", ctypes.c_int),
        ("max_path", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("open", _OPEN),
        ("delete", _DELETE),
        *((f"other_{number}", ctypes.c_void_p) for number in range(14)),
    ]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that SQLite asked of the system; `data` of a write, `at` an offset or a size."""

    kind: Literal["open", "write", "truncate", "sync", "delete"]
    path: Path
    at: int = 0
    data: bytes = b""


def _library() -> ctypes.CDLL | None:
    """Return the libsqlite3 that the module sqlite3 has loaded."""
    import sqlite3  # noqa: F401, PLC0415  # so that it is loaded

    maps = Path("/proc/self/maps")
    if not maps.exists():
        return None
    found = re.search(r"\s(/\S*libsqlite3\S*)", maps.read_text("ascii"))
    return None if found is None else ctypes.CDLL(found[1])


unavailable: Final = "" if _library() is not None else "no shared libsqlite3 to watch"


class Recorder:
    """The log of one `recording`; `on_step` is called after each step was done."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.steps: list[Step] = []
        self.on_step: Callable[[Step], None] = lambda _step: None

    def note(self, step: Step) -> None:
        """Add a step, unless its file lies elsewhere."""
        if step.path.is_relative_to(self.root):
            self.steps.append(step)
            self.on_step(step)


class _Layer:
    """The file layer that notes; there is one, and it stays: connections may outlive a test."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        library.sqlite3_vfs_register.argtypes = [ctypes.c_void_p, ctypes.c_int]
        self._original = library.sqlite3_vfs_find(None)
        self._own = _Vfs.from_buffer_copy(self._original.contents)
        self._own.name = b"zentalk-recording"
        self._own.open = self._open = _OPEN(self._on_open)
        self._own.delete = self._delete = _DELETE(self._on_delete)
        self._paths: dict[int, Path] = {}
        self._tables: dict[int, tuple[_Methods, _Methods]] = {}
        self._calls = (
            _CLOSE(self._on_close),
            _WRITE(self._on_write),
            _TRUNCATE(self._on_truncate),
            _SYNC(self._on_sync),
        )
        self.recorder: Recorder | None = None

    def install(self) -> None:
        self._library.sqlite3_vfs_register(ctypes.byref(self._own), 1)

    def remove(self) -> None:
        self._library.sqlite3_vfs_register(self._original, 1)
        self._library.sqlite3_vfs_unregister(ctypes.byref(self._own))

    def _on_open(self, _vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
        result = int(self._original.contents.open(
            ctypes.cast(self._original, ctypes.c_void_p), name, file, flags, out
        ))  # fmt: skip
        if result == _OK and name is not None:
            path = _path(name)
            self._paths[file] = path
            place = ctypes.c_void_p.from_address(file)
            place.value = self._noting(place.value or 0)
            self._note(Step("open", path))
        return result

    def _noting(self, table: int) -> int:
        """Return the address of a copy of a table of methods that notes what changes a file."""
        for original, copy in self._tables.values():
            if table == ctypes.addressof(copy):
                return table
            if table == ctypes.addressof(original):
                return ctypes.addressof(copy)
        original = _Methods.from_address(table)
        copy = _Methods.from_buffer_copy(original)
        copy.close, copy.write, copy.truncate, copy.sync = self._calls
        self._tables[table] = (original, copy)
        return ctypes.addressof(copy)

    def _really(self, file: int) -> _Methods:
        table = ctypes.c_void_p.from_address(file).value
        return next(o for o, copy in self._tables.values() if ctypes.addressof(copy) == table)

    def _on_close(self, file: int) -> int:
        self._paths.pop(file, None)
        return int(self._really(file).close(file))

    def _on_write(self, file: int, data: int, size: int, at: int) -> int:
        result = int(self._really(file).write(file, data, size, at))
        if result == _OK:
            self._note(Step("write", self._paths[file], at, ctypes.string_at(data, size)))
        return result

    def _on_truncate(self, file: int, size: int) -> int:
        result = int(self._really(file).truncate(file, size))
        if result == _OK:
            self._note(Step("truncate", self._paths[file], size))
        return result

    def _on_sync(self, file: int, flags: int) -> int:
        result = int(self._really(file).sync(file, flags))
        if result == _OK:
            self._note(Step("sync", self._paths[file]))
        return result

    def _on_delete(self, _vfs: int, name: int, sync_folder: int) -> int:
        result = int(self._original.contents.delete(
            ctypes.cast(self._original, ctypes.c_void_p), name, sync_folder
        ))  # fmt: skip
        if result == _OK:
            self._note(Step("delete", _path(name)))
        return result

    def _note(self, step: Step) -> None:
        if self.recorder is not None:
            self.recorder.note(step)


def _path(name: int) -> Path:
    return Path(ctypes.string_at(name).decode())


_layers: list[_Layer] = []


@contextmanager
def recording(root: Path) -> Iterator[Recorder]:
    """Note what happens to databases under `root` that are opened inside the block."""
    library = _library()
    assert library is not None, unavailable
    if not _layers:
        _layers.append(_Layer(library))
    layer = _layers[0]
    layer.recorder = Recorder(root)
    layer.install()
    try:
        yield layer.recorder
    finally:
        layer.recorder = None
        layer.remove()
