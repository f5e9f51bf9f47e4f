"""The commands about what others see of you, and their arguments; `own.py` acts on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from zentalk.cli.grammar import Group, Parameter
from zentalk.cli.options import AsJson, RunningNode

profile = Group("profile", "Say how your contacts see you, and see them.")
privacy = Group("privacy", "Say what others are told of you beside messages.")

Switch = Literal["on", "off"]


@profile.command(name="show")
def profile_show(
    person: Annotated[
        str | None, Parameter("PERSON", help="A contact. [default: your own profile]")
    ] = None,
    /,
    *,
    node: RunningNode,
    output: Annotated[
        Path | None, Parameter(help="Write the picture that is there to this new file.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Show how you, or a contact, want to be seen: name, status, picture."""
    from zentalk.cli import own as act

    return act.show_profile(node.at, person, output, as_json=as_json)


@profile.command(name="set")
def profile_set(
    name: Annotated[
        list[str] | None, Parameter("NAME", help="The name by which you want to be seen.")
    ] = None,
    /,
    *,
    node: RunningNode,
    status: Annotated[str | None, Parameter(help="What you want to say of yourself.")] = None,
    picture: Annotated[Path | None, Parameter(help="A picture of at most 24 KiB.")] = None,
    no_picture: Annotated[bool, Parameter(help="Take your picture away.")] = False,
    as_json: AsJson = False,
) -> int:
    """Change how your contacts see you. What is left out stays as it is.

    Only contacts are told, end to end.
    """
    from zentalk.cli import own as act

    said = None if name is None else " ".join(name)
    return act.set_profile(node.at, said, status, picture, no_picture=no_picture, as_json=as_json)


@privacy.command(name="show")
def privacy_show(*, node: RunningNode, as_json: AsJson = False) -> int:
    """Show whether others are told what you have read, that you write, and that you are there."""
    from zentalk.cli import own as act

    return act.show_privacy(node.at, as_json=as_json)


@privacy.command(name="set")
def privacy_set(
    *,
    node: RunningNode,
    read_receipts: Annotated[
        Switch | None, Parameter(help="Whether others are told what you have read.")
    ] = None,
    typing: Annotated[
        Switch | None, Parameter(help="Whether others are told that you are writing.")
    ] = None,
    presence: Annotated[
        Switch | None, Parameter(help="Whether others are told that you are there.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Switch what others are told of you. What is left out stays as it is."""
    from zentalk.cli import own as act

    said = {"read_receipts": read_receipts, "typing": typing, "presence": presence}
    return act.set_privacy(node.at, said, as_json=as_json)
