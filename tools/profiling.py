"""The recorder of `tools.walk`: which functions of `zentalk/` run, one after the other."""

from __future__ import annotations

import dis
import inspect
import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, Literal, NamedTuple

import zentalk

ROOT: Final = f"{Path(zentalk.__file__).parent}/"
CABLES: Final = f"{ROOT}net/memory.py"
"""It stands in for the sockets of the system."""
_WAITS: Final = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_ITERABLE_COROUTINE


class Step(NamedTuple):
    """Where something happens: in a function called, returned to, or gone on with."""

    how: Literal["call", "back", "goes on"]
    file: str
    function: str
    depth: int
    """How many functions of ours are above it."""


class Recorder:
    """Records inside its `with` block, until `stop` at the latest."""

    def __init__(self, landmark: CodeType) -> None:
        """`landmark` is the code of a function that returns True when something is reached."""
        self.steps: list[Step] = []
        self.stopped = False
        self.to_landmark = 0
        """How many of the steps lead to the landmark, the first return from it among them."""
        self._landmark = landmark
        self._goes_on: FrameType | None = None

    def __enter__(self) -> None:
        sys.setprofile(self._profile)

    def __exit__(self, *_error: object) -> None:
        sys.setprofile(None)

    def stop(self) -> None:
        """End it here: what was looked for has happened."""
        sys.setprofile(None)
        self.stopped = True

    def _profile(self, frame: FrameType, event: str, argument: Any) -> None:
        if event not in {"call", "return"} or not _is_ours(frame):
            return
        waits = bool(frame.f_code.co_flags & _WAITS)
        if event == "call" and waits and not _is_entered(frame):
            self._goes_on = frame  # the one further down, if there is one, takes its place
            return
        self._note_that_a_task_goes_on()
        if event == "call":
            self._note("call", frame)
        elif not (waits and _begins_to_wait(frame)) and (above := _ours_above(frame)):
            self._note("back", above)
        if frame.f_code is self._landmark and argument is True and not self.to_landmark:
            self.to_landmark = len(self.steps)

    def _note_that_a_task_goes_on(self) -> None:
        frame, self._goes_on = self._goes_on, None
        if frame is not None:
            self._note("goes on", frame)

    def _note(self, how: Literal["call", "back", "goes on"], frame: FrameType) -> None:
        code, depth, above = frame.f_code, 0, frame
        while upper := _ours_above(above):
            depth, above = depth + 1, upper
        file = code.co_filename.removeprefix(ROOT)
        self.steps.append(Step(how, file, code.co_qualname, depth))


def _is_ours(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return file.startswith(ROOT) and file != CABLES


def _ours_above(frame: FrameType) -> FrameType | None:
    above = frame.f_back
    while above is not None and not _is_ours(above):
        above = above.f_back
    return above


def _is_entered(frame: FrameType) -> bool:
    """Say whether a function begins, as opposed to going on after it waited."""
    return frame.f_lineno == frame.f_code.co_firstlineno


def _begins_to_wait(frame: FrameType) -> bool:
    """Say whether a function is left only for the time that it waits."""
    return dis.opname[frame.f_code.co_code[frame.f_lasti]] == "YIELD_VALUE"
