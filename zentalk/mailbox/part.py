"""The state that all parts of one core share: settings, registry, effects and the calendar.

Nothing here decides anything; it only saves every part from naming the four again.
"""

from __future__ import annotations

from dataclasses import dataclass

from zentalk.mailbox.clock import MailClock
from zentalk.mailbox.effects import Effects
from zentalk.mailbox.registry import Registry
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.storage import Outcome
from zentalk.mailbox.stored import Loaded


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """The four things that every part works with."""

    settings: MailboxSettings
    registry: Registry
    effects: Effects
    clock: MailClock

    @classmethod
    def of_start(
        cls, settings: MailboxSettings, loaded: Loaded, wall: float, now: float
    ) -> Context:
        """Return those of a core that starts with so much in the store; nothing is under way."""
        return cls(settings, Registry(loaded.totals), Effects(), MailClock(wall, now, loaded.hour))


class CorePart:
    """Base of the parts of one core."""

    __slots__ = ("_clock", "_effects", "_registry", "_settings")

    def __init__(self, context: Context) -> None:
        self._settings = context.settings
        self._registry = context.registry
        self._effects = context.effects
        self._clock = context.clock


def ignore(_outcome: Outcome | None, _now: float) -> None:
    """A continuation for operations whose failure is made good by a later one."""
