"""What can be said: the body of a request to send, one field for each kind of content."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from zentalk.rest.addresses import AddressText
from zentalk.rest.base import BASE64, WHOLE, Body
from zentalk.rest.limits import MAX_SEQUENCE

MAX_MENTIONS = 16


class PollIn(Body):
    """A question with 2 to 12 options."""

    question: Annotated[str, Field(min_length=1, max_length=1024)]
    options: Annotated[list[str], Field(min_length=2, max_length=12)]
    multiple: bool = False


class CardIn(Body):
    """Somebody's address, and the name to show with it."""

    address: AddressText
    name: Annotated[str, Field(max_length=256)] = ""


class StickerIn(Body):
    """A small picture in base64, at most 24 KiB, and the emoji that stands for it."""

    emoji: Annotated[str, Field(min_length=1, max_length=64)]
    picture: Annotated[str, Field(min_length=1, max_length=33_000, json_schema_extra=BASE64)]


class LocationIn(Body):
    """A place in degrees."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    label: Annotated[str, Field(max_length=256)] = ""


class FileIn(Body):
    """A file of yours that is kept by relays, or one that somebody gave you, by its CID.

    What is left out is as this node knows it.
    """

    cid: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    name: Annotated[str, Field(max_length=256)] | None = None
    preview: Annotated[str, Field(max_length=22_000, json_schema_extra=BASE64)] = Field(
        "", description="A small picture of it in base64, at most 16 KiB."
    )
    width: Annotated[int, Field(ge=0, le=65_535), WHOLE] = 0
    height: Annotated[int, Field(ge=0, le=65_535), WHOLE] = 0
    milliseconds: Annotated[int, Field(ge=0, le=MAX_SEQUENCE), WHOLE] = Field(
        0, description="How long it takes to hear or see it."
    )
    voice: bool = Field(False, description="Whether it was spoken for this conversation.")


class MessageIn(Body):
    """A message to send: exactly one of text, poll, contact, sticker, location and file.

    A text has at most 65,536 bytes as UTF-8.
    """

    text: Annotated[str, Field(min_length=1)] | None = None
    poll: PollIn | None = None
    contact: CardIn | None = None
    sticker: StickerIn | None = None
    location: LocationIn | None = None
    file: FileIn | None = None
    reply_to: Annotated[str, Field(max_length=100)] | None = Field(
        None, description="The id of a message of this conversation that this one answers."
    )
    mentions: Annotated[list[AddressText], Field(max_length=MAX_MENTIONS)] = []
