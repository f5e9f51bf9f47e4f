"""`zentalk contact`: the people an API node knows."""

from __future__ import annotations

from typing import Any

from zentalk.cli.arguments import address as read_address
from zentalk.cli.connect import At, running_node
from zentalk.cli.output import harmless, say, say_json
from zentalk.cli.people import CONTACTS, address_of, check_person
from zentalk.errors import ConflictError, NotFoundError


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


def rename(at: At, person: str, name: str, *, as_json: bool) -> int:
    """Give a contact another name; a request is not accepted by the way."""
    wanted = check_person(person)
    with running_node(at) as node:
        address = address_of(node, wanted)
        known = {each["address"]: each for each in node.get(CONTACTS)["contacts"]}
        if address not in known:
            raise NotFoundError("this person is no contact; see: zentalk contact add --help")
        if known[address]["state"] != "contact":
            raise ConflictError(
                "this person is no contact yet; accept the request under that name:"
                f" zentalk contact accept {address} NAME"
            )
        renamed = node.post(CONTACTS, {"address": address, "name": name})
    _show(renamed, as_json=as_json)
    return 0


def refuse(at: At, person: str) -> int:
    """Refuse a request."""
    wanted = check_person(person)
    with running_node(at) as node:
        node.post(f"{CONTACTS}/{address_of(node, wanted)}/refuse")
    return 0


def remove(at: At, person: str) -> int:
    """Delete a person and all messages with them."""
    wanted = check_person(person)
    with running_node(at) as node:
        node.delete(f"{CONTACTS}/{address_of(node, wanted)}")
    return 0


def block(at: At, person: str, *, as_json: bool) -> int:
    """Keep nothing any more that a person sends, who need not be known."""
    wanted = check_person(person)
    with running_node(at) as node:
        _show(node.post(f"{CONTACTS}/{address_of(node, wanted)}/block"), as_json=as_json)
    return 0


def unblock(at: At, person: str) -> int:
    """Let a person write again."""
    wanted = check_person(person)
    with running_node(at) as node:
        node.post(f"{CONTACTS}/{address_of(node, wanted)}/unblock")
    return 0


def verify(at: At, person: str, number: str | None, *, as_json: bool) -> int:
    """Print the safety number with a person, or compare it; raises ConflictError if it differs."""
    from zentalk.session.safety import (
        format_safety_number,
        safety_number,
        safety_numbers_match,
    )
    from zentalk.wire.text import parse_address

    wanted = check_person(person)
    with running_node(at) as node:
        address = address_of(node, wanted)
        own = node.get("/v1/me")["address"]
    shown = format_safety_number(safety_number(parse_address(own), parse_address(address)))
    if number is not None and not safety_numbers_match(shown, number):
        raise ConflictError(
            "the numbers differ: one of you has the wrong address of the other; exchange your"
            " addresses again, in a way that nobody can change"
        )
    if as_json:
        say_json({"address": address, "safety_number": shown})
    else:
        say(shown if number is None else "the numbers are the same")
    return 0


def list_all(at: At, *, as_json: bool) -> int:
    """List everybody in the list: contacts, requests, refused and blocked people."""
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
