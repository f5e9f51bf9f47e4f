"""A link to a message, as people copy it: whose it is, and its id.

`zentalk-message:` + address (59) + `/` + 32 hexadecimal digits. It means the same at every node
that has the message, and it lets nobody in: others learn only that there is one.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from zentalk.errors import DecodeError
from zentalk.ids import UserAddress
from zentalk.wire.text import format_address, parse_address

MESSAGE_LINK_STARTS: Final = "zentalk-message:"
_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


class MessageLink(NamedTuple):
    """The author of a message, and its id in hexadecimal digits."""

    author: UserAddress
    message_id: str


def format_message_link(link: MessageLink) -> str:
    """Return the link to a message."""
    return f"{MESSAGE_LINK_STARTS}{format_address(link.author)}/{link.message_id}"


def parse_message_link(text: str) -> MessageLink:
    """Read a link; raises DecodeError with a sentence for the user."""
    author, _, message_id = text.removeprefix(MESSAGE_LINK_STARTS).partition("/")
    if not text.startswith(MESSAGE_LINK_STARTS) or _ID.fullmatch(message_id) is None:
        raise DecodeError(
            f"a link to a message is {MESSAGE_LINK_STARTS}, an address, / and 32 hexadecimal digits"
        )
    return MessageLink(parse_address(author), message_id)
