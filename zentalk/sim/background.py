"""A node that runs in the background of this process, until it ends, is killed or fails.

What one node raises must never end the others: it is kept and told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import trio

from zentalk.errors import UnavailableError, ZentalkError

T = TypeVar("T")


class RunMethod(Protocol):
    """A `run` method as relays and nodes have it."""

    def __call__(self, *, task_status: trio.TaskStatus[str]) -> Awaitable[None]:
        """Run until cancelled; reports where it serves to `task_status`."""
        ...


class Background:
    """One run of one node; for its entry, it is the task status."""

    def __init__(self, name: str, on_crash: Callable[[str], None]) -> None:
        self._name = name
        self._on_crash = on_crash
        self._scope = trio.CancelScope()
        self._calls: set[trio.CancelScope] = set()
        self._ready = trio.Event()
        self._ended = trio.Event()
        self._error: Exception | None = None
        self._value: str | None = None

    @property
    def ended(self) -> bool:
        """Tell whether it does not run any more."""
        return self._ended.is_set()

    async def start(self, nursery: trio.Nursery, entry: RunMethod) -> str:
        """Run `entry` in `nursery`; return what it reports once it serves.

        Raises its ZentalkError, or UnavailableError if it ends before it serves.
        """
        nursery.start_soon(self._run, entry)
        await self._ready.wait()
        if self._value is None or self._error is not None:
            raise _known(self._error) or UnavailableError(
                f"{self._name} did not start: {_describe(self._error)}"
            )
        return self._value

    def started(self, value: str | None = None, /) -> None:
        """Take the report of the entry."""
        self._value = value
        self._ready.set()

    async def call(self, job: Callable[[], Awaitable[T]]) -> T:
        """Run a call on the node; raises UnavailableError if the node ends meanwhile."""
        if self.ended:
            raise UnavailableError(f"{self._name} does not run")
        with trio.CancelScope() as scope:
            self._calls.add(scope)
            try:
                return await job()
            finally:
                self._calls.discard(scope)
        raise UnavailableError(f"{self._name} stopped during a call: {self._why()}")

    async def kill(self) -> None:
        """Cancel it wherever it is, and wait until it is gone."""
        self._scope.cancel()
        await self._ended.wait()

    async def _run(self, entry: RunMethod) -> None:
        try:
            with self._scope:
                await entry(task_status=self)
        except Exception as error:  # noqa: BLE001  # one node must not end the others
            self._error = error
            self._note_crash()
        else:
            self._note_crash()
        finally:
            self._ended.set()
            for scope in self._calls:
                scope.cancel()
            self._ready.set()

    def _why(self) -> str:
        return "it was asked to" if self._scope.cancel_called else _describe(self._error)

    def _note_crash(self) -> None:
        """Tell of an end that nobody asked for; one before it served is told by `start`."""
        if self._ready.is_set() and not self._scope.cancel_called:
            self._on_crash(f"{self._name}: {self._why()}")


def _known(error: BaseException | None) -> ZentalkError | None:
    """Return the first error of ours, looking into groups."""
    if isinstance(error, ZentalkError):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_known, error.exceptions)), None)
    return None


def _describe(error: BaseException | None) -> str:
    """Name an error by our sentence, or by its class and place: its own text may quote keys."""
    known = _known(error)
    if error is None or known is not None:
        return str(known) if known is not None else "it ended by itself"
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
    return f"{type(error).__name__}{place}"
