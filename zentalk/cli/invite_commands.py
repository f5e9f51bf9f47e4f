"""The commands `zentalk invite` and their arguments; `invite.py` acts on them.

A module is imported only when its command runs.
"""

from __future__ import annotations

from typing import Annotated

from zentalk.cli.grammar import Group, Parameter
from zentalk.cli.options import AsJson, RunningNode

invite = Group("invite", "Invite people by links and QR codes, through your running API node.")
InviteId = Annotated[str, Parameter("ID", help="The id of the invite; see: zentalk invite list")]


@invite.command(name="create")
def invite_create(
    name: Annotated[
        list[str] | None,
        Parameter("NAME", help="For whom: who comes by a one-time invite gets this name."),
    ] = None,
    /,
    *,
    node: RunningNode,
    uses: Annotated[int, Parameter(help="How many people may come by it.")] = 1,
    days: Annotated[float, Parameter(help="After so many days it lets nobody in.")] = 7.0,
    ask: Annotated[
        bool, Parameter(help="Who comes by it makes a request, which says so, instead.")
    ] = False,
    qr: Annotated[bool, Parameter(help="Print it as a QR code too.")] = False,
    as_json: AsJson = False,
) -> int:
    """Make an invite and print its link. Whoever has the link first becomes your contact.

    Give it to one person only, in a way that nobody else can read or change.
    """
    from zentalk.cli import invite as act

    whom = " ".join(name) if name else ""
    return act.create(node.at, whom, uses=uses, days=days, ask=ask, qr=qr, as_json=as_json)


@invite.command(name="list")
def invite_list(*, node: RunningNode, as_json: AsJson = False) -> int:
    """List open invites, and those that ended in the last 30 days."""
    from zentalk.cli import invite as act

    return act.list_all(node.at, as_json=as_json)


@invite.command(name="show")
def invite_show(
    invite_id: Annotated[
        str | None,
        Parameter("ID", help="The id of the invite. Without it, the newest open one is shown."),
    ] = None,
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Show an invite as a QR code and a link."""
    from zentalk.cli import invite as act

    return act.show(node.at, invite_id, as_json=as_json)


@invite.command(name="revoke")
def invite_revoke(invite_id: InviteId, /, *, node: RunningNode, as_json: AsJson = False) -> int:
    """Let nobody in by an invite any more. Those who came by it stay your contacts."""
    from zentalk.cli import invite as act

    return act.revoke(node.at, invite_id, as_json=as_json)
