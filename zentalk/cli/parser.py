"""All commands and their arguments in one place; the other modules act on them.

A module is imported only when its command runs: a help text or a message must not wait for a
web server to load.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from zentalk.cli.arguments import name_of, one_of
from zentalk.cli.folders import api_folder, relay_folder
from zentalk.cli.grammar import App, Command, Group, Parameter
from zentalk.cli.output import say
from zentalk.cli.reading import VERSION, choose, read, refuse, wants_help
from zentalk.cli.refusals import unknown_option

relay = Group("relay", "Run a relay: forward packets and keep mail for others.")
api = Group("api", "Run your API node: identity, contacts, messages, REST.")
contact = Group("contact", "Manage the people you write with, through your running API node.")
device = Group("device", "Admit and revoke devices, through your running API node.")
mailbox = Group("mailbox", "List and move your mailboxes, through your running API node.")
message = Group("message", "Send and read messages, through your running API node.")
network = Group("network", "Show the network as your running API node sees it.")
sim = Group("sim", "Run networks of real relays and API nodes on this machine.")
app = App(
    "zentalk",
    "A private messenger network: onion relays, mailboxes and an API node of your own.",
    {group.name: group for group in (relay, api, contact, device, mailbox, message, network, sim)},
)

RelayDir = Annotated[
    Path,
    Parameter(
        "--dir",
        help="The folder of the relay. [default: ZENTALK_DIR, or zentalk/relay where programs of"
        " this platform keep their data]",
        otherwise=relay_folder,
    ),
]
ApiDir = Annotated[
    Path,
    Parameter(
        "--dir",
        help="The folder of the API node. [default: ZENTALK_DIR, or zentalk/api where programs of"
        " this platform keep their data]",
        otherwise=api_folder,
    ),
]
Bootstraps = Annotated[
    list[str],
    Parameter(
        "--bootstrap",
        help="A relay to start from, zt-relay:IDENTITY@HOST:PORT. Give several if you can.",
    ),
]
NetworkId = Annotated[
    str | None,
    Parameter("--network", help="The id of the network; all its relays and nodes use the same."),
]
Difficulty = Annotated[
    int | None,
    Parameter(
        "--id-difficulty",
        help="Bits of work that an identity of a relay must have; the same in the whole network.",
    ),
]
AsJson = Annotated[bool, Parameter("--json", help="Print the answer as JSON.")]
Address = Annotated[str, Parameter(help="zt1 followed by 56 characters.")]
Person = Annotated[
    str, Parameter("PERSON", help="The address of a person, or your name for a contact.")
]
Name = Annotated[list[str] | None, Parameter("NAME", help="Your name for this person.")]
NameOption = Annotated[
    str | None, Parameter("--name", help="The same; in quotes if it has several words.")
]


def run(argv: Sequence[str]) -> int:
    """Parse arguments and run their command; raises UsageError if they are wrong."""
    group, command, rest = choose(app, argv)
    if group is None and VERSION in rest:
        return _show_version()
    if wants_help(rest) or (not rest and command is None):
        return _show_help(group, command)
    chain = tuple(part.name for part in (app, group, command) if part is not None)
    if command is None:
        refuse(unknown_option(rest[0], [], ()), *chain)
    values = read(command, chain, rest)
    words = [values.pop(argument.key) for argument in command.arguments() if not argument.is_option]
    return command.act(*words, **values)


def _show_version() -> int:
    from importlib.metadata import version  # noqa: PLC0415

    say(version("zentalk"))
    return 0


def _show_help(group: Group | None, command: Command | None) -> int:
    from zentalk.cli.help import help_of  # noqa: PLC0415

    say(help_of(app, group, command))
    return 0


def _network(network: str | None, id_difficulty: int | None) -> dict[str, Any]:
    """Return the values that were given; the others keep their defaults."""
    said = {"network": network, "id_difficulty": id_difficulty}
    return {name: value for name, value in said.items() if value is not None}


@relay.command(name="init")
def relay_init(
    *,
    directory: RelayDir,
    host: Annotated[str, Parameter(help="The address to listen on and to announce.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="The TCP port to listen on.")] = 9001,
    bootstrap: Bootstraps | None = None,
    network: NetworkId = None,
    id_difficulty: Difficulty = None,
) -> int:
    """Create a relay's identity and settings and print its URI.

    In the network `main` this takes about a minute.
    """
    from zentalk.cli import relay as act  # noqa: PLC0415

    return act.init(directory, host, port, bootstrap or [], _network(network, id_difficulty))


@relay.command(name="run")
def relay_run(*, directory: RelayDir) -> int:
    """Run a relay. It prints `ready URI` when it is ready."""
    from zentalk.cli import relay as act  # noqa: PLC0415

    return act.run(directory)


@relay.command(name="status")
def relay_status(*, directory: RelayDir, as_json: AsJson = False) -> int:
    """Show whether the relay is running, its warnings and its counters."""
    from zentalk.cli import relay as act  # noqa: PLC0415

    return act.status(directory, as_json=as_json)


@api.command(name="init")
def api_init(
    *,
    directory: ApiDir,
    bootstrap: Bootstraps,
    port: Annotated[int, Parameter(help="The port for REST.")] = 3001,
    name: Annotated[str, Parameter(help="Your name. It is not sent to anyone.")] = "",
    network: NetworkId = None,
    id_difficulty: Difficulty = None,
) -> int:
    """Create an identity, a token and settings, and print your address."""
    from zentalk.cli import api as act  # noqa: PLC0415

    return act.init(directory, port, name, bootstrap, _network(network, id_difficulty))


@api.command(name="run")
def api_run(*, directory: ApiDir) -> int:
    """Run your API node. It prints `ready URL` when REST answers."""
    from zentalk.cli import api as act  # noqa: PLC0415

    return act.run(directory)


@api.command(name="address")
def api_address(*, directory: ApiDir) -> int:
    """Print your address. Give it to people who want to write to you."""
    from zentalk.cli import api as act  # noqa: PLC0415

    return act.address(directory)


@api.command(name="token")
def api_token(*, directory: ApiDir) -> int:
    """Print the token for REST. Keep it secret: anyone who has it can act as you."""
    from zentalk.cli import api as act  # noqa: PLC0415

    return act.token(directory)


@contact.command(name="add")
def contact_add(
    address: Address,
    name: Name = None,
    /,
    *,
    directory: ApiDir,
    name_option: NameOption = None,
    as_json: AsJson = False,
) -> int:
    """Add or rename a person. If they have written to you, this accepts their request."""
    from zentalk.cli import contact as act  # noqa: PLC0415

    return act.add(directory, address, name_of(name, name_option) or "", as_json=as_json)


@contact.command(name="accept")
def contact_accept(
    person: Person,
    name: Name = None,
    /,
    *,
    directory: ApiDir,
    name_option: NameOption = None,
    as_json: AsJson = False,
) -> int:
    """Accept a request. From then on the sender is told when messages arrive."""
    from zentalk.cli import contact as act  # noqa: PLC0415

    return act.accept(directory, person, name_of(name, name_option), as_json=as_json)


@contact.command(name="list")
def contact_list(*, directory: ApiDir, as_json: AsJson = False) -> int:
    """List contacts and requests."""
    from zentalk.cli import contact as act  # noqa: PLC0415

    return act.list_all(directory, as_json=as_json)


@device.command(name="add")
def device_add(
    name: Annotated[list[str], Parameter(help="Your name for the device, such as phone.")],
    /,
    *,
    directory: ApiDir,
    as_json: AsJson = False,
) -> int:
    """Admit a device and print its token. The token is not shown again."""
    from zentalk.cli import device as act  # noqa: PLC0415

    return act.add(directory, " ".join(name), as_json=as_json)


@device.command(name="list")
def device_list(*, directory: ApiDir, as_json: AsJson = False) -> int:
    """List the devices that may use your node."""
    from zentalk.cli import device as act  # noqa: PLC0415

    return act.list_all(directory, as_json=as_json)


@device.command(name="revoke")
def device_revoke(
    device_id: Annotated[str, Parameter(help="The id of the device; see: zentalk device list")],
    /,
    *,
    directory: ApiDir,
) -> int:
    """Revoke a device. Its token stops working at once, and its open requests end."""
    from zentalk.cli import device as act  # noqa: PLC0415

    return act.revoke(directory, device_id)


@mailbox.command(name="list")
def mailbox_list(*, directory: ApiDir, as_json: AsJson = False) -> int:
    """List your mailboxes, and those you left that are still checked for mail."""
    from zentalk.cli import mailbox as act  # noqa: PLC0415

    return act.list_all(directory, as_json=as_json)


@mailbox.command(name="move")
def mailbox_move(
    mailbox_id: Annotated[
        str | None, Parameter(help="The id of the mailbox to leave; see: zentalk mailbox list")
    ] = None,
    /,
    *,
    directory: ApiDir,
    as_json: AsJson = False,
) -> int:
    """Move one mailbox, or all of them, to other relays. Your contacts are told."""
    from zentalk.cli import mailbox as act  # noqa: PLC0415

    return act.move(directory, mailbox_id, as_json=as_json)


@message.command(name="send")
def message_send(
    person: Annotated[
        str | None,
        Parameter("PERSON", help="The address of a person, or your name for a contact."),
    ] = None,
    text: Annotated[
        list[str] | None,
        Parameter("TEXT", help="The text. Without it, the text is read from standard input."),
    ] = None,
    /,
    *,
    directory: ApiDir,
    to: Annotated[
        str | None, Parameter(help="PERSON as an option; all words are then the text.")
    ] = None,
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
    from zentalk.cli import message as act  # noqa: PLC0415

    words = [] if person is None else [person, *(text or [])]
    recipient = one_of(person if to is None else None, to, "PERSON", "--to")
    said = words[1:] if to is None else words
    text_said = " ".join(said) if said else None
    return act.send(
        directory, recipient, text_said, wait=wait, timeout_seconds=timeout, as_json=as_json
    )


@message.command(name="list")
def message_list(
    person: Annotated[
        str | None,
        Parameter("PERSON", help="The address of the other person, or your name for them."),
    ] = None,
    /,
    *,
    directory: ApiDir,
    partner: Annotated[str | None, Parameter("--with", help="PERSON as an option.")] = None,
    limit: Annotated[int, Parameter(help="The largest number of messages to list.")] = 100,
    as_json: AsJson = False,
) -> int:
    """List a conversation, newest last."""
    from zentalk.cli import message as act  # noqa: PLC0415

    chosen = one_of(person, partner, "PERSON", "--with")
    return act.list_page(directory, chosen, limit, as_json=as_json)


@network.command(name="status")
def network_status(*, directory: ApiDir, as_json: AsJson = False) -> int:
    """Show relays, guards, mailboxes, warnings, and relays that lose packets."""
    from zentalk.cli import network as act  # noqa: PLC0415

    return act.status(directory, as_json=as_json)


@sim.command(name="run")
def sim_run(
    *,
    nodes: Annotated[
        int | None, Parameter(help="The number of relays, 3 to 100. [default: 5]")
    ] = None,
    users: Annotated[
        int | None, Parameter(help="The number of API nodes, 2 or more. [default: 2]")
    ] = None,
    messages: Annotated[
        int | None, Parameter(help="The number of messages to send. [default: 20]")
    ] = None,
    kill_relays: Annotated[
        int | None, Parameter(help="The number of relays to kill; 3 must survive. [default: 0]")
    ] = None,
    net: Annotated[
        Literal["tcp", "processes"] | None,
        Parameter(help="Run all in one process, or each node in its own. [default: tcp]"),
    ] = None,
    seed: Annotated[
        int | None, Parameter(help="The seed of the random choices. [default: 0]")
    ] = None,
    scenario: Annotated[
        str | None, Parameter(help="The scenario to run; see: zentalk sim list")
    ] = None,
    json: Annotated[Path | None, Parameter(help="Write the report to this file as JSON.")] = None,
) -> int:
    """Start a network, send messages through it, and report what arrived."""
    from zentalk.cli import sim as act  # noqa: PLC0415

    given: dict[str, Any] = {
        "nodes": nodes,
        "users": users,
        "messages": messages,
        "kill_relays": kill_relays,
        "net": net,
        "seed": seed,
    }
    return act.run(scenario, {k: v for k, v in given.items() if v is not None}, json)


@sim.command(name="up")
def sim_up(
    *,
    nodes: Annotated[int, Parameter(help="The number of relays, 3 to 100.")] = 5,
    users: Annotated[int, Parameter(help="The number of API nodes.")] = 2,
) -> int:
    """Start a network and keep it running until Ctrl-C."""
    from zentalk.cli import sim as act  # noqa: PLC0415

    return act.up(nodes, users)


@sim.command(name="list")
def sim_list() -> int:
    """List the scenarios that come with zentalk."""
    from zentalk.cli import sim as act  # noqa: PLC0415

    return act.list_scenarios()
