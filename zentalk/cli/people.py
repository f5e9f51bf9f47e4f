"""Who is meant: an address, the name that the owner gave somebody, or the name of a group.

What looks like an address is never looked up as a name, so that no name can stand in for one. A
group's name is chosen by its admins: of people and groups with one name none is taken for another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from zentalk.cli.arguments import address as read_address
from zentalk.cli.errors import UsageError
from zentalk.cli.node_client import NodeClient
from zentalk.errors import ConflictError, NotFoundError

CONTACTS: Final = "/v1/contacts"
GROUPS: Final = "/v1/groups"
JOINED: Final = "joined"
INVITED: Final = "invited"
LEFT: Final = "left"
REMOVED: Final = "removed"
_ADDRESS_STARTS: Final = "zt1"
LINK_STARTS: Final = "zentalk:"


class _Listed(NamedTuple):
    """A person, or a group and what the owner is to it."""

    address: str
    name: str
    standing: str = ""

    @property
    def shown(self) -> str:
        """It as a list of those who may be meant has it."""
        return f"{self.name}{' (group)' if self.standing else ''} {self.address}"


def check_person(word: str) -> str:
    """Return what was typed for a person; raises UsageError if it cannot be anybody.

    It is asked before the node is, so that a typing error needs no node to be found.
    """
    return _checked(word, "give an address or the name of a contact")


def check_conversation(word: str) -> str:
    """Return what was typed for a person or group; raises UsageError if it cannot be either."""
    return _checked(word, "give an address or the name of a contact or group")


def check_group(word: str) -> str:
    """Return what was typed for a group; raises UsageError if it cannot be one."""
    return _checked(word, "give the name of a group or its id")


def address_of(node: NodeClient, person: str) -> str:
    """Return the address of a person that `check_person` has passed.

    A name may be written in other capitals if that is not ambiguous. Raises NotFoundError if
    nobody has it, ConflictError with their addresses if several people do.
    """
    return addresses_of(node, [person])[0]


def addresses_of(node: NodeClient, people: Sequence[str]) -> list[str]:
    """Return the address of each; raises as `address_of` does."""
    if all(_is_address(person) for person in people):
        return list(people)
    listed = _people(node)
    return [
        person
        if _is_address(person)
        else _only(_called(person, listed), person, "people", f"no contact is called '{person}'")
        for person in people
    ]


def conversation_of(node: NodeClient, name: str) -> str:
    """Return the address of a person, or the id of a group, that `check_conversation` has passed.

    Groups that the owner is not in count only if nothing else has the name. Raises NotFoundError
    or ConflictError, as `address_of` does.
    """
    if _is_address(name):
        return name
    groups = _groups(node)
    inside = [group for group in groups if group.standing == JOINED]
    found = _called(name, [*_people(node), *inside]) or _called(name, groups)
    return _only(found, name, "people and groups", f"no contact or group is called '{name}'")


def group_of(node: NodeClient, name: str, standings: Sequence[str] = (JOINED,)) -> str:
    """Return the id of a group that `check_group` has passed.

    Groups to which the owner is something else count only if none of these has the name. Raises
    NotFoundError or ConflictError, as `address_of` does.
    """
    if _is_address(name):
        return name
    groups = _groups(node)
    wanted = [group for group in groups if group.standing in standings]
    found = _called(name, wanted) or _called(name, groups)
    return _only(found, name, "groups", f"no group is called '{name}'", "zentalk group list")


def _checked(word: str, otherwise: str) -> str:
    word = word.strip()
    if not word:
        raise UsageError(otherwise)
    if word.startswith(LINK_STARTS):
        raise UsageError("this is an invite link; add the person first: zentalk contact add LINK")
    return read_address(word) if _is_address(word) else word


def _is_address(word: str) -> bool:
    return word.startswith(_ADDRESS_STARTS)


def _people(node: NodeClient) -> list[_Listed]:
    return [_Listed(one["address"], one["name"]) for one in node.get(CONTACTS)["contacts"]]


def _groups(node: NodeClient) -> list[_Listed]:
    listed = node.get(GROUPS)["groups"]
    return [_Listed(one["conversation"], one["name"], one["standing"]) for one in listed]


def _called(name: str, listed: Sequence[_Listed]) -> list[_Listed]:
    """Return those that have a name, in other capitals only if nobody has it so."""
    exact = [each for each in listed if each.name == name]
    return exact or [each for each in listed if each.name.casefold() == name.casefold()]


def _only(
    found: Sequence[_Listed], name: str, what: str, none: str, see: str = "zentalk contact list"
) -> str:
    if not found:
        raise NotFoundError(f"{none}; see: {see}")
    if len(found) > 1:
        which = ", ".join(each.shown for each in found)
        raise ConflictError(f"'{name}' may be any of {len(found)} {what}; use an address: {which}")
    return found[0].address
