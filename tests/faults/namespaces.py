"""Two networks and a router between them that can lose packets, inside Linux network namespaces.

    left 10.77.1.2 -- 10.77.1.1 hub 10.77.2.1 -- 10.77.2.2 right

Nothing in them reaches any other network. Needs root and iproute2. What was left behind by
a process that died is removed by the next one; only names of ours are touched.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

PREFIX: Final = "zentalk-test-"
SIDES: Final = ("left", "right")
_MOUNTS: Final = Path("/run/netns")
_CLONE_NEWNET: Final = 0x40000000


def address(side: str) -> str:
    """Return the address of everything on a side."""
    return f"10.77.{SIDES.index(side) + 1}.2"


def ip(*words: str) -> None:
    """Run `ip`; raises CalledProcessError."""
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=10)


class Namespaces:
    """The namespaces of this process, as a context manager."""

    parts: ClassVar[tuple[str, ...]] = ("hub", *SIDES)

    def __init__(self) -> None:
        self._mine = f"{PREFIX}{os.getpid()}-"

    def __enter__(self) -> Self:
        """Make them; raises CalledProcessError where that is not allowed."""
        _remove_dead()
        try:
            self._make()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove them, whatever happened."""
        self._remove()

    def name(self, part: str) -> str:
        """Return the name of `hub`, `left` or `right`."""
        return self._mine + part

    def enter(self, part: str) -> None:
        """Move this process there; it must have one thread and no sockets yet."""
        _enter(_MOUNTS / self.name(part))

    @contextmanager
    def inside(self, part: str) -> Iterator[None]:
        """Have this thread there for a while: the sockets that it makes meanwhile stay there."""
        with Path("/proc/thread-self/ns/net").open() as before:
            self.enter(part)
            try:
                yield
            finally:
                _enter(Path(f"/proc/self/fd/{before.fileno()}"))

    def lose(self, source: str, target: str) -> None:
        """Lose everything that goes from one side to the other, silently."""
        ip(*self._rule("add", source, target))

    def pass_on(self, source: str, target: str) -> None:
        """Undo `lose`."""
        ip(*self._rule("del", source, target))

    def _rule(self, action: str, source: str, target: str) -> list[str]:
        where = ["iif", f"to-{source}", "to", f"{address(target)}/32"]
        return ["-n", self.name("hub"), "rule", action, *where, "blackhole"]

    def _make(self) -> None:
        hub = self.name("hub")
        self._make_parts()
        for side in SIDES:
            there, gate = self.name(side), address(side)[:-1] + "1"
            peer = ["peer", "name", "line", "netns", there]
            ip("-n", hub, "link", "add", f"to-{side}", "type", "veth", *peer)
            ip("-n", hub, "addr", "add", f"{gate}/24", "dev", f"to-{side}")
            ip("-n", hub, "link", "set", f"to-{side}", "up")
            ip("-n", there, "addr", "add", f"{address(side)}/24", "dev", "line")
            ip("-n", there, "link", "set", "line", "up")
            ip("-n", there, "route", "add", "default", "via", gate)
        self.forward_in("hub")

    def _make_parts(self) -> None:
        for part in self.parts:
            ip("netns", "add", self.name(part))
            ip("-n", self.name(part), "link", "set", "lo", "up")

    def forward_in(self, part: str, family: int = 4) -> None:
        """Let a part pass on what is for others, of IPv4 or of IPv6."""
        switch = {4: "ipv4/ip_forward", 6: "ipv6/conf/all/forwarding"}[family]
        forward = f"echo 1 > /proc/sys/net/{switch}"
        ip("netns", "exec", self.name(part), "sh", "-c", forward)

    def _remove(self) -> None:
        for part in self.parts:
            _remove(self.name(part))


def _enter(namespace: Path) -> None:
    with namespace.open() as file:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "cannot enter a network namespace")


def _remove_dead() -> None:
    """Remove namespaces whose process is gone."""
    for path in _MOUNTS.glob(f"{PREFIX}*-*"):
        if not Path(f"/proc/{path.name.removeprefix(PREFIX).split('-')[0]}").exists():
            _remove(path.name)


def _remove(name: str) -> None:
    """Remove a namespace, with its ends of the lines."""
    if (_MOUNTS / name).exists():
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True, timeout=10)
