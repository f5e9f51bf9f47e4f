"""Typing and presence: how long they hold, and how often they may be sent.

Signals cost numbers of a ratchet and nobody confirms them, so they go only to people who are there:
something of theirs was decrypted within a minute. Spec: docs/spec/end-to-end.md section 6.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Final

from zentalk.ids import UserAddress

TYPING_SECONDS: Final = 5.0
"""A reader shows typing for so long, unless it hears of it again."""
PRESENCE_SECONDS: Final = 60.0
"""A reader shows somebody as there for so long."""
BEAT_SECONDS: Final = 30.0
"""The author of a presence repeats it in this time."""
HEARD_SECONDS: Final = 60.0
"""Signals go only to those of whom something was decrypted within this time."""
MAX_A_MINUTE: Final = 2
"""Signals of one kind to one person within a minute; more are not sent."""
_MINUTE: Final = 60.0


class SignalGate:
    """Decides whether a signal may go to somebody now; `now` is a monotonic clock's."""

    def __init__(self) -> None:
        self._heard: dict[UserAddress, float] = {}
        self._sent: defaultdict[tuple[UserAddress, str], deque[float]] = defaultdict(deque)

    def heard(self, person: UserAddress, now: float) -> None:
        """Note that something of this person was decrypted."""
        self._heard[person] = now

    def may_send(self, person: UserAddress, kind: str, now: float) -> bool:
        """Tell whether a signal of a kind may go now, and count it if so."""
        if now - self._heard.get(person, -HEARD_SECONDS) >= HEARD_SECONDS:
            return False
        sent = self._sent[person, kind]
        while sent and now - sent[0] >= _MINUTE:
            sent.popleft()
        if len(sent) >= MAX_A_MINUTE:
            return False
        sent.append(now)
        return True

    def forget_old(self, now: float) -> None:
        """Drop what cannot matter any more, so that memory follows who is there now."""
        self._heard = {person: at for person, at in self._heard.items() if now - at < HEARD_SECONDS}
        gone = [key for key, sent in self._sent.items() if not sent or now - sent[-1] >= _MINUTE]
        for key in gone:
            del self._sent[key]


class Signals:
    """Who is writing and who is there, as far as we were told."""

    def __init__(self) -> None:
        self._typing: dict[UserAddress, float] = {}
        self._there: dict[UserAddress, float] = {}

    def typing(self, person: UserAddress, *, is_typing: bool, now: float) -> bool:
        """Take a signal in; True if it changes what is to be shown."""
        return _set(self._typing, person, TYPING_SECONDS if is_typing else None, now)

    def presence(self, person: UserAddress, *, online: bool, now: float) -> bool:
        """Take a signal in; True if it changes what is to be shown."""
        return _set(self._there, person, PRESENCE_SECONDS if online else None, now)

    def expire(self, now: float) -> tuple[list[UserAddress], list[UserAddress]]:
        """Return who is not writing any more, and who is not there any more."""
        return _expire(self._typing, now), _expire(self._there, now)

    def next_expiry(self) -> float | None:
        """Return when `expire` will have something to do, if nothing comes before."""
        return min([*self._typing.values(), *self._there.values()], default=None)

    def all_typing(self) -> list[UserAddress]:
        """Return who is writing."""
        return sorted(self._typing)

    def all_there(self) -> list[UserAddress]:
        """Return who is there."""
        return sorted(self._there)


def _set(
    until: dict[UserAddress, float], person: UserAddress, seconds: float | None, now: float
) -> bool:
    was = person in until
    if seconds is None:
        until.pop(person, None)
        return was
    until[person] = now + seconds
    return not was


def _expire(until: dict[UserAddress, float], now: float) -> list[UserAddress]:
    gone = [person for person, at in until.items() if at <= now]
    for person in gone:
        del until[person]
    return gone
