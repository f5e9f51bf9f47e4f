"""Webhooks: programs of the owner that are told of events over HTTP. Times are unix seconds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from zentalk.rest.base import WHOLE, Body, Resource
from zentalk.rest.events import Event
from zentalk.rest.limits import MAX_EVENT_TYPES, MAX_SEQUENCE, EventType


class WebhookIn(Body):
    """A webhook to add; it gets events from now on."""

    url: Annotated[
        str,
        Field(
            max_length=1000,
            description="http or https, without user name or password",
            json_schema_extra={"format": "uri"},
        ),
    ]
    types: Annotated[
        list[EventType],
        Field(max_length=MAX_EVENT_TYPES, description="`message.` is all that begin so"),
    ] = []
    conversation: Annotated[str | None, Field(max_length=100)] = None
    content: Annotated[
        Literal["ids", "full"],
        Field(description="`full` sends texts and names, in the clear, to whoever serves the URL"),
    ] = "ids"


class Webhook(Resource):
    """A webhook, and how far it is."""

    id: str
    url: str = Field(repr=False)
    types: list[str]
    conversation: str | None = Field(repr=False)
    content: Literal["ids", "full"]
    created_at: float
    delivered_at: float | None
    cursor: int = Field(description="the last event that was delivered or given up")
    waiting: int = Field(description="events that wait, counted up to 10,000")
    failures: int = Field(description="failed attempts since the last success")
    failing_since: float | None
    next_at: float = Field(description="nothing is tried before; 0 if nothing has failed")
    last_error: str
    dead: int = Field(description="dead letters")


class NewWebhook(Webhook):
    """A webhook that was just added, with its secret: it is shown this once."""

    secret: str = Field(repr=False)


class Webhooks(Resource):
    """All webhooks, oldest first."""

    webhooks: list[Webhook]


class DeadLetter(Resource):
    """An event that was given up for one webhook, and why."""

    event: Event
    died_at: float
    reason: str


class DeadLetters(Resource):
    """A page of dead letters in the order of the log; ask for `after=` the last `seq` to go on."""

    dead: list[DeadLetter]


class RetryIn(Body):
    """The dead letter to try once more; without one, all of them."""

    seq: Annotated[int | None, Field(ge=0, le=MAX_SEQUENCE), WHOLE] = None


class Retried(Resource):
    """How many dead letters are tried once more."""

    retried: int
