"""The commands that ask a running API node, and their arguments; other modules act on them.

A module is imported only when its command runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from zentalk.cli.arguments import one_of
from zentalk.cli.grammar import Group, Parameter
from zentalk.cli.options import AsJson, GoesAlong, RunningNode

device = Group("device", "Admit and revoke devices, through your running API node.")
mailbox = Group("mailbox", "List and move your mailboxes, through your running API node.")
conversation = Group(
    "conversation", "List, mute and clear conversations, through your running API node."
)
message = Group("message", "Send, read and change messages, through your running API node.")
network = Group("network", "Show the network as your running API node sees it.")

Scope = Annotated[
    Literal["read", "write", "admin"],
    Parameter(
        help="What it may do: read everything; also write and change contacts; or also manage"
        " mailboxes, see the devices and pair others."
    ),
]


@device.command(name="add")
def device_add(
    name: Annotated[list[str], Parameter(help="Your name for the device, such as phone.")],
    /,
    *,
    node: RunningNode,
    scope: Scope = "write",
    as_json: AsJson = False,
) -> int:
    """Admit a device and print its token. The token is not shown again."""
    from zentalk.cli import device as act

    return act.add(node.at, " ".join(name), scope, as_json=as_json)


@device.command(name="pair")
def device_pair(
    name: Annotated[list[str], Parameter(help="Your name for the device, such as phone.")],
    /,
    *,
    node: RunningNode,
    scope: Scope = "write",
    link_url: Annotated[
        str | None,
        Parameter(help="Where the new device reaches your node, if not where this command does."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Invite a device: show a QR code and a link that give it a token once, within five minutes.

    On the new device: zentalk device redeem LINK
    """
    from zentalk.cli import device as act

    return act.pair(node.at, " ".join(name), scope, link_url, as_json=as_json)


@device.command(name="redeem")
def device_redeem(
    link: Annotated[str, Parameter(help="The link, zentalk-pair:... In quotes, if it has a #.")],
    /,
    *,
    token_file: Annotated[
        Path, Parameter(help="The file to write the token to. It must not exist.")
    ] = Path("zentalk-device.token"),
    as_json: AsJson = False,
) -> int:
    """Make this machine a device of the node that a link names, and keep its token in a file."""
    from zentalk.cli import device as act

    return act.redeem(link, token_file, as_json=as_json)


@device.command(name="pairings")
def device_pairings(*, node: RunningNode, as_json: AsJson = False) -> int:
    """List the invitations of devices that are open."""
    from zentalk.cli import device as act

    return act.list_pairings(node.at, as_json=as_json)


