"""`zentalk group`: found groups and channels, and keep them, through the running node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from zentalk.cli.choosing import chosen_message
from zentalk.cli.connect import At, running_node
from zentalk.cli.errors import UsageError
from zentalk.cli.names import Names
from zentalk.cli.node_client import NodeClient
from zentalk.cli.output import harmless, local_time, say, say_done, say_json
from zentalk.cli.people import (
    GROUPS,
    INVITED,
    JOINED,
    LEFT,
    REMOVED,
    address_of,
    addresses_of,
    check_group,
    check_person,
    group_of,
)
from zentalk.cli.pictures import read_picture, write_picture

_WRITERS: Final = {"members": "members write", "admins": "admins write"}


def create(at: At, name: str, people: Sequence[str], *, channel: bool, as_json: bool) -> int:
    """Found a group or channel and invite people."""
    wanted = [check_person(person) for person in people]
    with running_node(at) as node:
        body = {"name": name, "kind": "channel" if channel else "group"}
        made = node.post(GROUPS, {**body, "members": addresses_of(node, wanted)})
        _say(made, as_json=as_json)
    return 0


def list_all(at: At, *, as_json: bool) -> int:
    """List all groups."""
    with running_node(at) as node:
        groups = node.get(GROUPS)["groups"]
        if as_json:
            say_json(groups)
            return 0
        names = Names(node)
        for group in groups:
            say(_line(group, names))
    return 0


def show(at: At, group: str, *, as_json: bool) -> int:
    """Show a group with its people."""
    with _chosen(at, group, (JOINED, INVITED)) as (node, path):
        found = node.get(path)
        if as_json:
            say_json(found)
            return 0
        for line in _about(found, Names(node), own=node.get("/v1/me")["address"]):
            say(line)
    return 0


def invite(at: At, group: str, people: Sequence[str], *, as_json: bool) -> int:
    """Invite people."""
    wanted = [check_person(person) for person in people]
    with _chosen(at, group) as (node, path):
        body = {"members": addresses_of(node, wanted)}
        _say(node.post(f"{path}/members", body), as_json=as_json)
    return 0


def accept(at: At, group: str, *, as_json: bool) -> int:
    """Join a group."""
    with _chosen(at, group, (INVITED,)) as (node, path):
        _say(node.post(f"{path}/accept"), as_json=as_json)
    return 0


def leave(at: At, group: str, *, as_json: bool) -> int:
    """Leave a group, or refuse an invitation."""
    with _chosen(at, group, (JOINED, INVITED)) as (node, path):
        node.post(f"{path}/leave")
        _say(node.get(path), as_json=as_json)
    return 0


def forget(at: At, group: str, *, as_json: bool) -> int:
    """Delete all that is here of a group that the owner is not in."""
    with _chosen(at, group, (LEFT, REMOVED)) as (node, path):
        node.delete(path)
        say_done({"id": path.rpartition("/")[2]}, as_json=as_json)
    return 0


def remove(at: At, group: str, person: str, *, as_json: bool) -> int:
    """Put somebody out."""
    wanted = check_person(person)
    with _chosen(at, group) as (node, path):
        node.delete(f"{path}/members/{address_of(node, wanted)}")
        _say(node.get(path), as_json=as_json)
    return 0


def set_role(at: At, group: str, person: str, role: str, *, as_json: bool) -> int:
    """Make somebody an admin, or a member again."""
    wanted = check_person(person)
    with _chosen(at, group) as (node, path):
        member = f"{path}/members/{address_of(node, wanted)}"
        _say(node.put(member, {"role": role}), as_json=as_json)
    return 0


def share(at: At, group: str, person: str, *, lines: int, as_json: bool) -> int:
    """Share messages of before with somebody."""
    wanted = check_person(person)
    if lines < 1:
        raise UsageError("--lines must be above 0")
    with _chosen(at, group) as (node, path):
        member = f"{path}/members/{address_of(node, wanted)}"
        made = node.post(f"{member}/history", {"count": lines})
        if as_json:
            say_json(made)
        else:
            say(f"{made['messages']} messages go to them, as what you say that was written")
    return 0


def change(at: At, group: str, what: str, value: str, *, as_json: bool) -> int:
    """Change name, description or posting of a group."""
    with _chosen(at, group) as (node, path):
        _say(node.patch(path, {what: value}), as_json=as_json)
    return 0


def set_picture(at: At, group: str, file: Path | None, *, as_json: bool) -> int:
    """Give a group another picture; take it away without a file."""
    shown = "" if file is None else read_picture(file)
    with _chosen(at, group) as (node, path):
        if file is None:
            node.delete(f"{path}/picture")
        else:
            node.put(f"{path}/picture", {"picture": shown})
        _say(node.get(path), as_json=as_json)
    return 0


def save_picture(at: At, group: str, output: Path, *, as_json: bool) -> int:
    """Write the picture of a group to a new file."""
    with _chosen(at, group, (JOINED, INVITED)) as (node, path):
        write_picture(output, node.get(f"{path}/picture")["picture"])
        _say(node.get(path), as_json=as_json)
    return 0


def deliveries(at: At, group: str, which: str, *, as_json: bool) -> int:
    """Tell how far a message of the owner has come with each member."""
    with chosen_message(at, group, which, own=True) as (node, path):
        found = node.get(f"{path}/deliveries")["deliveries"]
        if as_json:
            say_json(found)
            return 0
        names = Names(node)
        for one in found:
            who, reason = names.member(one["address"]), harmless(one["reason"])
            say(f"{one['state']:9}  {local_time(one['at'])}  {who}  {reason}".rstrip())
    return 0


@contextmanager
def _chosen(
    at: At, group: str, standings: Sequence[str] = (JOINED,)
) -> Iterator[tuple[NodeClient, str]]:
    """Find a group by its name or id; yield its path."""
    wanted = check_group(group)
    with running_node(at) as node:
        yield node, f"{GROUPS}/{quote(group_of(node, wanted, standings), safe='')}"


def _say(group: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(group)
    else:
        say(_line(group))


def _line(group: dict[str, Any], names: Names | None = None) -> str:
    count = group["member_count"]
    people = f"{count} member{'' if count == 1 else 's'}"
    by = ""
    if names is not None and group["standing"] == INVITED:
        by = f"  (invited by {names.member(group['invited_by'])})"
    return (
        f"{group['conversation']}  {group['standing']:8}  {group['kind']:7}  {people:11}"
        f"  {harmless(group['name'])}{by}"
    )


def _about(group: dict[str, Any], names: Names, own: str) -> Iterator[str]:
    yield _line(group, names)
    if group["description"]:
        yield harmless(group["description"])
    yield _WRITERS.get(group["posting"], "")
    if group["unconfirmed"]:
        yield "unconfirmed: too few others have shown yet that they see the same group"
    if group["founderless"]:
        yield "its founder has left: nobody can put out the admins that the founder made"
    if group["full"]:
        yield "it has no room for further changes: an admin can found another group"
    if group["successor"]:
        yield f"it goes on as {group['successor']}"
    for member in group["members"]:
        who = "you" if member["address"] == own else names.named(member["address"])
        yield f"{member['address']}  {member['role']:10}  {member['status']:7}  {who}".rstrip()
    for conflict in group["conflicts"]:
        by, against = (names.member(conflict[key]) for key in ("by", "against"))
        yield f"{by} tried to put out or demote {against}, without effect: ranks are the same"
    for ticket in group["tickets"]:
        yield _ticket(ticket, names.member(ticket["by"]))


def _ticket(ticket: dict[str, Any], by: str) -> str:
    used = f"{ticket['used']}/{ticket['uses']} used"
    ends = "closed" if ticket["closed"] else "open"
    if ends == "open" and ticket["expires_at"]:
        ends = f"until {local_time(ticket['expires_at'])}"
    return f"link {ticket['id']} of {by}: {used}, {ends}"
