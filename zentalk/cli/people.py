"""Who is meant: an address, or the name that the owner gave somebody.

What looks like an address is never looked up as a name, so that no name can stand in for one.
"""

from __future__ import annotations

from typing import Any, Final

from zentalk.cli.arguments import address as read_address
from zentalk.cli.errors import UsageError
from zentalk.cli.node_client import NodeClient
from zentalk.errors import ConflictError, NotFoundError

CONTACTS: Final = "/v1/contacts"
_ADDRESS_STARTS: Final = "zt1"
_LINK_STARTS: Final = "zentalk:"


def check_person(word: str) -> str:
    """Return what was typed for a person; raises UsageError if it cannot be anybody.

    It is asked before the node is, so that a typing error needs no node to be found.
    """
    if not word.strip():
        raise UsageError("give an address or the name of a contact")
    if word.startswith(_LINK_STARTS):
        raise UsageError("this is an invite link; add the person first: zentalk contact add LINK")
    return read_address(word) if word.startswith(_ADDRESS_STARTS) else word


def address_of(node: NodeClient, person: str) -> str:
    """Return the address of a person that `check_person` has passed.

    A name may be written in other capitals if that is not ambiguous. Raises NotFoundError if
    nobody has it, ConflictError with their addresses if several people do.
    """
    if person.startswith(_ADDRESS_STARTS):
        return person
    people: list[dict[str, Any]] = node.get(CONTACTS)["contacts"]
    found = [each for each in people if each["name"] == person]
    found = found or [each for each in people if each["name"].casefold() == person.casefold()]
    if not found:
        raise NotFoundError(f"no contact is called '{person}'; see: zentalk contact list")
    if len(found) > 1:
        which = ", ".join(f"{each['name']} {each['address']}" for each in found)
        raise ConflictError(
            f"'{person}' may be any of {len(found)} people; use an address: {which}"
        )
    return str(found[0]["address"])
