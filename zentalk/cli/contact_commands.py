"""The commands `zentalk contact` and their arguments; `contact.py` acts on them.

A module is imported only when its command runs.
"""

from __future__ import annotations

from typing import Annotated, Literal

from zentalk.cli.arguments import name_of
from zentalk.cli.grammar import Group, Parameter
from zentalk.cli.options import AddressOrInvite, AsJson, Name, NameOption, Person, RunningNode

contact = Group("contact", "Manage the people you write with, through your running API node.")


@contact.command(name="add")
def contact_add(
    address: AddressOrInvite,
    name: Name = None,
    /,
    *,
    node: RunningNode,
    name_option: NameOption = None,
    as_json: AsJson = False,
) -> int:
    """Add or rename a person. If they have written to you, this accepts their request.

    Put an invite link in quotes if your shell minds the # in it. The person is told with your first
    message.
    """
    from zentalk.cli import contact as act

    return act.add(node.at, address, name_of(name, name_option) or "", as_json=as_json)


@contact.command(name="accept")
def contact_accept(
    person: Person,
    name: Name = None,
    /,
    *,
    node: RunningNode,
    name_option: NameOption = None,
    as_json: AsJson = False,
) -> int:
    """Accept a request. From then on the sender is told when messages arrive."""
    from zentalk.cli import contact as act

    return act.accept(node.at, person, name_of(name, name_option), as_json=as_json)


@contact.command(name="rename")
def contact_rename(
    person: Person,
    name: Annotated[list[str], Parameter("NAME", help="Your new name for this person.")],
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Give a contact another name. It is not sent to anyone."""
    from zentalk.cli import contact as act

    return act.rename(node.at, person, " ".join(name), as_json=as_json)


@contact.command(name="refuse")
def contact_refuse(person: Person, /, *, node: RunningNode, as_json: AsJson = False) -> int:
    """Refuse a request and delete its messages. Its sender is told nothing."""
    from zentalk.cli import contact as act

    return act.refuse(node.at, person, as_json=as_json)


@contact.command(name="remove")
def contact_remove(person: Person, /, *, node: RunningNode, as_json: AsJson = False) -> int:
    """Delete a person and all messages with them. If they write again, that is a request."""
    from zentalk.cli import contact as act

    return act.remove(node.at, person, as_json=as_json)


@contact.command(name="block")
def contact_block(person: Person, /, *, node: RunningNode, as_json: AsJson = False) -> int:
    """Keep nothing any more that a person sends. They are told nothing."""
    from zentalk.cli import contact as act

    return act.block(node.at, person, as_json=as_json)


@contact.command(name="unblock")
def contact_unblock(person: Person, /, *, node: RunningNode, as_json: AsJson = False) -> int:
    """Let a person write to you again. What they sent meanwhile never appears."""
    from zentalk.cli import contact as act

    return act.unblock(node.at, person, as_json=as_json)


@contact.command(name="verify")
def contact_verify(
    person: Person,
    number: Annotated[
        list[str] | None, Parameter("NUMBER", help="The number that the other person sees.")
    ] = None,
    /,
    *,
    node: RunningNode,
    same: Annotated[
        bool, Parameter(help="Mark the contact as verified: you have compared the numbers.")
    ] = False,
    undo: Annotated[bool, Parameter(help="Take the mark away again.")] = False,
    as_json: AsJson = False,
) -> int:
    """Print the safety number that you and a person share, or compare it with NUMBER.

    Compare it with the other person in a way that nobody else can change, such as face to face. If
    it is the same, you have each other's right address, and the contact is marked as verified.
    """
    from zentalk.cli import contact as act

    if undo:
        return act.unverify(node.at, person, as_json=as_json)
    compared = " ".join(number) if number else None
    return act.verify(node.at, person, compared, is_same=same, as_json=as_json)


@contact.command(name="direct")
def contact_direct(
    person: Person,
    turn: Annotated[
        Literal["on", "off"] | None, Parameter("SWITCH", help="on: allow it; off: not any more.")
    ] = None,
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Print whether you and a contact are connected directly, or allow it, or not any more.

    Messages are the same, and pass no relay. But each of you sees the other's network address, and
    who watches one of your lines sees that you two are connected: allow it only to whom you trust
    with that. Relays go on carrying what cannot go directly.
    """
    from zentalk.cli import contact as act

    return act.direct(node.at, person, None if turn is None else turn == "on", as_json=as_json)


@contact.command(name="introduce")
def contact_introduce(
    person: Person,
    to: Annotated[str, Parameter("TO", help="The other: an address, or your name for a contact.")],
    /,
    *,
    node: RunningNode,
    name: Annotated[str | None, Parameter(help="What TO is told as the name of PERSON.")] = None,
    to_name: Annotated[str | None, Parameter(help="What PERSON is told as the name of TO.")] = None,
    as_json: AsJson = False,
) -> int:
    """Tell two of your contacts of each other, with their addresses.

    Their messages to each other then say that you introduced them. Your own names for them are not
    sent.
    """
    from zentalk.cli import contact as act

    return act.introduce(node.at, person, to, name or "", to_name or "", as_json=as_json)


@contact.command(name="introduced")
def contact_introduced(*, node: RunningNode, as_json: AsJson = False) -> int:
    """List the people whom your contacts have introduced to you and who are no contacts yet."""
    from zentalk.cli import contact as act

    return act.introduced(node.at, as_json=as_json)


@contact.command(name="dismiss")
def contact_dismiss(
    address: Annotated[str, Parameter("ADDRESS", help="As contact introduced lists it.")],
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Forget who has introduced a person to you."""
    from zentalk.cli import contact as act

    return act.dismiss(node.at, address, as_json=as_json)


@contact.command(name="list")
def contact_list(*, node: RunningNode, as_json: AsJson = False) -> int:
    """List contacts and requests, and whom you have refused or blocked."""
    from zentalk.cli import contact as act

    return act.list_all(node.at, as_json=as_json)
