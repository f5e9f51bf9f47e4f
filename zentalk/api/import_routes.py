"""The route through which an export comes back, some messages of one conversation at a time."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from zentalk.api.answers import CONFLICT, answers
from zentalk.api.facade import NodeFacade
from zentalk.api.paths import Address
from zentalk.chat.portable import PortableLine, read_line
from zentalk.errors import ConfigError, DecodeError
from zentalk.ids import UserAddress
from zentalk.node.messages.commands import check_address
from zentalk.node.messages.conversation.importing import ImportPage
from zentalk.rest.imports import ImportedMessage, ImportIn, ImportOut
from zentalk.web.json_response import JsonResponse
from zentalk.wire.text import parse_address

IMPORT_PATH: Final = "/v1/conversations/{address}/import"


def add_import_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the route."""

    @router.post(IMPORT_PATH, **answers("conversations", ImportOut, fails=CONFLICT))
    async def take_in(address: Address, body: ImportIn) -> Response:
        """Add messages of an export; those that are here stay as they are, none is sent."""
        contact = parse_address(address)
        check_address(contact, parse_address(node.address_text))
        page = ImportPage(
            contact, body.name, body.state == "blocked", _lines(contact, body.messages), body.after
        )
        return JsonResponse(ImportOut(**asdict(await node.chat.take_in(page))))


def _lines(contact: UserAddress, shown: list[ImportedMessage]) -> tuple[PortableLine, ...]:
    """Read all messages of a request; raises ConfigError, for all of it, if one is wrong."""
    lines = []
    for number, message in enumerate(shown, 1):
        try:
            lines.append(read_line(contact, message.model_dump()))
        except DecodeError as error:
            raise ConfigError(
                f"message {number} of this request cannot be taken: {error}"
            ) from None
    return tuple(lines)
