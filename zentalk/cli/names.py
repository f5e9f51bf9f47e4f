"""What people and groups are called, for lines about them.

Nobody is called what they call themselves: names of people are the owner's, and whoever has none is
shown by a short form of the address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from zentalk.cli.node_client import NodeClient
from zentalk.cli.output import harmless
from zentalk.cli.people import CONTACTS, GROUPS

_HEAD_CHARS: Final = 7
_TAIL_CHARS: Final = 8


def short(address: str) -> str:
    """Return a piece of an address: enough to tell the members of one group apart."""
    return f"{address[:_HEAD_CHARS]}\N{HORIZONTAL ELLIPSIS}{address[-_TAIL_CHARS:]}"


class Names:
    """The names of contacts and groups, asked for again when somebody new writes."""

    def __init__(self, node: NodeClient) -> None:
        self._node = node
        self._people: dict[str, str] = {}
        self._groups: dict[str, str] = {}

    def of(self, conversation: str) -> str:
        """Return what a conversation is called, or its address."""
        self._know(conversation)
        name = self._people.get(conversation) or self._groups.get(conversation, "")
        return harmless(name) or conversation

    def named(self, address: str) -> str:
        """Return the owner's name for somebody; empty if there is none."""
        self._know(address)
        return harmless(self._people.get(address, ""))

    def member(self, address: str) -> str:
        """Return the name of somebody in a group, or a short form of the address."""
        return self.named(address) or short(address)

    def author(self, message: Mapping[str, Any]) -> str:
        """Return who wrote a message, where that is not clear: in a group, and not by the owner."""
        author = message["author"]
        if message["direction"] == "out" or author in ("", message["conversation"]):
            return ""
        return self.member(author)

    def before(self, message: Mapping[str, Any], *, conversation: bool = False) -> str:
        """Return what stands before a text: who wrote it, and in which conversation if wanted."""
        where = [self.of(message["conversation"])] if conversation else []
        return "".join(f"{one}: " for one in (*where, self.author(message)) if one)

    def _know(self, address: str) -> None:
        if address in self._people or address in self._groups:
            return
        people, groups = self._node.get(CONTACTS)["contacts"], self._node.get(GROUPS)["groups"]
        self._people |= {each["address"]: each["name"] for each in people}
        self._groups |= {each["conversation"]: each["name"] for each in groups}
        if address not in self._groups:
            self._people.setdefault(address, "")  # somebody without a name is asked for once
