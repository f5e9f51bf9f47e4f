"""Whether this relay has found the network, and what to tell its operator when it has not.

Spec: docs/spec/directory.md section 4. Each change is one line of the log; what lasts is a
sentence of the status. It knows numbers only, never who was reached.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from zentalk.directory.clock_skew import amount
from zentalk.ids import DAY_SECONDS
from zentalk.logs import quiet_logger

_LOG: Final = quiet_logger("zentalk.relay")
EXCLUDED: Final = (
    "this relay is excluded from the network for good: two different descriptors for one epoch "
    "and boot carry its signature, so its key is in use twice or was stolen; stop every program "
    "that has it and make a new relay with `zentalk relay init` in another folder"
)

NO_MAIL: Final = {
    "full": (
        "no new mail can be stored: the disk of {folder} is full, or `queue.db` is as large as it "
        "may be; make room there. What waits can be collected, and senders try again"
    ),
    "failing": (
        "no new mail can be stored: `queue.db` in {folder} cannot be written; look at the disk and "
        "the rights of that folder. Senders try again"
    ),
}
"""Warnings by the word that the mailboxes give; each is taken back when mail is stored again."""


CUT_OFF: Final = (
    "the last run of this relay was cut off: a power cut, a kill, a crash of the machine, or a "
    "disk without room at its end. It lost no mail that it had acknowledged, and what was under "
    "way is sent again; look at the system's log if you did not do it. This is shown for a day"
)
CUT_OFF_SHOWN_SECONDS: Final = DAY_SECONDS


class _State(Enum):
    JOINING = "joining"
    ALONE = "alone"
    JOINED = "joined"
    LOST = "lost"


class Standing:
    """Told by whoever talks to other relays; `warnings` is for the status."""

    __slots__ = ("_bootstraps", "_bootstraps_lost", "_hours_ahead", "_state")

    def __init__(self, bootstraps: int) -> None:
        self._bootstraps = bootstraps
        self._bootstraps_lost = False
        self._hours_ahead = 0
        # The first relay of a network has nobody to look for.
        self._state = _State.JOINING if bootstraps else _State.JOINED

    def bootstraps_changed(self, count: int) -> None:
        """Take note that the operator named others; whether one answers is told later."""
        self._bootstraps = count
        self._bootstraps_lost = False
        if self._state is _State.ALONE:
            self._state = _State.JOINING if count else _State.JOINED

    def no_bootstrap_answered(self) -> None:
        """Take note that each was tried and none answered so far."""
        if self._state is _State.JOINING:
            self._state = _State.ALONE
            _LOG.warning("no_bootstrap_answers", bootstraps=self._bootstraps)

    def reached(self, relays: int) -> None:
        """Take note that another relay answered; `relays` is how many are known."""
        if self._state is not _State.JOINED:
            self._state = _State.JOINED
            _LOG.info("joined_the_network", relays=relays)

    def reached_nobody(self) -> None:
        """Take note that no link is left and those that were tried did not answer."""
        if self._state is _State.JOINED:
            self._state = _State.LOST
            _LOG.warning("lost_the_network")

    def bootstraps_seen(self, *, any_live: bool) -> None:
        """Take note whether the network still knows one of the bootstraps, once joined."""
        if self._state is not _State.JOINED or not self._bootstraps:
            return
        if any_live is self._bootstraps_lost:
            self._bootstraps_lost = not any_live
            if any_live:
                _LOG.info("bootstraps_are_back")
            else:
                _LOG.warning("bootstraps_are_gone", bootstraps=self._bootstraps)

    def clock_seems(self, hours_ahead: int) -> None:
        """Take note how far this clock is ahead of the other relays' (negative: behind)."""
        before, self._hours_ahead = self._hours_ahead, hours_ahead
        if hours_ahead and not before:
            _LOG.warning("own_clock_seems_wrong", hours_ahead=hours_ahead)
        if before and not hours_ahead:
            _LOG.info("own_clock_seems_right")

    @property
    def warnings(self) -> list[str]:
        """Warnings to the operator now, a sentence each."""
        found = []
        if self._hours_ahead:
            found.append(
                f"this machine's clock is about {amount(self._hours_ahead)} the other relays, so "
                "that it refuses packets and is not used by others: set it right, and let a time "
                "service keep it"
            )
        if self._state is _State.ALONE:
            found.append(
                f"none of the {self._bootstraps} relays in `bootstraps` answers, so this relay is "
                "not in the network yet; it keeps trying: check their URIs, `network`, and the "
                "way out of this machine"
            )
        if self._state is _State.LOST:
            found.append(
                "no other relay answers any more; this relay keeps trying: check the way out of "
                "this machine"
            )
        if self._bootstraps_lost:
            found.append(
                "the network knows none of the relays in `bootstraps` any more, so that a restart "
                "may not find it: add URIs of relays that run"
            )
        return found
