"""`zentalk group link` and what else is done with links to groups, through the running node.

A link to a group is an invite that invites to the group as well; `invite.py` ends it.
"""

from __future__ import annotations

from urllib.parse import quote

from zentalk.cli.arguments import address_or_invite, duration
from zentalk.cli.connect import At, running_node
from zentalk.cli.errors import UsageError
from zentalk.cli.invite import INVITES, shown_line, shown_link
from zentalk.cli.output import say, say_done, say_json, say_or_json
from zentalk.cli.people import GROUPS, LINK_STARTS, check_group, group_of


def create(at: At, group: str, *, uses: int, lasts: str, qr: bool, as_json: bool) -> int:
    """Make a link to a group and print it."""
    wanted, seconds = check_group(group), duration(lasts)
    if uses < 1 or seconds < 1:
        raise UsageError("--uses and --lasts must be above 0")
    with running_node(at) as node:
        body = {"max_uses": uses, "expires_in_seconds": seconds}
        made = node.post(INVITES, {**body, "group": group_of(node, wanted)})
        if as_json:
            say_json(made)
        else:
            shown_link(made["link"], qr=qr)
    return 0


def list_all(at: At, group: str, *, as_json: bool) -> int:
    """List the owner's links to a group."""
    wanted = check_group(group)
    with running_node(at) as node:
        found = group_of(node, wanted)
        invites = [one for one in node.get(INVITES)["invites"] if one["group"] == found]
    if as_json:
        say_json(invites)
        return 0
    for invite in invites:
        say(shown_line(invite))
    return 0


def close(at: At, group: str, ticket: str, *, as_json: bool) -> int:
    """Close a link of any admin, by the id by which its members know it."""
    wanted = check_group(group)
    with running_node(at) as node:
        path = f"{GROUPS}/{group_of(node, wanted)}/tickets"
        node.delete(f"{path}/{quote(ticket, safe='')}")
        say_done({"id": ticket}, as_json=as_json)
    return 0


def join(at: At, link: str, *, as_json: bool) -> int:
    """Ask to be let in by a link."""
    if not link.startswith(LINK_STARTS):
        raise UsageError(f"a link to a group starts with {LINK_STARTS}")
    wanted = address_or_invite(link)
    with running_node(at) as node:
        node.post(f"{GROUPS}/join", {"link": wanted})
        say_or_json(
            "asked; the group is shown once whoever made the link has let you in:"
            " zentalk group list",
            {"link": wanted},
            as_json=as_json,
        )
    return 0
