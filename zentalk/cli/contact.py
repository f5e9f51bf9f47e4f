"""`zentalk contact`: the people an API node knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zentalk.cli.arguments import address as read_address
from zentalk.cli.connect import running_node
from zentalk.cli.output import harmless, say, say_json

_CONTACTS = "/v1/contacts"


def add(directory: Path, address: str, name: str, *, as_json: bool) -> int:
    """Add, rename or accept a person."""
    wanted = read_address(address)
    with running_node(directory) as node:
        _show(node.post(_CONTACTS, {"address": wanted, "name": name}), as_json=as_json)
    return 0


def accept(directory: Path, address: str, name: str | None, *, as_json: bool) -> int:
    """Accept a request, under its own name or another."""
    wanted = read_address(address)
    with running_node(directory) as node:
        accepted = node.post(f"{_CONTACTS}/{wanted}/accept")
        if name is not None:
            accepted = node.post(_CONTACTS, {"address": wanted, "name": name})
    _show(accepted, as_json=as_json)
    return 0


def list_all(directory: Path, *, as_json: bool) -> int:
    """List contacts and requests."""
    with running_node(directory) as node:
        contacts = node.get(_CONTACTS)["contacts"]
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
