"""Signals of a stream as events: who is writing and who is there, which is in no log."""

from __future__ import annotations

from typing import Any, Final

from pydantic import ValidationError

from zentalk.rest.events import Event
from zentalk.rest.signals import (
    PRESENCE_CHANGED,
    SIGNAL_BODIES,
    TYPING_CHANGED,
    PresenceBody,
    TypingBody,
)


class EphemeralEvent(Event):
    """Something that is worth something only now.

    Its `seq` is that of the event before it: whoever goes on after it misses nothing.
    """

    @property
    def conversation(self) -> str:
        """The other person's address."""
        return str(self.data["conversation"])


class TypingChanged(EphemeralEvent):
    """`conversation.typing`: somebody is writing to the owner, or not any more."""

    @property
    def typing(self) -> bool:
        """Whether that person is writing; forget it after 5 seconds."""
        return TypingBody.model_validate(self.data).typing


class PresenceChanged(EphemeralEvent):
    """`conversation.presence`: a contact is there, or not any more."""

    @property
    def present(self) -> bool:
        """Whether that person is there; forget it after 60 seconds."""
        return PresenceBody.model_validate(self.data).present


SIGNALS: Final[dict[str, type[EphemeralEvent]]] = {
    TYPING_CHANGED: TypingChanged,
    PRESENCE_CHANGED: PresenceChanged,
}


def signal_of(answer: dict[str, Any], last: int) -> EphemeralEvent | None:
    """Return a line without a number as a signal; None for one that is not known here."""
    kind = SIGNALS.get(str(answer.get("type")))
    if kind is None:
        return None
    try:
        SIGNAL_BODIES[answer["type"]].model_validate(answer.get("data"))
        return kind.model_validate({**answer, "seq": last})
    except ValidationError:
        return None
