"""The body of a content with which a contact introduces somebody.

Spec: docs/spec/end-to-end.md section 6. Kind `introduction`, body [address 32, name, secret 16].
What is read here is what the introducer says; whether to believe it is the reader's business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from zentalk.ids import TICKET_BYTES, USER_ADDRESS_BYTES, UserAddress
from zentalk.wire.codec import Fields, Value

INTRODUCTION: Final = "introduction"
MAX_NAME_BYTES: Final = 256


@dataclass(frozen=True, slots=True)
class Introduction:
    """Who is introduced, what the introducer calls them, and the secret both are given."""

    address: UserAddress = field(repr=False)
    name: str = field(repr=False)
    secret: bytes = field(repr=False)


def introduction_body(introduction: Introduction) -> Value:
    """Return what stands in the content."""
    return [introduction.address, introduction.name, introduction.secret]


def read_introduction(body: Value) -> Introduction:
    """Read a body; raises DecodeError."""
    fields = Fields(body, "an introduction")
    introduction = Introduction(
        UserAddress(fields.fixed(USER_ADDRESS_BYTES)),
        fields.text(MAX_NAME_BYTES),
        fields.fixed(TICKET_BYTES),
    )
    fields.end()
    return introduction
