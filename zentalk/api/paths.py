"""Parameters of several routes: addresses and ids in paths, an address in a query, a header."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Header, Path, Query
from pydantic.config import JsonDict

from zentalk.rest.addresses import ADDRESS_SCHEMA
from zentalk.rest.limits import MAX_KEY_CHARS

_HEX_32: Final[JsonDict] = {"pattern": "^[0-9a-f]{32}$"}

Address = Annotated[
    str,
    Path(
        description="zt1 followed by 56 characters",
        max_length=100,
        json_schema_extra=ADDRESS_SCHEMA,
    ),
]
Group = Annotated[
    str,
    Path(
        description="the id of a group, which has the form of an address",
        max_length=100,
        json_schema_extra=ADDRESS_SCHEMA,
    ),
]
MessageId = Annotated[
    str, Path(description="32 hexadecimal digits", max_length=100, json_schema_extra=_HEX_32)
]
TicketId = Annotated[
    str,
    Path(
        description="the `id` of one of a group's `tickets`: 32 hexadecimal digits",
        max_length=100,
        json_schema_extra=_HEX_32,
    ),
]
InviteId = Annotated[str, Path(max_length=64)]
WithAddress = Annotated[
    str | None,
    Query(
        description="the address of one conversation",
        max_length=100,
        json_schema_extra=ADDRESS_SCHEMA,
    ),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        max_length=MAX_KEY_CHARS,
        pattern=r"^[\x21-\x7e]+$",
        description="repeating a request with the same key and token does what it does once",
    ),
]
