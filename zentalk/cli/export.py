"""`zentalk conversation export`: the history as JSON or Markdown, page by page.

It asks for pages of a thousand messages and writes each before it asks for the next, so that a
history of any length fits into memory. A file is written beside its place and moved there once it
is whole, readable by its owner only: it holds everything in the clear.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO
from urllib.parse import quote

from zentalk.cli.connect import At, running_node
from zentalk.cli.errors import UsageError
from zentalk.cli.names import Names
from zentalk.cli.node_client import NodeClient
from zentalk.cli.output import harmless, local_time
from zentalk.cli.people import check_conversation, conversation_of

FORMAT: Final = 1
_PAGE: Final = 1000
_PRIVATE: Final = 0o600


def export(at: At, person: str | None, kind: str, output: str | None) -> int:
    """Write one conversation, or all, to a file or to standard output."""
    wanted = None if person is None else check_conversation(person)
    with running_node(at) as node, _opened(output) as out:
        address = None if wanted is None else conversation_of(node, wanted)
        listed = node.get("/v1/conversations")["conversations"]
        chosen = [one for one in listed if address is None or one["address"] == address]
        (_as_json if kind == "json" else _as_markdown)(node, chosen, out)
    return 0


def _as_json(node: NodeClient, chosen: list[dict[str, Any]], out: TextIO) -> None:
    out.write(f'{{"format": {FORMAT}, "conversations": [')
    for number, one in enumerate(chosen):
        head = json.dumps({"address": one["address"], "name": one["name"], "group": one["group"]})
        out.write(f'{"," if number else ""}\n{head[:-1]}, "messages": [')
        for place, message in enumerate(_messages(node, one["address"])):
            line = json.dumps(message)
            out.write(f"{',' if place else ''}\n{line}")
        out.write("]}")
    out.write("]}\n")


def _as_markdown(node: NodeClient, chosen: list[dict[str, Any]], out: TextIO) -> None:
    names = Names(node)
    for one in chosen:
        name = one["name"] or one["address"]
        out.write(f"# {_plain(name)}\n\n")
        for message in _messages(node, one["address"]):
            who = "me" if message["direction"] == "out" else names.author(message) or name
            text = "*(taken back)*" if message["deleted"] else _plain(message["text"])
            edited = " *(edited)*" if message["edited"] else ""
            out.write(f"**{_plain(who)}**, {local_time(message['sent_at'])}{edited}  \n{text}\n\n")


def _messages(node: NodeClient, address: str) -> Iterator[dict[str, Any]]:
    path, after = f"/v1/conversations/{quote(address, safe='')}/messages", 0
    while page := node.get(path, after=after, limit=_PAGE)["messages"]:
        yield from page
        after = page[-1]["seq"]


def _plain(text: str) -> str:
    """Return a text in which nothing is markup or drives a terminal: somebody else wrote it."""
    escaped = "".join(f"\\{char}" if char in "\\`*_{}[]<>#+-.!|~" else char for char in text)
    return "  \n".join(harmless(line) for line in escaped.split("\n"))


@contextmanager
def _opened(output: str | None) -> Iterator[TextIO]:
    """Yield where to write; raises UsageError if the file cannot be made or is there already."""
    if output is None:
        yield sys.stdout
        return
    path = Path(output)
    if path.exists():
        raise UsageError(f"{path} is there already: name another file")
    part = path.with_name(f".{path.name}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise UsageError(f"{path} cannot be written: {reason}") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
