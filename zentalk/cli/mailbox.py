"""`zentalk mailbox`: where others leave mail for you, and how to move it elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from zentalk.cli.connect import running_node
from zentalk.cli.output import harmless, say, say_json
from zentalk.client import Mailbox


def list_all(directory: Path, *, as_json: bool) -> int:
    """List the mailboxes."""
    with running_node(directory) as node:
        _show(node.mailboxes(), as_json=as_json)
    return 0


def move(directory: Path, mailbox_id: str | None, *, as_json: bool) -> int:
    """Move one mailbox, or all, and list them."""
    with running_node(directory) as node:
        _show(node.move_mailboxes(mailbox_id), as_json=as_json)
    return 0


def _show(mailboxes: list[Mailbox], *, as_json: bool) -> None:
    if as_json:
        say_json([mailbox.model_dump() for mailbox in mailboxes])
        return
    for mailbox in mailboxes:
        say(f"{mailbox.id}  {_state(mailbox):24}  {harmless(mailbox.relay) or '(unknown relay)'}")


def _state(mailbox: Mailbox) -> str:
    if mailbox.until is not None:
        return f"left, polled to {datetime.fromtimestamp(mailbox.until, UTC).date().isoformat()}"
    return "current" if mailbox.collected else "current, not connected"
