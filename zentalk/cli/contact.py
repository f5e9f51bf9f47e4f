"""`zentalk contact`: the people an API node knows."""

from __future__ import annotations

from pathlib import Path

from zentalk.cli.arguments import address as read_address
from zentalk.cli.connect import running_node
from zentalk.cli.output import harmless, say, say_json
from zentalk.client import Contact


def add(directory: Path, address: str, name: str, *, as_json: bool) -> int:
    """Add, rename or accept a person."""
    wanted = read_address(address)
    with running_node(directory) as node:
        _show(node.add_contact(wanted, name), as_json=as_json)
    return 0


def accept(directory: Path, address: str, name: str | None, *, as_json: bool) -> int:
    """Accept a request, under its own name or another."""
    wanted = read_address(address)
    with running_node(directory) as node:
        accepted = node.accept(wanted)
        if name is not None:
            accepted = node.add_contact(wanted, name)
    _show(accepted, as_json=as_json)
    return 0


def list_all(directory: Path, *, as_json: bool) -> int:
    """List contacts and requests."""
    with running_node(directory) as node:
        contacts = node.contacts()
    if as_json:
        say_json([contact.model_dump() for contact in contacts])
        return 0
    for contact in contacts:
        _show(contact, as_json=False)
    return 0


def _show(contact: Contact, *, as_json: bool) -> None:
    if as_json:
        say_json(contact.model_dump())
    else:
        say(f"{contact.address}  {contact.state:7}  {harmless(contact.name)}".rstrip())
