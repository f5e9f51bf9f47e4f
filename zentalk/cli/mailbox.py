"""`zentalk mailbox`: where others leave mail for you, and how to move it elsewhere."""

from __future__ import annotations

from typing import Any, Final

from zentalk.cli.connect import At, running_node
from zentalk.cli.output import harmless, say, say_json, utc_day

_MAILBOXES: Final = "/v1/mailboxes"


def list_all(at: At, *, as_json: bool) -> int:
    """List the mailboxes."""
    with running_node(at) as node:
        _show(node.get(_MAILBOXES)["mailboxes"], as_json=as_json)
    return 0


def move(at: At, mailbox_id: str | None, *, as_json: bool) -> int:
    """Move one mailbox, or all, and list them."""
    with running_node(at) as node:
        which = {} if mailbox_id is None else {"id": mailbox_id}
        _show(node.post(f"{_MAILBOXES}/move", which)["mailboxes"], as_json=as_json)
    return 0


def _show(mailboxes: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        say_json(mailboxes)
        return
    for mailbox in mailboxes:
        relay = harmless(mailbox["relay"]) or "(unknown relay)"
        say(f"{mailbox['id']}  {_state(mailbox):24}  {relay}")


def _state(mailbox: dict[str, Any]) -> str:
    if mailbox["until"] is not None:
        return f"left, polled to {utc_day(mailbox['until'])}"
    return "current" if mailbox["collected"] else "current, not connected"
