"""Signals in the streams of events: who is writing and who is there, worth something only now.

A signal has no number: it is in no log, and nothing of it comes again. `SIGNAL_BODIES` says what
each type holds, as `zentalk.rest.event_bodies` does for events.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field
from pydantic.json_schema import models_json_schema

from zentalk.rest.base import Resource

TYPING_CHANGED: Final = "conversation.typing"
PRESENCE_CHANGED: Final = "conversation.presence"


class TypingBody(Resource):
    """Whether the other person of a conversation is writing."""

    conversation: str
    typing: bool


class PresenceBody(Resource):
    """Whether the other person of a conversation is there."""

    conversation: str
    present: bool


SIGNAL_BODIES: Final[dict[str, type[Resource]]] = {
    TYPING_CHANGED: TypingBody,
    PRESENCE_CHANGED: PresenceBody,
}


class TypingSignal(Resource):
    """`conversation.typing`; forget it after 5 seconds if nothing says so earlier."""

    type: Literal["conversation.typing"]
    at: float = Field(description="unix seconds")
    data: TypingBody


class PresenceSignal(Resource):
    """`conversation.presence`; forget it after 60 seconds if nothing says so earlier."""

    type: Literal["conversation.presence"]
    at: float = Field(description="unix seconds")
    data: PresenceBody


SIGNALS: Final = (TypingSignal.__name__, PresenceSignal.__name__)
"""The names of their schemas."""


def signal_schemas() -> dict[str, Any]:
    """Return the schemas of the OpenAPI document that describe signals, by their names."""
    models = [(TypingSignal, "serialization"), (PresenceSignal, "serialization")]
    _, document = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]  # the words are literals
    found: dict[str, Any] = document["$defs"]
    return found
