"""`zentalk contact`: the people an API node knows."""

from __future__ import annotations

from typing import Any

from zentalk.cli.arguments import address as read_address
from zentalk.cli.connect import At, running_node
from zentalk.cli.output import harmless, say, say_json
from zentalk.cli.people import CONTACTS, address_of, check_person


def add(at: At, address: str, name: str, *, as_json: bool) -> int:
    """Add, rename or accept a person."""
    wanted = read_address(address)
    with running_node(at) as node:
        _show(node.post(CONTACTS, {"address": wanted, "name": name}), as_json=as_json)
    return 0


def accept(at: At, person: str, name: str | None, *, as_json: bool) -> int:
    """Accept a request, under its own name or another."""
    wanted = check_person(person)
    with running_node(at) as node:
        address = address_of(node, wanted)
        accepted = node.post(f"{CONTACTS}/{address}/accept")
        if name is not None:
            accepted = node.post(CONTACTS, {"address": address, "name": name})
    _show(accepted, as_json=as_json)
    return 0


def list_all(at: At, *, as_json: bool) -> int:
    """List contacts and requests."""
    with running_node(at) as node:
        contacts = node.get(CONTACTS)["contacts"]
    if as_json:
        say_json(contacts)
        return 0
    for contact in contacts:
        _show(contact, as_json=False)
    return 0


def _show(contact: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(contact)
        return
    name = harmless(contact["name"])
    say(f"{contact['address']}  {contact['state']:7}  {name}".rstrip())
