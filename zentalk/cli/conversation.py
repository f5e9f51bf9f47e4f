"""`zentalk conversation`: whom you write with, and what you have not read."""

from __future__ import annotations

from typing import Any, Final

from zentalk.cli.connect import At, running_node
from zentalk.cli.output import harmless, local_time, say, say_json

_MOST_CHARS: Final = 60


def list_all(at: At, *, as_json: bool) -> int:
    """List the conversations, the latest first."""
    with running_node(at) as node:
        conversations = node.get("/v1/conversations")["conversations"]
    if as_json:
        say_json(conversations)
        return 0
    for conversation in conversations:
        say(_line(conversation))
    return 0


def _line(conversation: dict[str, Any]) -> str:
    unread = f"{conversation['unread']} unread" if conversation["unread"] else ""
    text = harmless(conversation["last_text"])
    if len(text) > _MOST_CHARS:
        text = text[: _MOST_CHARS - 1] + "\N{HORIZONTAL ELLIPSIS}"
    who = harmless(conversation["name"]) or conversation["address"]
    who += " (group)" if conversation["group"] else ""
    return f"{local_time(conversation['last_at'])}  {unread:10}  {who}: {text}"
