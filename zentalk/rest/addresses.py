"""Addresses in requests, as the OpenAPI document describes them.

The forms are for readers of the document: `zentalk.wire.text` and `zentalk.wire.invite` read what
comes, and say what is wrong with it.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field
from pydantic.config import JsonDict

_ADDRESS: Final = "zt1[a-z2-7]{56}"
ADDRESS_FORMAT: Final = "zentalk-address"
"""An address with its checksum."""
LINK_FORMAT: Final = "zentalk-address-or-invite"
"""The same, or an invite link with its own."""
INVITE_FORMAT: Final = "zentalk-invite"
"""An invite link alone."""
ADDRESS_SCHEMA: Final[JsonDict] = {"format": ADDRESS_FORMAT, "pattern": f"^{_ADDRESS}$"}
_LINK_SCHEMA: Final[JsonDict] = {
    "format": LINK_FORMAT,
    "pattern": f"^({_ADDRESS}|zentalk:{_ADDRESS}#[a-z2-7]{{31}})$",
}

AddressText = Annotated[str, Field(json_schema_extra=ADDRESS_SCHEMA)]
InviteText = Annotated[
    str,
    Field(
        json_schema_extra={
            "format": INVITE_FORMAT,
            "pattern": f"^zentalk:{_ADDRESS}#[a-z2-7]{{31}}$",
        }
    ),
]
LinkText = Annotated[str, Field(json_schema_extra=_LINK_SCHEMA)]
