"""From the body of a request to what the node is to say."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace

from zentalk.api.facade import NodeFacade
from zentalk.chat.views import SOUTH, WEST
from zentalk.errors import ConfigError, LocalProtocolError, TooLargeError
from zentalk.ids import UserAddress
from zentalk.node.messages.commands import Draft
from zentalk.rest.contents import CardIn, FileIn, LocationIn, MessageIn, PollIn, StickerIn
from zentalk.store.history.models import RequestKey, StoredMessage
from zentalk.wire.chat import (
    MAX_EMOJI_BYTES,
    MAX_LABEL_BYTES,
    MAX_NAME_BYTES,
    MAX_OPTION_BYTES,
    MAX_PICTURE_BYTES,
    MAX_PREVIEW_BYTES,
    MAX_QUESTION_BYTES,
    MICRODEGREES,
    Body,
    Card,
    FileCard,
    Location,
    Poll,
    Sticker,
)
from zentalk.wire.content import About
from zentalk.wire.text import parse_address


async def said(
    body: MessageIn, contact: UserAddress, key: RequestKey | None, node: NodeFacade
) -> StoredMessage:
    """Say it; a repeated answer is found by its request, as what it answers may be gone by then.

    Raises as `draft_of` and `NodeFacade.send` do.
    """
    asked = b"" if body.reply_to is None else body.model_dump_json().encode()
    earlier = await node.sent_before(contact, asked, key) if asked else None
    if earlier is not None:
        return earlier
    draft = await draft_of(body, contact, node)
    return await node.send(contact, draft._replace(asked=asked), key)


async def draft_of(body: MessageIn, contact: UserAddress, node: NodeFacade) -> Draft:
    """Return what is to be said.

    Raises LocalProtocolError unless exactly one kind of content is given, ConfigError for an
    address or picture that is none, TooLargeError for a picture or a text that is too large,
    and NotFoundError if what is answered is not there.
    """
    said = (body.text, body.poll, body.contact, body.sticker, body.location, body.file)
    if sum(one is not None for one in said) != 1:
        raise LocalProtocolError(
            "give exactly one of text, poll, contact, sticker, location and file"
        )
    reply_to = None
    if body.reply_to is not None:
        reply_to = await node.chat.target(contact, body.reply_to)
    about = About(reply_to=reply_to, mentions=tuple(map(parse_address, body.mentions)))
    content = _body(body) if body.file is None else await _file(body.file, node)
    return Draft(body.text or "", content, about)


async def _file(body: FileIn, node: NodeFacade) -> FileCard:
    """Return how others get a file that is kept; raises NotFoundError or ConflictError too."""
    card = await node.files.card(body.cid)
    if body.name is not None:
        _check_bytes("the name of a file", body.name, MAX_NAME_BYTES)
    return replace(
        card,
        name=card.name if body.name is None else body.name,
        preview=picture(body.preview, MAX_PREVIEW_BYTES) or card.preview,
        width=body.width or card.width,
        height=body.height or card.height,
        milliseconds=body.milliseconds or card.milliseconds,
        voice=body.voice,
    )


def picture(text: str, most: int = MAX_PICTURE_BYTES) -> bytes:
    """Read a picture in base64; raises ConfigError or TooLargeError."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError("a picture is given in base64: this is not") from None
    if len(data) > most:
        raise TooLargeError(f"a picture may have {most} bytes: make it smaller")
    return data


def _body(body: MessageIn) -> Body | None:
    match (body.poll, body.contact, body.sticker, body.location):
        case (PollIn() as poll, *_):
            return _poll(poll)
        case (_, CardIn() as card, *_):
            _check_bytes("the name of a contact", card.name, MAX_NAME_BYTES)
            return Card(parse_address(card.address), card.name)
        case (_, _, StickerIn() as sticker, _):
            _check_bytes("the emoji of a sticker", sticker.emoji, MAX_EMOJI_BYTES)
            return Sticker(sticker.emoji, picture(sticker.picture))
        case (*_, LocationIn() as place):
            _check_bytes("the label of a place", place.label, MAX_LABEL_BYTES)
            return Location(
                round(place.latitude * MICRODEGREES) + SOUTH,
                round(place.longitude * MICRODEGREES) + WEST,
                place.label,
            )
    return None


def _poll(poll: PollIn) -> Poll:
    if any(not option for option in poll.options):
        raise ConfigError("an option of a poll is empty: give each a text")
    _check_bytes("the question of a poll", poll.question, MAX_QUESTION_BYTES)
    for option in poll.options:
        _check_bytes("an option of a poll", option, MAX_OPTION_BYTES)
    return Poll(poll.question, tuple(poll.options), poll.multiple)


def _check_bytes(what: str, text: str, most: int) -> None:
    """Refuse a text that is too long; schemas count characters. Raises TooLargeError."""
    if len(text.encode("utf-8", "replace")) > most:
        raise TooLargeError(f"{what} may have {most} bytes: shorten it")
