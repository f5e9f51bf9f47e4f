"""`zentalk message`: send through the running API node, and read."""

from __future__ import annotations

import sys
import time
from typing import Any, Final

from zentalk.cli.connect import At, running_node
from zentalk.cli.errors import UsageError
from zentalk.cli.names import Names
from zentalk.cli.node_client import NodeClient
from zentalk.cli.output import harmless, local_time, say, say_json, telling
from zentalk.cli.people import check_conversation, conversation_of
from zentalk.errors import DeadlineError, UnavailableError

_REACHED: Final = {
    "sent": {"sent", "delivered", "read"},
    "delivered": {"delivered", "read"},
}
_FIRST_PAUSE_SECONDS: Final = 0.02
_LONGEST_PAUSE_SECONDS: Final = 0.5
_PAGE: Final = 1000


def send(
    at: At,
    to: str,
    text: str | None,
    *,
    wait: str | None,
    timeout_seconds: float,
    as_json: bool,
) -> int:
    """Send one message and print its id and state."""
    wanted = check_conversation(to)
    text = _read_standard_input() if text is None else text
    if not text:
        raise UsageError("there is no text to send")
    with running_node(at) as node:
        message = node.post(_messages(conversation_of(node, wanted)), {"text": text})
        if wait is not None:
            message = _wait(node, message, wait, timeout_seconds)
        with telling(lambda: _stored(message)):
            if as_json:
                say_json(message)
            else:
                say(f"{message['id']} {message['state']}")
    return 0


def _stored(message: dict[str, Any]) -> str:
    """Say what whoever reads nothing else must know before sending it again."""
    return f"message {message['id']} is stored and {message['state']}, do not send it again"


def list_page(at: At, person: str, limit: int, *, ids: bool = False, as_json: bool) -> int:
    """List the newest messages of a conversation, newest last."""
    if limit < 1:
        raise UsageError("--limit must be 1 or more")
    wanted = check_conversation(person)
    with running_node(at) as node:
        partner = conversation_of(node, wanted)
        messages = _newest(node, partner, limit)
        if as_json:
            say_json(messages)
        else:
            names = Names(node)
            for message in messages:
                line = line_of(message, names.before(message))
                say(f"{message['id']}  {line}" if ids else line)
        mark_read(node, partner, messages)
    return 0


def mark_read(node: NodeClient, partner: str, shown: list[dict[str, Any]]) -> None:
    """Note that what came in was read, now that it was shown; what came since then was not."""
    seen = [message["seq"] for message in shown if message["direction"] == "in"]
    if seen:
        node.tell(f"/v1/conversations/{partner}/read?seq={max(seen)}")


def line_of(message: dict[str, Any], who: str = "") -> str:
    """Return a message as a line for people; `who` stands before the text."""
    when = local_time(message["sent_at"])
    if message["kind"] == "ratchet-renewed":
        return f"{when} - {who}the keys of this conversation were renewed"
    arrow = "<" if message["direction"] == "in" else ">"
    if message.get("deleted"):
        return f"{when} {arrow} {who}(taken back)"
    kind = "" if message["kind"] == "text" else f"[{harmless(message['kind'])}] "
    edited = ", edited" if message.get("edited") else ""
    reactions = "".join(f" {harmless(one['emoji'])}" for one in message.get("reactions", ()))
    text = harmless(message["text"])
    return f"{when} {arrow} {who}{kind}{text}{reactions}  ({message['state']}{edited})"


def _newest(node: NodeClient, partner: str, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < limit:
        before = {"before": found[0]["seq"]} if found else {}
        wanted = min(limit - len(found), _PAGE)
        page = node.get(_messages(partner), limit=wanted, **before)["messages"]
        if not page:
            break
        found = page + found
    return found


def _wait(
    node: NodeClient, message: dict[str, Any], state: str, timeout_seconds: float
) -> dict[str, Any]:
    """Ask until the message is as far as wanted; raises if it failed or time is up."""
    deadline = time.monotonic() + timeout_seconds  # noqa: TID251 - the edge
    pause = _FIRST_PAUSE_SECONDS
    while message["state"] not in _REACHED[state]:
        if message["state"] == "failed":
            raise UnavailableError(f"message {message['id']} failed: {message['reason']}")
        if time.monotonic() >= deadline:  # noqa: TID251
            raise DeadlineError(
                f"message {message['id']} is still {message['state']} after"
                f" {timeout_seconds:g} s; the API node keeps trying"
            )
        time.sleep(pause)  # noqa: TID251
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
        message = node.get(f"/v1/messages/{message['id']}")
    return message


def _messages(partner: str) -> str:
    return f"/v1/conversations/{partner}/messages"


def _read_standard_input() -> str:
    """Read a text that shall not stand in the list of processes, as arguments do."""
    if sys.stdin.isatty():
        raise UsageError("there is no text to send; write it after the person")
    try:
        return sys.stdin.buffer.read().decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise UsageError("standard input is not UTF-8 text") from None
