"""The commands `zentalk group` and their arguments; `group.py` acts on them.

A module is imported only when its command runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from zentalk.cli.errors import UsageError
from zentalk.cli.grammar import Group, Parameter
from zentalk.cli.options import AsJson, Person, RunningNode

groups = Group("group", "Found groups and channels, and keep them, through your running API node.")

Which = Annotated[str, Parameter("GROUP", help="The name of a group, or its id.")]
People = Annotated[
    list[str],
    Parameter("PERSON", help="Contacts, each by your name for them or by address."),
]


@groups.command(name="create")
def group_create(
    name: Annotated[str, Parameter("NAME", help="In quotes if it has several words.")],
    people: Annotated[
        list[str] | None,
        Parameter("PERSON", help="Contacts to invite, each by your name for them or by address."),
    ] = None,
    /,
    *,
    node: RunningNode,
    channel: Annotated[bool, Parameter(help="Only admins write; whom you invite reads.")] = False,
    as_json: AsJson = False,
) -> int:
    """Found a group or channel, invite contacts to it, and print its id."""
    from zentalk.cli import group as act

    return act.create(node.at, name, people or [], channel=channel, as_json=as_json)


@groups.command(name="list")
def group_list(*, node: RunningNode, as_json: AsJson = False) -> int:
    """List the groups that you are or were in, and those that you are invited to."""
    from zentalk.cli import group as act

    return act.list_all(node.at, as_json=as_json)


@groups.command(name="show")
def group_show(which: Which, /, *, node: RunningNode, as_json: AsJson = False) -> int:
    """Show a group with its people: address, role, whether they have joined, your name for them."""
    from zentalk.cli import group as act

    return act.show(node.at, which, as_json=as_json)


@groups.command(name="invite")
def group_invite(
    which: Which, people: People, /, *, node: RunningNode, as_json: AsJson = False
) -> int:
    """Invite contacts. They see what is written after they have accepted."""
    from zentalk.cli import group as act

    return act.invite(node.at, which, people, as_json=as_json)


@groups.command(name="accept")
def group_accept(which: Which, /, *, node: RunningNode, as_json: AsJson = False) -> int:
    """Join a group that you are invited to."""
    from zentalk.cli import group as act

    return act.accept(node.at, which, as_json=as_json)


@groups.command(name="leave")
def group_leave(which: Which, /, *, node: RunningNode, as_json: AsJson = False) -> int:
    """Leave a group, or refuse an invitation. Its messages stay at your node."""
    from zentalk.cli import group as act

    return act.leave(node.at, which, as_json=as_json)


@groups.command(name="forget")
def group_forget(which: Which, /, *, node: RunningNode, as_json: AsJson = False) -> int:
    """Delete all that your node has of a group that you are not in, its messages too."""
    from zentalk.cli import group as act

    return act.forget(node.at, which, as_json=as_json)


@groups.command(name="remove")
def group_remove(
    which: Which, person: Person, /, *, node: RunningNode, as_json: AsJson = False
) -> int:
    """Put somebody out of a group. What they have read stays with them."""
    from zentalk.cli import group as act

    return act.remove(node.at, which, person, as_json=as_json)


@groups.command(name="promote")
def group_promote(
    which: Which, person: Person, /, *, node: RunningNode, as_json: AsJson = False
) -> int:
    """Make somebody an admin, one rank below you."""
    from zentalk.cli import group as act

    return act.set_role(node.at, which, person, "admin", as_json=as_json)


@groups.command(name="demote")
def group_demote(
    which: Which, person: Person, /, *, node: RunningNode, as_json: AsJson = False
) -> int:
    """Let an admin whose rank is below yours be a member again."""
    from zentalk.cli import group as act

    return act.set_role(node.at, which, person, "member", as_json=as_json)


@groups.command(name="share")
def group_share(
    which: Which,
    person: Person,
    /,
    *,
    node: RunningNode,
    lines: Annotated[int, Parameter(help="How many of the newest messages, 200 at most.")] = 100,
    as_json: AsJson = False,
) -> int:
    """Send somebody who joined later the newest messages of before, as an admin."""
    from zentalk.cli import group as act

    return act.share(node.at, which, person, lines=lines, as_json=as_json)


@groups.command(name="rename")
def group_rename(
    which: Which,
    name: Annotated[list[str], Parameter("NAME", help="The new name, for all members.")],
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Give a group another name."""
    from zentalk.cli import group as act

    return act.change(node.at, which, "name", " ".join(name), as_json=as_json)


