"""The commands of `zentalk api` about two nodes of one owner; `link.py` acts on them.

A module is imported only when its command runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from zentalk.cli.grammar import Group, Parameter
from zentalk.cli.options import ApiDir, AsJson, RunningNode


def add_to(api: Group) -> None:
    """Add the commands to the group `api`."""
    api.command(name="link")(api_link)
    api.command(name="links")(api_links)
    api.command(name="unlink")(api_unlink)
    api.command(name="phrase")(api_phrase)
    api.command(name="promote")(api_promote)
    api.command(name="follow")(api_follow)


def api_link(
    *,
    node: RunningNode,
    qr: Annotated[bool, Parameter(help="Print it as a QR code too.")] = False,
    as_json: AsJson = False,
) -> int:
    """Make a code that makes one other node of yours the replica, once, within ten minutes.

    On the other machine: zentalk api init --replica-of CODE --bootstrap URI ...
    """
    from zentalk.cli import link as act

    return act.show_code(node.at, qr=qr, as_json=as_json)


def api_links(*, node: RunningNode, as_json: AsJson = False) -> int:
    """Show what this node is among yours, and how far the other one has come."""
    from zentalk.cli import link as act

    return act.show_state(node.at, as_json=as_json)


def api_unlink(
    link_id: Annotated[
        str, Parameter("ID", help="The id of the link or code; see: zentalk api links")
    ],
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Tell the replica nothing any more, or withdraw a code. What the replica has, it keeps."""
    from zentalk.cli import link as act

    return act.unlink(node.at, link_id, as_json=as_json)


def api_phrase(
    *,
    directory: ApiDir,
    words: Annotated[Literal["12", "24"], Parameter(help="How many words.")] = "24",
    file: Annotated[
        Path | None,
        Parameter("--to", help="A new file to write it into, instead of showing it and asking."),
    ] = None,
    again: Annotated[
        bool, Parameter(help="Make a new phrase; the one before opens nothing any more.")
    ] = False,
) -> int:
    """Make a recovery phrase, show it once, and ask for three of its words.

    With it a replica can be promoted, and without it none can. Your node must be running.
    """
    from zentalk.cli import link as act

    return act.phrase(directory, int(words), file, again=again)


def api_promote(*, directory: ApiDir, as_json: AsJson = False) -> int:
    """Let this node speak for your address from now on. It must not be running.

    A replica asks for the recovery phrase on standard input. Your other node becomes silent as soon
    as it finds out.
    """
    from zentalk.cli import link as act

    return act.promote(directory, as_json=as_json)


def api_follow(
    code: Annotated[
        str,
        Parameter("CODE", help="The code of zentalk api link, in quotes; - reads it from input."),
    ],
    /,
    *,
    directory: ApiDir,
    as_json: AsJson = False,
) -> int:
    """Make a node that was replaced the replica of the other one. It must not be running."""
    from zentalk.cli import link as act

    return act.follow(directory, code, as_json=as_json)
