"""The commands about files, and their arguments; `zentalk.cli.file` acts on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from zentalk.cli.grammar import Group, Parameter
from zentalk.cli.options import AsJson, GoesAlong, RunningNode

file = Group("file", "Send, fetch and delete files, through your running API node.")

Which = Annotated[
    str,
    Parameter(
        "CID",
        help="The CID of a file, or the id of one or of a message with one; see: file list",
    ),
]
ShownName = Annotated[str | None, Parameter(help="Its name there, if not that of FILE.")]
KeepMetadata = Annotated[
    bool,
    Parameter(help="Leave in a picture what it tells beside what it shows, such as the place."),
]
Timeout = Annotated[
    float, Parameter(help="The longest wait, in seconds, in which nothing goes to relays.")
]


@file.command(name="send")
def file_send(
    person: Annotated[
        str,
        Parameter(
            "PERSON", help="An address, your name for a contact, or the name or id of a group."
        ),
    ],
    path: Annotated[
        Path, Parameter("FILE", help="A file of this machine, or the CID of one at relays.")
    ],
    /,
    *,
    node: RunningNode,
    name: ShownName = None,
    keep_metadata: KeepMetadata = False,
    with_it: GoesAlong,
    timeout: Timeout = 120.0,
    as_json: AsJson = False,
) -> int:
    """Bring a file to relays, which cannot read it, and send a person what is needed to get it."""
    from zentalk.cli import file as act

    return act.send(
        node.at,
        person,
        path,
        name,
        along=with_it.along,
        keep_metadata=keep_metadata,
        patience_seconds=timeout,
        as_json=as_json,
    )


@file.command(name="add")
def file_add(
    path: Annotated[Path, Parameter("FILE", help="A file of this machine.")],
    /,
    *,
    node: RunningNode,
    name: ShownName = None,
    keep_metadata: KeepMetadata = False,
    no_wait: Annotated[
        bool, Parameter(help="Return once your node has it; it goes to relays meanwhile.")
    ] = False,
    timeout: Timeout = 120.0,
    as_json: AsJson = False,
) -> int:
    """Bring a file to relays, which cannot read it, and print its CID."""
    from zentalk.cli import file as act

    return act.add(
        node.at,
        path,
        name,
        wait=not no_wait,
        keep_metadata=keep_metadata,
        patience_seconds=timeout,
        as_json=as_json,
    )


@file.command(name="get")
def file_get(
    which: Which,
    to: Annotated[
        Path | None,
        Parameter("TO", help="A file or a folder. [default: its own name, in this folder]"),
    ] = None,
    /,
    *,
    node: RunningNode,
    force: Annotated[bool, Parameter(help="Overwrite the file that is there.")] = False,
    as_json: AsJson = False,
) -> int:
    """Fetch a file and print where it is. What came of it before goes on."""
    from zentalk.cli import file as act

    return act.get(node.at, which, to, overwrite=force, as_json=as_json)


@file.command(name="list")
def file_list(*, node: RunningNode, as_json: AsJson = False) -> int:
    """List your files, and those that you fetched, the newest first."""
    from zentalk.cli import file as act

    return act.list_all(node.at, as_json=as_json)


@file.command(name="status")
def file_status(
    which: Annotated[
        str | None,
        Parameter("CID", help="As for file get; without it, what relays there are for files."),
    ] = None,
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Ask the relays that hold a file what they have of it."""
    from zentalk.cli import file as act

    return act.status(node.at, which, as_json=as_json)


@file.command(name="rotate")
def file_rotate(which: Which, /, *, node: RunningNode, as_json: AsJson = False) -> int:
    """Give a file of yours another CID: whoever has the old one and has not fetched it, cannot."""
    from zentalk.cli import file as act

    return act.rotate(node.at, which, as_json=as_json)


@file.command(name="delete")
def file_delete(which: Which, /, *, node: RunningNode, as_json: AsJson = False) -> int:
    """Delete a file of yours at all relays; of somebody else's, forget what is at your node."""
    from zentalk.cli import file as act

    return act.delete(node.at, which, as_json=as_json)
