"""`zentalk contact`: the people an API node knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from zentalk.cli.arguments import address as read_address
from zentalk.cli.arguments import address_or_invite
from zentalk.cli.connect import At, running_node
from zentalk.cli.errors import UsageError
from zentalk.cli.node_client import NodeClient
from zentalk.cli.output import harmless, local_time, say, say_done, say_json
from zentalk.cli.people import CONTACTS, address_of, check_person
from zentalk.errors import ConflictError, NotFoundError

_INTRODUCTIONS: Final = "/v1/introductions"


def add(at: At, address: str, name: str, *, as_json: bool) -> int:
    """Add, rename or accept a person, by an address or an invite link."""
    wanted = address_or_invite(address)
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


def refuse(at: At, person: str, *, as_json: bool) -> int:
    """Refuse a request."""
    wanted = check_person(person)
    with running_node(at) as node:
        address = address_of(node, wanted)
        node.post(f"{CONTACTS}/{address}/refuse")
        say_done({"address": address}, as_json=as_json)
    return 0


def remove(at: At, person: str, *, as_json: bool) -> int:
    """Delete a person and all messages with them."""
    wanted = check_person(person)
    with running_node(at) as node:
        address = address_of(node, wanted)
        node.delete(f"{CONTACTS}/{address}")
        say_done({"address": address}, as_json=as_json)
    return 0


def block(at: At, person: str, *, as_json: bool) -> int:
    """Keep nothing any more that a person sends, who need not be known."""
    wanted = check_person(person)
    with running_node(at) as node:
        _show(node.post(f"{CONTACTS}/{address_of(node, wanted)}/block"), as_json=as_json)
    return 0


def unblock(at: At, person: str, *, as_json: bool) -> int:
    """Let a person write again."""
    wanted = check_person(person)
    with running_node(at) as node:
        address = address_of(node, wanted)
        node.post(f"{CONTACTS}/{address}/unblock")
        say_done({"address": address}, as_json=as_json)
    return 0


def verify(at: At, person: str, number: str | None, *, is_same: bool, as_json: bool) -> int:
    """Print the safety number with a person, or mark a contact whose number is the same."""
    wanted = check_person(person)
    said = {"confirmed": True} if number is None else {"number": number}
    with running_node(at) as node:
        path = f"{CONTACTS}/{address_of(node, wanted)}"
        if number is not None or is_same:
            node.post(f"{path}/verify", said)
        safety = node.get(f"{path}/safety")
        if as_json:
            say_json(safety)
            return 0
        say(" ".join(safety["groups"]) if number is None else "the numbers are the same")
        if safety["warning"]:
            say(safety["warning"])
        elif safety["verified"]:
            say(f"verified since {local_time(safety['verified_at'])}")
    return 0


def direct(at: At, person: str, on: bool | None, *, as_json: bool) -> int:
    """Print on which way a contact is reached, or allow direct connections, or not any more."""
    wanted = check_person(person)
    with running_node(at) as node:
        path = f"{CONTACTS}/{address_of(node, wanted)}/direct"
        found = node.get(path) if on is None else node.put(path, {"allowed": on})
        if as_json:
            say_json(found)
            return 0
        for line in _direct_lines(found):
            say(line)
    return 0


def _direct_lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield "directly" if found["path"] == "direct" else "over relays"
    yield "you allow direct connections" if found["allowed"] else "you allow none: turn it `on`"
    if found["allowed"] and not found["allowed_by_them"]:
        yield "they have not allowed it yet: until they do, they do not see your address"
    elif found["allowed_by_them"] and not found["allowed"]:
        yield "they allow it: if you do too, each sees the other's network address"
    if found["why_not"]:
        yield f"no direct way: {found['why_not']}"


def unverify(at: At, person: str, *, as_json: bool) -> int:
    """Take the verified mark of a contact away."""
    wanted = check_person(person)
    with running_node(at) as node:
        address = address_of(node, wanted)
        node.delete(f"{CONTACTS}/{address}/verify")
        say_done({"address": address}, as_json=as_json)
    return 0


def introduce(at: At, person: str, to: str, name: str, to_name: str, *, as_json: bool) -> int:
    """Tell two contacts of each other."""
    first, second = check_person(person), check_person(to)
    with running_node(at) as node:
        address, other = address_of(node, first), address_of(node, second)
        body = {"to": other, "name": name, "to_name": to_name}
        node.post(f"{CONTACTS}/{address}/introduce", body)
        say_done({"address": address, "to": other}, as_json=as_json)
    return 0


def introduced(at: At, *, as_json: bool) -> int:
    """List who was introduced and is no contact yet."""
    with running_node(at) as node:
        people = node.get(_INTRODUCTIONS)["introductions"]
        names = _names(node.get(CONTACTS)["contacts"])
    if as_json:
        say_json(people)
        return 0
    for one in people:
        who = harmless(_name_of(one["introduced_by"], names))
        like = f"  (looks like {one['looks_like']})" if one["looks_like"] else ""
        say(f"{one['address']}  {harmless(one['name'])}  (introduced by {who}){like}")
    return 0


def dismiss(at: At, address: str, *, as_json: bool) -> int:
    """Forget who introduced a person."""
    with running_node(at) as node:
        wanted = _introduced_address(node, address)
        node.delete(f"{_INTRODUCTIONS}/{wanted}")
        say_done({"address": wanted}, as_json=as_json)
    return 0


def _introduced_address(node: NodeClient, who: str) -> str:
    """Return the address of somebody who was introduced, by it or by a name that one has."""
    with suppress(UsageError):
        return read_address(who)  # nobody can be called by the address of another
    named = [one for one in node.get(_INTRODUCTIONS)["introductions"] if one["name"] == who]
    if len(named) == 1:
        return str(named[0]["address"])
    raise NotFoundError(
        f"nobody, or more than one, was introduced as '{who}': give the address, see: zentalk"
        " contact introduced"
    )


def list_all(at: At, *, as_json: bool) -> int:
    """List everybody in the list: contacts, requests, refused and blocked people."""
    with running_node(at) as node:
        contacts = node.get(CONTACTS)["contacts"]
    if as_json:
        say_json(contacts)
        return 0
    names = _names(contacts)
    for contact in contacts:
        _show(contact, as_json=False, names=names)
    return 0


def _show(
    contact: dict[str, Any], *, as_json: bool, names: Mapping[str, str] | None = None
) -> None:
    if as_json:
        say_json(contact)
        return
    name = harmless(contact["name"])
    line = f"{contact['address']}  {contact['state']:7}  {name}".rstrip()
    say("  ".join([line, *_remarks(contact, names or {})]))


def _remarks(contact: dict[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    """Yield what is to be known of a person besides the name."""
    if contact["verified"]:
        yield "(verified)"
    if contact["warning"]:
        yield "(now on another node: see zentalk contact verify)"
    if contact.get("looks_like"):
        yield f"(looks like {contact['looks_like']})"
    if contact["introduced_by"]:
        yield f"(introduced by {harmless(_name_of(contact['introduced_by'], names))})"
    elif contact["invite"]:
        yield "(invited)"


def _names(contacts: list[dict[str, Any]]) -> dict[str, str]:
    return {contact["address"]: contact["name"] for contact in contacts}


def _name_of(address: str, names: Mapping[str, str]) -> str:
    return names.get(address) or address