@groups.command(name="describe")
def group_describe(
    which: Which,
    text: Annotated[
        list[str] | None, Parameter("TEXT", help="Without it, the description is taken away.")
    ] = None,
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Say what a group is about."""
    from zentalk.cli import group as act

    return act.change(node.at, which, "description", " ".join(text or []), as_json=as_json)


@groups.command(name="posting")
def group_posting(
    which: Which,
    rule: Annotated[
        Literal["members", "admins"], Parameter("WHO", help="Who may write: members or admins.")
    ],
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Say who may write in a group. Subscribers of a channel never do."""
    from zentalk.cli import group as act

    return act.change(node.at, which, "posting", rule, as_json=as_json)


@groups.command(name="picture")
def group_picture(
    which: Which,
    file: Annotated[Path | None, Parameter("FILE", help="A picture of at most 24 KiB.")] = None,
    /,
    *,
    node: RunningNode,
    off: Annotated[bool, Parameter(help="Take the picture away.")] = False,
    output: Annotated[
        Path | None, Parameter(help="Write the picture that is there to this new file.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Give a group a picture, take it away, or save the one that it has."""
    from zentalk.cli import group as act

    if sum((file is not None, off, output is not None)) != 1:
        raise UsageError("give one of FILE, --off and --output")
    if output is not None:
        return act.save_picture(node.at, which, output, as_json=as_json)
    return act.set_picture(node.at, which, file, as_json=as_json)


@groups.command(name="deliveries")
def group_deliveries(
    which: Which,
    message: Annotated[
        str,
        Parameter("MESSAGE", help="A message of yours: its id, the first digits of it, or last."),
    ],
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Show how far a message of yours has come with each member."""
    from zentalk.cli import group as act

    return act.deliveries(node.at, which, message, as_json=as_json)


@groups.command(name="link")
def group_link(
    which: Which,
    /,
    *,
    node: RunningNode,
    uses: Annotated[int, Parameter(help="How many people may come by it.")] = 1,
    lasts: Annotated[str, Parameter(help="For how long it lets people in, such as 12h.")] = "7d",
    qr: Annotated[bool, Parameter(help="Print it as a QR code too.")] = False,
    as_json: AsJson = False,
) -> int:
    """Make a link to a group and print it. Whoever has it becomes your contact and is let in."""
    from zentalk.cli import group_links as act

    return act.create(node.at, which, uses=uses, lasts=lasts, qr=qr, as_json=as_json)


@groups.command(name="links")
def group_links(which: Which, /, *, node: RunningNode, as_json: AsJson = False) -> int:
    """List your links to a group: open ones, and those that ended in the last 30 days."""
    from zentalk.cli import group_links as act

    return act.list_all(node.at, which, as_json=as_json)


@groups.command(name="unlink")
def group_unlink(
    link: Annotated[str, Parameter("ID", help="The id of the link; see: zentalk group links")],
    /,
    *,
    node: RunningNode,
    of: Annotated[
        str | None,
        Parameter(help="Close the link of any admin that has this ID in group show."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Let nobody in by a link any more. Those who came by it stay."""
    from zentalk.cli import group_links, invite

    if of is not None:
        return group_links.close(node.at, of, link, as_json=as_json)
    return invite.revoke(node.at, link, as_json=as_json)


@groups.command(name="join")
def group_join(
    link: Annotated[str, Parameter("LINK", help="A link to a group: zentalk:zt1...#...")],
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Ask to be let into a group by a link, and join it as soon as you are let in."""
    from zentalk.cli import group_links as act

    return act.join(node.at, link, as_json=as_json)
