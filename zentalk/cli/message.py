"""`zentalk message`: send through the running API node, and read."""

from __future__ import annotations

import sys
import time
from typing import Any, Final

from zentalk.cli.arguments import moment
from zentalk.cli.choosing import (
    Along,
    check_message,
    fields_of,
    found_message,
    messages_path,
)
from zentalk.cli.connect import At, running_node
from zentalk.cli.errors import UsageError
from zentalk.cli.names import Names
from zentalk.cli.node_client import NodeClient
from zentalk.cli.output import harmless, local_time, say, say_json, size_text, telling
from zentalk.cli.people import check_conversation, conversation_of
from zentalk.errors import DeadlineError, UnavailableError

_REACHED: Final = {
    "sent": {"sent", "delivered", "read"},
    "delivered": {"delivered", "read"},
}
FILE: Final = "file"
"""The kind of a message with one."""
_FIRST_PAUSE_SECONDS: Final = 0.02
_LONGEST_PAUSE_SECONDS: Final = 0.5
_PAGE: Final = 1000

Place = tuple[str, str | int]
"""Where a list begins: `before` or `around` a message, or `since` a time in unix seconds."""


def send(
    at: At,
    to: str,
    text: str | None,
    *,
    along: Along,
    wait: str | None,
    timeout_seconds: float,
    as_json: bool,
) -> int:
    """Send one message and print its id and state."""
    wanted = check_conversation(to)
    text = read_standard_input() if text is None else text
    if not text:
        raise UsageError("there is no text to send")
    with running_node(at) as node:
        conversation = conversation_of(node, wanted)
        body = {"text": text, **fields_of(node, conversation, along)}
        message = node.post(messages_path(conversation), body)
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


def place_of(before: str | None, around: str | None, since: str | None) -> Place | None:
    """Return where a list is to begin, if not at the newest messages; raises UsageError."""
    named = {"before": before, "around": around, "since": since}
    given = [(how, what) for how, what in named.items() if what is not None]
    if len(given) > 1:
        raise UsageError("give one of --before, --around and --since")
    for how, what in given:
        if how == "since":
            return how, moment(what)
        check_message(what)
        return how, what
    return None


def list_page(
    at: At, person: str, limit: int, place: Place | None = None, *, ids: bool, as_json: bool
) -> int:
    """List messages of a conversation, newest last: the newest, which then count as read."""
    if limit < 1:
        raise UsageError("--limit must be 1 or more")
    wanted = check_conversation(person)
    with running_node(at) as node:
        partner = conversation_of(node, wanted)
        messages = (
            _newest(node, partner, limit) if place is None else _at(node, partner, limit, place)
        )
        if as_json:
            say_json(messages)
        else:
            names = Names(node)
            for message in messages:
                line = line_of(message, names.before(message))
                say(f"{message['id']}  {line}" if ids else line)
        if place is None:
            mark_read(node, partner, messages)
    return 0


def say_message(message: dict[str, Any], *, as_json: bool) -> None:
    """Print one message."""
    if as_json:
        say_json(message)
    else:
        say(line_of(message))


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
    text = harmless(text_of(message))
    return f"{when} {arrow} {who}{kind}{text}{reactions}  ({message['state']}{edited})"


def text_of(message: dict[str, Any]) -> str:
    """Return what stands for a message: of a file its name, its size and its CID.

    It is as its sender wrote it, and to be made harmless.
    """
    text: str = message["text"]
    body = message.get("body")
    if message["kind"] != FILE or not body:
        return text
    return ", ".join([*([text] if text else []), size_text(body["size"]), body["cid"]])


def _at(node: NodeClient, partner: str, limit: int, place: Place) -> list[dict[str, Any]]:
    """Return messages from a time on, before a message, or around one."""
    how, what = place
    if isinstance(what, int):
        return _since(node, partner, limit, what)
    message = found_message(node, partner, what)
    if how == "before":
        return _newest(node, partner, limit, message["seq"] or None)
    wanted = min(limit, _PAGE)
    answer = node.get(messages_path(partner), around=message["id"], limit=wanted)
    found: list[dict[str, Any]] = answer["messages"]
    return found


def _newest(
    node: NodeClient, partner: str, limit: int, before: int | None = None
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    place = {} if before is None else {"before": before}
    while len(found) < limit:
        wanted = min(limit - len(found), _PAGE)
        page = node.get(messages_path(partner), limit=wanted, **place)["messages"]
        if not page:
            break
        found = page + found
        place = {"before": found[0]["seq"]}
    return found


def _since(node: NodeClient, partner: str, limit: int, moment: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    place = {"since": moment}
    while len(found) < limit:
        wanted = min(limit - len(found), _PAGE)
        page = node.get(messages_path(partner), limit=wanted, **place)["messages"]
        if not page:
            break
        found += page
        place = {"after": found[-1]["seq"]}
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


def read_standard_input() -> str:
    """Read a text that shall not stand in the list of processes, as arguments do."""
    if sys.stdin.isatty():
        raise UsageError("there is no text to send; write it after the person")
    try:
        return sys.stdin.buffer.read().decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise UsageError("standard input is not UTF-8 text") from None
