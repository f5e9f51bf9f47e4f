"""Who is writing and who is there, as far as others have told us, and who was heard just now.

In memory only: a signal is worth nothing after a minute. What changes is told to whoever waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import trio

from zentalk.chat.signals import SignalGate, Signals
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.messages.effects import ReceivedSignal
from zentalk.wire.chat import PRESENCE, TYPING


class SignalChange(NamedTuple):
    """Somebody began or ended writing or being there; `number` counts all changes."""

    number: int
    person: UserAddress
    kind: str
    on: bool
    at: float
    """Unix seconds."""

    def __repr__(self) -> str:
        return f"<{self.kind} {self.on}>"


class SignalBoard:
    """Holds signals until they expire. `run` must be running."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._signals = Signals()
        self._gate = SignalGate()
        self._readers = trio.lowlevel.ParkingLot()
        self._woken = trio.lowlevel.ParkingLot()
        self._newest: dict[tuple[UserAddress, str], SignalChange] = {}
        """Of each contact who ever told something: few, and each has at most one of a kind."""
        self.number = 0

    def took_in(self, heard: Iterable[UserAddress], signals: Iterable[ReceivedSignal]) -> None:
        """Note whom a committed batch was from, and what signals were in it."""
        now = self._runtime.monotonic()
        for person in heard:
            self._gate.heard(person, now)
        for one in signals:
            if one.kind == TYPING:
                changed = self._signals.typing(one.person, is_typing=one.on, now=now)
            else:
                changed = self._signals.presence(one.person, online=one.on, now=now)
            if changed:
                self._tell(one.person, one.kind, on=one.on)
        self._woken.unpark_all()

    def may_send(self, person: UserAddress, kind: str) -> bool:
        """Tell whether a signal may go to somebody now, and count it if so."""
        return self._gate.may_send(person, kind, self._runtime.monotonic())

    def now_typing(self) -> list[UserAddress]:
        """Return who is writing to the owner."""
        return self._signals.all_typing()

    def now_there(self) -> list[UserAddress]:
        """Return who is there."""
        return self._signals.all_there()

    def newest(self, after: int) -> list[SignalChange]:
        """Return of each person and kind the newest change, if it has a number above `after`."""
        found = [change for change in self._newest.values() if change.number > after]
        return sorted(found)

    async def wait(self, after: int) -> None:
        """Return once there is a change with a number above `after`."""
        await trio.lowlevel.checkpoint()
        while self.number <= after:
            await self._readers.park()

    async def run(self) -> None:
        """Let signals expire, until cancelled."""
        while True:
            due = self._signals.next_expiry()
            if due is None:
                await self._woken.park()
                continue
            now = self._runtime.monotonic()
            if due > now:
                await trio.sleep(due - now)
            now = self._runtime.monotonic()
            typing, there = self._signals.expire(now)
            for person in typing:
                self._tell(person, TYPING, on=False)
            for person in there:
                self._tell(person, PRESENCE, on=False)
            self._gate.forget_old(now)

    def _tell(self, person: UserAddress, kind: str, *, on: bool) -> None:
        self.number += 1
        self._newest[person, kind] = SignalChange(
            self.number, person, kind, on, self._runtime.wall()
        )
        self._readers.unpark_all()
