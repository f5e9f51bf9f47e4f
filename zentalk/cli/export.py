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
from zentalk.cli.message import text_of
from zentalk.cli.names import Names
from zentalk.cli.node_client import NodeClient
from zentalk.cli.output import answering, harmless, local_time, say_done, telling
from zentalk.cli.people import CONTACTS, check_conversation, conversation_of

FORMAT: Final = 1
_PAGE: Final = 1000
_FIRST: Final = -(2**53)
"""Below all numbers: those of imported messages are below 0."""
_KEPT: Final = ("contact", "blocked")
_PRIVATE: Final = 0o600


def export(
    at: At, person: str | None, kind: str, output: str | None, *, as_json: bool = False
) -> int:
    """Write one conversation, or all, to a file or to standard output.

    `as_json` says what was written to the file; without a file the export itself is the answer.
    """
    wanted = None if person is None else check_conversation(person)
    if as_json and output is None and kind != "json":
        raise UsageError("the answer of --json without --output is the export: give --as json")
    with running_node(at) as node, _opened(output) as out:
        address = None if wanted is None else conversation_of(node, wanted)
        chosen = _chosen(_with_people(node) if kind == "json" else _listed(node), address)
        (_as_json if kind == "json" else _as_markdown)(node, chosen, out)
    if output is not None:
        said = {"output": output, "conversations": [one["address"] for one in chosen]}
        with telling(lambda: f"the export is in {output}"):
            say_done(said, as_json=as_json)
    return 0


def _listed(node: NodeClient) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = node.get("/v1/conversations")["conversations"]
    return listed


def _with_people(node: NodeClient) -> list[dict[str, Any]]:
    """Return the conversations with the states of their people, and then who has none yet."""
    people = {one["address"]: one for one in node.get(CONTACTS)["contacts"]}
    listed = [
        one | {"state": "group" if one["group"] else people.pop(one["address"])["state"]}
        for one in _listed(node)
    ]
    others = [one for one in people.values() if one["state"] in _KEPT]
    return listed + [one | {"group": False} for one in others]


def _chosen(found: list[dict[str, Any]], address: str | None) -> list[dict[str, Any]]:
    return [one for one in found if address is None or one["address"] == address]


def _as_json(node: NodeClient, chosen: list[dict[str, Any]], out: TextIO) -> None:
    out.write(f'{{"format": {FORMAT}, "conversations": [')
    for number, one in enumerate(chosen):
        head = json.dumps({key: one[key] for key in ("address", "name", "state", "group")})
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
            text = "*(taken back)*" if message["deleted"] else _plain(text_of(message))
            edited = " *(edited)*" if message["edited"] else ""
            out.write(f"**{_plain(who)}**, {local_time(message['sent_at'])}{edited}  \n{text}\n\n")


def _messages(node: NodeClient, address: str) -> Iterator[dict[str, Any]]:
    path, after = f"/v1/conversations/{quote(address, safe='')}/messages", _FIRST
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
        with answering():
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
