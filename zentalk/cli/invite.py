"""`zentalk invite`: links that let people write to you as contacts."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from zentalk.cli.connect import At, running_node
from zentalk.cli.errors import UsageError
from zentalk.cli.node_client import NodeClient
from zentalk.cli.output import harmless, local_time, say, say_done, say_json
from zentalk.errors import ConflictError, NotFoundError

INVITES: Final = "/v1/invites"
_DAY_SECONDS: Final = 86_400


def create(at: At, name: str, *, uses: int, days: float, ask: bool, qr: bool, as_json: bool) -> int:
    """Make an invite and print its link."""
    seconds = round(days * _DAY_SECONDS)
    if uses < 1 or seconds < 1:
        raise UsageError("--uses and --days must be above 0")
    body = {"name": name, "max_uses": uses, "expires_in_seconds": seconds, "accepts": not ask}
    with running_node(at) as node:
        made = node.post(INVITES, body)
        if as_json:
            say_json(made)
        else:
            shown_link(made["link"], qr=qr)
    return 0


def list_all(at: At, *, as_json: bool) -> int:
    """List open invites, and those that ended lately."""
    with running_node(at) as node:
        invites = node.get(INVITES)["invites"]
    if as_json:
        say_json(invites)
        return 0
    for invite in invites:
        say(shown_line(invite))
    return 0


def show(at: At, invite_id: str | None, *, as_json: bool) -> int:
    """Show an invite as a QR code and a link: the newest open one if none is named."""
    with running_node(at) as node:
        found = _newest(node) if invite_id is None else node.get(_path(invite_id))
    if as_json:
        say_json(found)
        return 0
    if not found["link"]:
        raise ConflictError(
            f"invite {found['id']} is {found['state']} and lets nobody in; make another one:"
            " zentalk invite create"
        )
    shown_link(found["link"], qr=True)
    return 0


def revoke(at: At, invite_id: str, *, as_json: bool) -> int:
    """Let nobody in by an invite any more."""
    with running_node(at) as node:
        node.delete(_path(invite_id))
        say_done({"id": invite_id}, as_json=as_json)
    return 0


def _newest(node: NodeClient) -> dict[str, Any]:
    found = [invite for invite in node.get(INVITES)["invites"] if invite["link"]]
    if not found:
        raise NotFoundError("there is no open invite; make one: zentalk invite create")
    return max(found, key=lambda invite: float(invite["created_at"]))


def shown_link(link: str, *, qr: bool) -> None:
    """Print a link, after a QR code of it if that is wanted."""
    if qr:
        from zentalk.qr import lines

        for line in lines(link):
            say(line)
    say(link)


def shown_line(invite: dict[str, Any]) -> str:
    """Return the line of a list that is about one invite."""
    used = f"{invite['uses']}/{invite['max_uses']}"
    until = local_time(invite["expires_at"])
    asks = "" if invite["accepts"] else "  (asks first)"
    name = harmless(invite["name"])
    return f"{invite['id']}  {invite['state']:7}  {used:>9}  {until}  {name}{asks}".rstrip()


def _path(invite_id: str) -> str:
    return f"{INVITES}/{quote(invite_id, safe='')}"
