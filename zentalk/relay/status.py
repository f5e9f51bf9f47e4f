"""The status file, which a running relay keeps up to date and `zentalk relay status` reads.

It holds the process, the port and rounded totals; never an id of a user, a neighbour or a
mailbox. Whether the relay runs is asked of the system, not of the file.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from zentalk.errors import ConfigError
from zentalk.ids import EPOCH_SECONDS
from zentalk.relay.machine import disk_use, process_memory, uptime_seconds

STATUS_FILE: Final = "status.json"
STOPPED: Final = "stopped"
"""The state that a relay writes last. Whoever finds another one of a relay that does not run knows
that it was killed or lost its power."""
_DAMAGE: Final = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
_FILE_MODE: Final = 0o600
_MAX_BYTES: Final = 65536
_START_TIME_FIELD: Final = 19
"""The field of /proc/PID/stat, after the command name, with the start of the process."""


@dataclass(frozen=True, slots=True)
class RelayStatus:
    """A relay as its operator sees it; `state` is starting, ready, stopping or stopped.

    Counters are rounded to two digits, `started_at` (unix seconds) to the hour.
    """

    running: bool
    state: str
    pid: int
    port: int
    uri: str
    network: str
    version: str
    started_at: int
    counters: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    mailbox: Mapping[str, int] = field(default_factory=dict)
    storage: Mapping[str, int] = field(default_factory=dict)
    warnings: Sequence[str] = field(default_factory=list)
    """Warnings to the operator and what to do, a sentence each."""
    uptime_seconds: int | None = None
    """Looked up by whoever reads the status, as `disk`; None if it does not run."""
    memory: Mapping[str, int] = field(default_factory=dict)
    """Its peak as the relay tells it, and what is looked up."""
    disk: Mapping[str, int] = field(default_factory=dict)


def coarse(numbers: Mapping[str, int]) -> dict[str, int]:
    """Round to two digits, down: 1,234 becomes 1,200."""
    return {name: _coarse(number) for name, number in numbers.items()}


def shown_storage(numbers: Mapping[str, int]) -> dict[str, int]:
    """Round what is stored; the quota is the operator's own number, and stays as it is."""
    quota = {name: number for name, number in numbers.items() if name == "quota_bytes"}
    return coarse(numbers) | quota


def _coarse(number: int) -> int:
    unit = int(10 ** max(0, len(str(abs(number))) - 2))
    return number // unit * unit


class StatusFile:
    """Writes the status of this process, whole or not at all."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / STATUS_FILE
        self._process = (0, "")
        """The process that was written last, and its mark, which does not change."""

    def write(self, status: RelayStatus) -> None:
        """Replace the file; raises ConfigError if that fails.

        It is not synced to disk: after a crash an old one is as good as the last one.
        """
        values = {name: getattr(status, name) for name in RelayStatus.__slots__}
        if self._process[0] != status.pid:
            self._process = (status.pid, process_mark(status.pid))
        values["process"] = self._process[1]
        content = json.dumps(values, indent=1).encode() + b"\n"
        draft = self._path.with_name(f".{STATUS_FILE}.new")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_MODE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            draft.replace(self._path)
        except OSError as error:
            reason = (error.strerror or "unknown error").lower()
            raise ConfigError(f"cannot write {self._path}: {reason}") from None


def read_status(directory: Path) -> RelayStatus:
    """Return the status of the relay in `directory`, running or not.

    Raises ConfigError if no relay ever ran there or the file is not readable.
    """
    path = directory / STATUS_FILE
    try:
        status, process = _load(directory)
    except FileNotFoundError:
        raise ConfigError(
            f"no relay has run in {directory}; start it with: zentalk relay run --dir {directory}"
        ) from None
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise ConfigError(f"cannot read {path}: {reason}") from None
    except _DAMAGE:
        raise ConfigError(
            f"{path} is damaged: remove it; a running relay writes it again"
        ) from None
    running = status.state != STOPPED and process_mark(status.pid) == process != ""
    return replace(
        status,
        running=running,
        state=status.state if running else STOPPED,
        uptime_seconds=_uptime(status) if running else None,
        memory={**status.memory, **process_memory(status.pid)} if running else {},
        disk=disk_use(directory),
    )


def was_cut_off(directory: Path) -> bool:
    """Tell whether the relay that ran here before did not come to its end: it noted none.

    False where none has run. A status file that is damaged was being written.
    """
    try:
        return _load(directory)[0].state != STOPPED
    except FileNotFoundError:
        return False
    except (OSError, *_DAMAGE):
        return True


def _load(directory: Path) -> tuple[RelayStatus, str]:
    with (directory / STATUS_FILE).open("rb") as file:
        values = json.loads(file.read(_MAX_BYTES))
    process = values.pop("process")
    return RelayStatus(**values), process


def _uptime(status: RelayStatus) -> int:
    """Return how long a relay has run: to the second if the system says it, else to the hour."""
    exact = uptime_seconds(status.pid)
    if exact is not None:
        return exact
    now = time.time()  # noqa: TID251 - the edge
    return max(0, int(now - status.started_at)) // EPOCH_SECONDS * EPOCH_SECONDS


def process_mark(pid: int) -> str:
    """Return what tells a live process from a later one with the same number; "" if it is dead."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        pass
    except (OSError, OverflowError, TypeError):
        return ""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace")
        fields = text.rpartition(")")[2].split()
        return "" if fields[0] == "Z" else f"{pid}:{fields[_START_TIME_FIELD]}"
    except (OSError, IndexError):
        return str(pid)