@device.command(name="cancel")
def device_cancel(
    pairing: Annotated[
        str, Parameter("ID", help="The id of the invitation; see: zentalk device pairings")
    ],
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Withdraw the invitation of a device. Its link gives no token any more."""
    from zentalk.cli import device as act

    return act.cancel(node.at, pairing, as_json=as_json)


@device.command(name="list")
def device_list(*, node: RunningNode, as_json: AsJson = False) -> int:
    """List the devices that may use your node."""
    from zentalk.cli import device as act

    return act.list_all(node.at, as_json=as_json)


@device.command(name="revoke")
def device_revoke(
    device: Annotated[
        list[str], Parameter(help="The name or id of the device; see: zentalk device list")
    ],
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Revoke a device. Its token stops working at once, and its open requests end."""
    from zentalk.cli import device as act

    return act.revoke(node.at, " ".join(device), as_json=as_json)


@mailbox.command(name="list")
def mailbox_list(*, node: RunningNode, as_json: AsJson = False) -> int:
    """List your mailboxes, and those you left that are still checked for mail."""
    from zentalk.cli import mailbox as act

    return act.list_all(node.at, as_json=as_json)


@mailbox.command(name="move")
def mailbox_move(
    mailbox_id: Annotated[
        str | None, Parameter(help="The id of the mailbox to leave; see: zentalk mailbox list")
    ] = None,
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Move one mailbox, or all of them, to other relays. Your contacts are told."""
    from zentalk.cli import mailbox as act

    return act.move(node.at, mailbox_id, as_json=as_json)


@message.command(name="send")
def message_send(
    person: Annotated[
        str | None,
        Parameter(
            "PERSON", help="An address, your name for a contact, or the name or id of a group."
        ),
    ] = None,
    text: Annotated[
        list[str] | None,
        Parameter("TEXT", help="The text. Without it, the text is read from standard input."),
    ] = None,
    /,
    *,
    node: RunningNode,
    to: Annotated[
        str | None, Parameter(help="PERSON as an option; all words are then the text.")
    ] = None,
    with_it: GoesAlong,
    wait: Annotated[
        Literal["sent", "delivered"] | None,
        Parameter(help="Wait until the message is sent or delivered."),
    ] = None,
    timeout: Annotated[float, Parameter(help="The longest wait, in seconds.")] = 60.0,
    as_json: AsJson = False,
) -> int:
    """Send a message and print its id and state.

    The text needs no quotes, as long as your shell leaves its characters alone. Put -- before a
    text that starts with a hyphen.
    """
    from zentalk.cli import message as act

    words = [] if person is None else [person, *(text or [])]
    recipient = one_of(person if to is None else None, to, "PERSON", "--to")
    said = words[1:] if to is None else words
    text_said = " ".join(said) if said else None
    return act.send(
        node.at,
        recipient,
        text_said,
        along=with_it.along,
        wait=wait,
        timeout_seconds=timeout,
        as_json=as_json,
    )


@message.command(name="list")
def message_list(
    person: Annotated[
        str | None,
        Parameter(
            "PERSON", help="An address, your name for a contact, or the name or id of a group."
        ),
    ] = None,
    /,
    *,
    node: RunningNode,
    partner: Annotated[str | None, Parameter("--with", help="PERSON as an option.")] = None,
    limit: Annotated[int, Parameter(help="The largest number of messages to list.")] = 100,
    before: Annotated[
        str | None, Parameter(help="List what was said before this message: an id.")
    ] = None,
    around: Annotated[
        str | None, Parameter(help="List what was said around this message: an id.")
    ] = None,
    since: Annotated[
        str | None,
        Parameter(help="List from this day or time on, such as 2026-11-30, or 7d for so long ago."),
    ] = None,
    ids: Annotated[bool, Parameter(help="Show the id of each message.")] = False,
    as_json: AsJson = False,
) -> int:
    """List a conversation, newest last.

    Without --before, --around and --since the newest messages are listed, and count as read.
    """
    from zentalk.cli import message as act

    chosen = one_of(person, partner, "PERSON", "--with")
    place = act.place_of(before, around, since)
    return act.list_page(node.at, chosen, limit, place, ids=ids, as_json=as_json)


@message.command(name="watch")
def message_watch(
    person: Annotated[
        str | None,
        Parameter("PERSON", help="Show messages with this person or group only."),
    ] = None,
    /,
    *,
    node: RunningNode,
    signals: Annotated[bool, Parameter(help="Also show who is writing and who is there.")] = False,
    as_json: Annotated[
        bool, Parameter("--json", help="Print each message as JSON, on one line.")
    ] = False,
) -> int:
    """Show messages as they come and go, until Ctrl-C. What is shown counts as read."""
    from zentalk.cli.watch import watch

    return watch(node.at, person, signals=signals, as_json=as_json)


@conversation.command(name="list")
def conversation_list(*, node: RunningNode, as_json: AsJson = False) -> int:
    """List conversations, the latest first, with the number of messages that you have not read."""
    from zentalk.cli import conversation as act

    return act.list_all(node.at, as_json=as_json)


@network.command(name="status")
def network_status(*, node: RunningNode, as_json: AsJson = False) -> int:
    """Show relays, guards, mailboxes, warnings, and relays that lose packets."""
    from zentalk.cli import network as act

    return act.status(node.at, as_json=as_json)
