"""The commands that act on messages that are there, and on conversations, with their arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from zentalk.cli.grammar import Parameter
from zentalk.cli.node_commands import conversation, message
from zentalk.cli.options import AsJson, GoesAlong, RunningNode

Person = Annotated[
    str,
    Parameter("PERSON", help="An address, your name for a contact, or the name or id of a group."),
]
Which = Annotated[
    str,
    Parameter("MESSAGE", help="Its id, the first digits of it, or last; see: message list --ids"),
]
Off = Annotated[bool, Parameter(help="Take it back.")]


@message.command(name="show")
def message_show(
    person: Person, which: Which, /, *, node: RunningNode, as_json: AsJson = False
) -> int:
    """Show one message: state, what it answers, whom it names, reactions and votes."""
    from zentalk.cli import chat as act

    return act.show_message(node.at, person, which, as_json=as_json)


@message.command(name="open")
def message_open(
    link: Annotated[str, Parameter("LINK", help="zentalk-message:AUTHOR/ID, quoted.")],
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Show the message that a link is of."""
    from zentalk.cli import chat as act

    return act.open_link(node.at, link, as_json=as_json)


@message.command(name="edit")
def message_edit(
    person: Person,
    which: Which,
    text: Annotated[list[str], Parameter("TEXT", help="The new text.")],
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Give a text of your own other words. Its reader sees that it was changed."""
    from zentalk.cli import chat as act

    return act.edit(node.at, person, which, " ".join(text), as_json=as_json)


@message.command(name="delete")
def message_delete(
    person: Person,
    which: Which,
    /,
    *,
    node: RunningNode,
    for_everyone: Annotated[
        bool, Parameter(help="Take your own message back from its reader too.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Delete a message at your node, or take one of your own back for everyone."""
    from zentalk.cli import chat as act

    return act.delete(node.at, person, which, for_everyone=for_everyone, as_json=as_json)


@message.command(name="react")
def message_react(
    person: Person,
    which: Which,
    emoji: Annotated[
        str, Parameter("EMOJI", help="Without one, your reaction is taken back.")
    ] = "",
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """React to a message with one emoji."""
    from zentalk.cli import chat as act

    return act.react(node.at, person, which, emoji, as_json=as_json)


def _marking(how: str, about: str) -> None:
    """Add a command that puts a mark on a message, or takes it back."""

    @message.command(name=how)
    def mark(
        person: Person,
        which: Which,
        /,
        *,
        node: RunningNode,
        off: Off = False,
        as_json: AsJson = False,
    ) -> int:
        from zentalk.cli import chat as act

        return act.mark(node.at, person, which, how, on=not off, as_json=as_json)

    mark.__doc__ = about


_marking("pin", "Pin a message for both of you.")
_marking("star", "Star a message. Only your own devices see that.")


@message.command(name="starred")
def message_starred(
    *,
    node: RunningNode,
    limit: Annotated[int, Parameter(help="The largest number of messages to list.")] = 100,
    as_json: AsJson = False,
) -> int:
    """List your starred messages, newest last."""
    from zentalk.cli import chat as act

    return act.starred(node.at, limit, as_json=as_json)


@message.command(name="search")
def message_search(
    words: Annotated[list[str], Parameter("WORD", help="Words; gre* for the beginning of one.")],
    /,
    *,
    node: RunningNode,
    partner: Annotated[
        str | None, Parameter("--with", help="Only this conversation: PERSON.")
    ] = None,
    limit: Annotated[int, Parameter(help="The largest number of messages to list.")] = 100,
    since: Annotated[
        str | None,
        Parameter(help="Only from this day or time on, such as 2026-11-30, or 7d for so long ago."),
    ] = None,
    until: Annotated[str | None, Parameter(help="Only up to then, or the end of a day.")] = None,
    as_json: AsJson = False,
) -> int:
    """Find messages that have all the words, newest first."""
    from zentalk.cli import chat as act

    said = " ".join(words)
    return act.search(node.at, said, partner, limit, since=since, until=until, as_json=as_json)


@message.command(name="forward")
def message_forward(
    person: Person,
    which: Which,
    reader: Annotated[str, Parameter("READER", help="Who is to get it: a person or a group.")],
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Send a message of one conversation to somebody else, marked as forwarded."""
    from zentalk.cli import chat as act

    return act.forward(node.at, person, which, reader, as_json=as_json)


@message.command(name="poll")
def message_poll(
    person: Person,
    question: Annotated[str, Parameter("QUESTION", help="The question, in quotes.")],
    options: Annotated[list[str], Parameter("OPTION", help="2 to 12 options.")],
    /,
    *,
    node: RunningNode,
    multiple: Annotated[bool, Parameter(help="Several options may be chosen.")] = False,
    with_it: GoesAlong,
    as_json: AsJson = False,
) -> int:
    """Ask a question with options: message poll Bob 'which tea?' green black"""
    from zentalk.cli import contents as act

    return act.poll(
        node.at,
        person,
        question,
        options,
        multiple=multiple,
        along=with_it.along,
        as_json=as_json,
    )


@message.command(name="sticker")
def message_sticker(
    person: Person,
    emoji: Annotated[str, Parameter("EMOJI", help="The emoji that it stands for.")],
    file: Annotated[Path, Parameter("FILE", help="A picture of at most 24 KiB.")],
    /,
    *,
    node: RunningNode,
    with_it: GoesAlong,
    as_json: AsJson = False,
) -> int:
    """Send a small picture that stands for an emoji."""
    from zentalk.cli import contents as act

    return act.sticker(node.at, person, emoji, file, along=with_it.along, as_json=as_json)


@message.command(name="location")
def message_location(
    person: Person,
    latitude: Annotated[float, Parameter("LATITUDE", help="Degrees north; below 0, south.")],
    longitude: Annotated[float, Parameter("LONGITUDE", help="Degrees east; below 0, west.")],
    label: Annotated[list[str] | None, Parameter("LABEL", help="What is there.")] = None,
    /,
    *,
    node: RunningNode,
    with_it: GoesAlong,
    as_json: AsJson = False,
) -> int:
    """Send a place: message location Bob 48.8584 2.2945 the tower"""
    from zentalk.cli import contents as act

    place, said = (latitude, longitude), " ".join(label or [])
    return act.location(node.at, person, place, said, along=with_it.along, as_json=as_json)


@message.command(name="card")
def message_card(
    person: Person,
    whom: Annotated[str, Parameter("WHOM", help="Whose address: an address, or your name for it.")],
    name: Annotated[
        list[str] | None, Parameter("NAME", help="The name to show with it. Yours is not sent.")
    ] = None,
    /,
    *,
    node: RunningNode,
    with_it: GoesAlong,
    as_json: AsJson = False,
) -> int:
    """Send somebody's address. To let both know of each other, use: contact introduce"""
    from zentalk.cli import contents as act

    said = " ".join(name or [])
    return act.card(node.at, person, whom, said, along=with_it.along, as_json=as_json)


@message.command(name="vote")
def message_vote(
    person: Person,
    which: Which,
    options: Annotated[
        list[int] | None,
        Parameter("OPTION", help="Options by their number from 1; none takes it back."),
    ] = None,
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Vote in a poll, in place of your vote before."""
    from zentalk.cli import chat as act

    return act.vote(node.at, person, which, options or [], as_json=as_json)


@conversation.command(name="show")
def conversation_show(person: Person, /, *, node: RunningNode, as_json: AsJson = False) -> int:
    """Show one conversation: unread messages, timer, draft, pinned messages, who is there."""
    from zentalk.cli import chat as act

    return act.show(node.at, person, as_json=as_json)


@conversation.command(name="clear")
def conversation_clear(person: Person, /, *, node: RunningNode, as_json: AsJson = False) -> int:
    """Delete all messages with a person, or in a group, at your node. The person or group stays."""
    from zentalk.cli import chat as act

    return act.clear(node.at, person, as_json=as_json)


@conversation.command(name="timer")
def conversation_timer(
    person: Person,
    after: Annotated[str, Parameter("TIME", help="Such as 1h, 7d or off.")],
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Let messages disappear some time after they were read, at all sides."""
    from zentalk.cli import chat as act

    return act.set_timer(node.at, person, after, as_json=as_json)


@conversation.command(name="mute")
def conversation_mute(
    person: Person,
    lasts: Annotated[
        str | None, Parameter("TIME", help="Such as 8h or off; without it, for good.")
    ] = None,
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Mute a conversation for all of your devices."""
    from zentalk.cli import chat as act

    return act.mute(node.at, person, lasts, as_json=as_json)


@conversation.command(name="draft")
def conversation_draft(
    person: Person,
    text: Annotated[
        list[str] | None,
        Parameter("TEXT", help="- reads standard input; without TEXT, the draft is dropped."),
    ] = None,
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Keep what is half written, for all of your devices."""
    from zentalk.cli import chat as act

    return act.draft(node.at, person, " ".join(text or []), as_json=as_json)


@conversation.command(name="export")
def conversation_export(
    person: Annotated[
        str | None,
        Parameter("PERSON", help="Only the conversation with this person or group."),
    ] = None,
    /,
    *,
    node: RunningNode,
    as_: Annotated[
        Literal["json", "markdown"], Parameter("--as", help="The form of what is written.")
    ] = "json",
    output: Annotated[
        str | None, Parameter(help="A new file; without it, standard output.")
    ] = None,
    as_json: Annotated[
        bool, Parameter("--json", help="Say as JSON what was written to the file.")
    ] = False,
) -> int:
    """Write conversations with all their messages, in the clear."""
    from zentalk.cli import export as act

    return act.export(node.at, person, as_, output, as_json=as_json)


@conversation.command(name="import")
def conversation_import(
    file: Annotated[
        Path, Parameter("FILE", help="What conversation export --as json has written.")
    ],
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Take an export into your node. What is there already stays as it is there."""
    from zentalk.cli import importing as act

    return act.take_in(node.at, file, as_json=as_json)
