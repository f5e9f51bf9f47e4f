"""The process that forks programs: one thread, one loop, no trio.

It reads orders from a socket, forks, passes on what programs print, and tells which
ended. When the socket closes it kills what it has started and ends.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

Program = Callable[[Sequence[str]], int]

_CHUNK: Final = 65536
_FAILED: Final = 1
_MOST_DESCRIPTORS: Final = 65536
_LOG_MODE: Final = 0o600


def serve(orders: socket.socket, program: Program, preload: Callable[[], None]) -> NoReturn:
    """Serve until the socket closes; never returns."""
    try:
        # A group of its own: Ctrl-C in a terminal is for the process that started us.
        os.setpgid(0, 0)
        preload()
        gc.collect()
        gc.freeze()  # pages that the collector does not touch stay shared with the programs
        _Launching(orders, program).run()
    except BaseException:  # noqa: BLE001  # a forked copy must never run its parent's code
        os._exit(_FAILED)
    os._exit(0)


class _Launching:
    def __init__(self, orders: socket.socket, program: Program) -> None:
        self._orders = orders
        self._program = program
        self._outputs: dict[int, int] = {}
        self._rests: dict[int, bytes] = {}
        self._children: set[int] = set()
        self._codes: dict[int, int] = {}
        self._selector = selectors.DefaultSelector()
        # Nobody writes to it: the programs see it end when this process does.
        self._lifeline, self._held_end = os.pipe()
        self._wake, self._wakes = os.pipe()

    def run(self) -> None:
        """Obey orders until there can be no more, then kill every child."""
        os.set_blocking(self._wakes, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
        self._selector.register(self._orders, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)
        try:
            self._loop()
        finally:
            for pid in self._children:
                os.kill(pid, signal.SIGKILL)
            for pid in self._children:
                os.waitpid(pid, 0)

    def _loop(self) -> None:
        rest = b""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._orders:
                    data = self._orders.recv(_CHUNK)
                    if not data:
                        return
                    *lines, rest = (rest + data).split(b"\n")
                    for line in lines:
                        self._obey(json.loads(line))
                elif key.fd == self._wake:
                    os.read(self._wake, _CHUNK)
                    self._reap()
                else:
                    self._pass_on(key.fd)

    def _obey(self, order: dict[str, Any]) -> None:
        if "start" in order:
            self._start(order)
        elif order["pid"] in self._children:
            # Not waited for yet, so the number is still this child's.
            os.kill(order["pid"], order["signal"])

    def _start(self, order: dict[str, Any]) -> None:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            _become(self._program, order, writer, self._lifeline)
        os.close(writer)
        self._children.add(pid)
        self._outputs[reader] = pid
        self._rests[reader] = b""
        self._selector.register(reader, selectors.EVENT_READ)
        self._tell({"started": order["start"], "pid": pid})

    def _pass_on(self, reader: int) -> None:
        """Tell each whole line that a program has printed, and at last its end."""
        data = os.read(reader, _CHUNK)
        pid = self._outputs[reader]
        if not data:
            self._selector.unregister(reader)
            os.close(reader)
            del self._outputs[reader], self._rests[reader]
            self._tell_end(pid)
            return
        *lines, self._rests[reader] = (self._rests[reader] + data).split(b"\n")
        for line in lines:
            self._tell({"line": line.decode("utf-8", "replace"), "pid": pid})

    def _reap(self) -> None:
        for pid in list(self._children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self._children.discard(pid)
                self._codes[pid] = os.waitstatus_to_exitcode(status)
                self._tell_end(pid)

    def _tell_end(self, pid: int) -> None:
        """Tell of an end once it is reaped and its last line was passed on."""
        if pid in self._codes and pid not in self._outputs.values():
            self._tell({"exited": self._codes.pop(pid), "pid": pid})

    def _tell(self, message: dict[str, Any]) -> None:
        self._orders.sendall(json.dumps(message).encode() + b"\n")


def _become(program: Program, order: dict[str, Any], output: int, lifeline: int) -> NoReturn:
    """Turn this fresh copy into a program: its output, its signals, nothing else of ours."""
    code = _FAILED
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, _LOG_MODE)
        for source, target in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (log, 2)):
            os.dup2(source, target)
        lifeline = _keep_only(lifeline)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115  # a descriptor, not a path
        sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
        threading.Thread(target=_die_with, args=(lifeline,), daemon=True).start()
        gc.unfreeze()
        code = program(order["arguments"])
        sys.stdout.flush()
    finally:
        os._exit(code)


def _keep_only(lifeline: int) -> int:
    """Close every descriptor but the standard ones and one, which becomes 3."""
    kept = os.dup(lifeline)
    os.dup2(kept, 3)
    os.closerange(4, _MOST_DESCRIPTORS)
    return 3


def _die_with(lifeline: int) -> None:
    """Wait until the launcher is gone, then end at once."""
    while True:
        try:
            if not os.read(lifeline, 1):
                break
        except OSError:
            break
    os._exit(_FAILED)
