"""What is said over the WebSocket of events, besides the events themselves."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from zentalk.rest.base import WHOLE, Body, Resource
from zentalk.rest.limits import MAX_SEQUENCE

MAX_SOCKET_MESSAGE_BYTES: Final = 4096
"""The largest message of a client."""


class SocketTokenIn(Body):
    """The first message of a client that cannot set headers, such as a browser."""

    token: str = Field(repr=False, max_length=512)


class SocketCursorIn(Body):
    """A client asks for the events after another place in the log."""

    after: Annotated[int, Field(ge=0, le=MAX_SEQUENCE), WHOLE]


class SocketHeartbeat(Resource):
    """Nothing has happened that is wanted; all up to `next` was looked at."""

    type: Literal["heartbeat"] = "heartbeat"
    next: int
