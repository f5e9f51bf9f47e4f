"""`zentalk api link`, `phrase`, `promote` and others: two nodes of one owner."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from zentalk.cli.arguments import in_path
from zentalk.cli.connect import At, running_node
from zentalk.cli.errors import UsageError
from zentalk.cli.output import (
    announce,
    harmless,
    local_time,
    say,
    say_done,
    say_json,
    say_or_json,
    telling,
)
from zentalk.errors import ConflictError, ZentalkError

LINKS: Final = "/v1/links"
CHECKED_WORDS: Final = 3
_STANDARD_INPUT: Final = "-"


def show_code(at: At, *, qr: bool, as_json: bool) -> int:
    """Make a code for a replica and print it."""
    with running_node(at) as node:
        made = node.post(LINKS)
        if as_json:
            say_json(made)
            return 0
        if qr:
            from zentalk.qr import lines

            for line in lines(made["code"]):
                say(line)
        say(made["code"])
    until = local_time(made["expires_at"])
    _remark(f"whoever has this code first gets your whole history; it ends {until}")
    return 0


def show_state(at: At, *, as_json: bool) -> int:
    """Show what the node is among the owner's nodes."""
    with running_node(at) as node:
        state = node.get(LINKS)
    if as_json:
        say_json(state)
        return 0
    say(f"role: {state['role']}  term: {state['term']}")
    say(f"recovery phrase: {'yes' if state['recovery'] else 'no'}")
    for count, what in (("pending", "not placed yet"), ("unconfirmed", "not confirmed yet")):
        if state[count]:
            say(f"{what}: {state[count]}")
    for link in state["links"]:
        say(_line(link))
    if state["note"]:
        say(f"note: {harmless(state['note'])}")
    return 0


def unlink(at: At, link_id: str, *, as_json: bool) -> int:
    """Tell the replica nothing any more."""
    with running_node(at) as node:
        node.delete(f"{LINKS}/{in_path(link_id)}")
        say_done({"id": link_id}, as_json=as_json)
    return 0


def phrase(directory: Path, words: int, file: Path | None, *, again: bool) -> int:
    """Make a recovery phrase, let it be checked or write it down, and give the node what it seals.

    Raises ConflictError if there is one already or a word that was typed is another, and what
    `write_private` raises for a file that it cannot write or that is there.
    """
    from zentalk.crypto.phrase import make_phrase, phrase_secret
    from zentalk.node.replica.invitation import is_replica
    from zentalk.store.key_file import load_identity
    from zentalk.wire.recovery import seal_identity

    if is_replica(directory):
        raise ConflictError("this node is a replica: make the phrase at the node that it follows")
    identity = load_identity(directory)
    with running_node(At(directory, None, None)) as node:
        if node.get(LINKS)["recovery"] and not again:
            raise ConflictError(
                "there is a recovery phrase already, which is not shown again; with --again a new"
                " one takes its place"
            )
        made = make_phrase(words, os.urandom)  # noqa: TID251 - the edge
        _hand_over(made, file)
        sealed = seal_identity(identity, phrase_secret(made), os.urandom)  # noqa: TID251
        try:
            node.put(f"{LINKS}/recovery", {"sealed": sealed.hex()})
        except ZentalkError:
            if file is not None:
                _remark(
                    f"whether the words in {file} count is not known: make others, with --again"
                )
            raise
    announce("kept: with these words a replica can be promoted")
    return 0


def promote(directory: Path, *, as_json: bool) -> int:
    """Make a folder that of the first; the phrase is read from standard input."""
    from zentalk.config import hold_lock, load_api_settings
    from zentalk.net.runtime import Runtime
    from zentalk.node.replica import promotion

    load_api_settings(directory)
    with hold_lock(directory):
        words = ""
        if promotion.needs_phrase(directory):
            words = _ask("recovery phrase, all words in one line: ")
        term = promotion.promote(directory, words, Runtime.real().wall())
    with telling(lambda: f"promoted to term {term}"):
        say_or_json(f"promoted: term {term}", {"term": term}, as_json=as_json)
    _remark(f"start it with: zentalk api run --dir {directory}")
    return 0


def follow(directory: Path, code: str, *, as_json: bool) -> int:
    """Make the folder of a node that was replaced a replica of the other one."""
    from zentalk.config import hold_lock, load_api_settings
    from zentalk.net.runtime import Runtime
    from zentalk.node.replica.comeback import follow_again

    load_api_settings(directory)
    link = given_code(code)
    with hold_lock(directory):
        kept = follow_again(directory, link, os.urandom, Runtime.real().wall())  # noqa: TID251
    with telling(lambda: f"this node follows the other one, and what it had is kept in {kept}"):
        say_or_json(f"what this node had is kept in {kept}", {"kept": str(kept)}, as_json=as_json)
    _remark(f"start it with: zentalk api run --dir {directory}")
    return 0


def given_code(text: str) -> Any:
    """Return the code that was typed, or that stands in standard input if that is -."""
    from zentalk.errors import DecodeError
    from zentalk.wire.invite import parse_link_code

    said = _ask("code: ") if text == _STANDARD_INPUT else text
    try:
        return parse_link_code(said.strip())
    except DecodeError as error:
        raise UsageError(str(error)) from None


def _hand_over(made: str, file: Path | None) -> None:
    """Write a phrase into a new file, or show it and ask for some of its words.

    The file stays if the node then fails: its answer may be what was lost, and not the phrase.
    """
    from zentalk.config import write_private

    if file is not None:
        write_private(file, f"{made}\n".encode())
        return
    for place, word in enumerate(made.split(), start=1):
        say(f"{place:2}  {word}")
    announce("write these words down, in their order; they are not shown again")
    _check(made.split())


def _check(words: list[str]) -> None:
    """Ask for some of the words; raises ConflictError at the first that is another one."""
    for place in _places(len(words)):
        typed = _ask(f"word {place}: ")
        if typed.strip().lower() != words[place - 1]:
            raise ConflictError(
                f"that is not word {place}: nothing was kept, and this phrase opens nothing;"
                " run zentalk api phrase again"
            )


def _places(count: int) -> list[int]:
    """Draw the places of the words that are asked for, from 1, in their order."""
    left = list(range(1, count + 1))
    drawn = [left.pop(byte % len(left)) for byte in os.urandom(CHECKED_WORDS)]  # noqa: TID251
    return sorted(drawn)


def _remark(sentence: str) -> None:
    """Say something beside the answer, which goes to standard error."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(sentence, file=sys.stderr, flush=True)


def _ask(question: str) -> str:
    """Return a line of standard input; what is asked goes to standard error."""
    if sys.stdin is None:
        raise UsageError("there is nobody to ask: standard input is closed")
    if sys.stdin.isatty():
        print(question, end="", file=sys.stderr, flush=True)
    try:
        line = sys.stdin.readline()
    except UnicodeDecodeError:
        raise UsageError("standard input is not UTF-8 text") from None
    if not line:
        raise UsageError(f"standard input has ended where this was asked: {question.strip(': ')}")
    return line


def _line(link: dict[str, Any]) -> str:
    if link["state"] == "waiting" and link["expires_at"] is not None:
        return f"{link['id']}  waits for its node until {local_time(link['expires_at'])}"
    heard = "never" if link["heard_at"] is None else local_time(link["heard_at"])
    behind = f"  {link['behind']} changes behind" if link["behind"] else ""
    return f"{link['id']}  {link['state']}  heard {heard}{behind}"
