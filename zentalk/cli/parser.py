"""All groups of commands, and those commands that need no running node.

`node_commands` has the others, and further modules act on them. A module is imported only when its
command runs: a help text or a message must not wait for a web server to load.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from zentalk.cli import chat_commands as _chat_commands  # noqa: F401 - adds to two groups
from zentalk.cli.contact_commands import contact
from zentalk.cli.file_commands import file
from zentalk.cli.grammar import App, Command, Group, Parameter
from zentalk.cli.group_commands import groups
from zentalk.cli.invite_commands import invite
from zentalk.cli.link_commands import add_to as add_link_commands
from zentalk.cli.node_commands import conversation, device, mailbox, message, network
from zentalk.cli.notify_commands import push, webhook
from zentalk.cli.options import ApiDir, AsJson, Bootstraps, Difficulty, NetworkId, RelayDir
from zentalk.cli.output import say
from zentalk.cli.own_commands import privacy, profile
from zentalk.cli.reading import VERSION, choose, read, refuse, wants_help
from zentalk.cli.refusals import unknown_option
from zentalk.cli.relay_commands import add_to as add_relay_commands
from zentalk.cli.sim_commands import sim

relay = Group("relay", "Run a relay: forward packets and keep mail for others.")
api = Group("api", "Run your API node: identity, contacts, messages, REST.")
completion = Group("completion", "Print the script with which a shell completes commands.")
app = App(
    "zentalk",
    "A private messenger network: onion relays, mailboxes and an API node of your own.",
    {
        group.name: group
        for group in (
            *(
                relay,
                api,
                contact,
                invite,
                groups,
                device,
                mailbox,
                conversation,
                message,
                file,
                profile,
                privacy,
                webhook,
                push,
                network,
                sim,
                completion,
            ),
        )
    },
)
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    Parameter(help="What is logged to standard error: this and what is graver."),
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
    return command.run(read(command, chain, rest))


def _show_version() -> int:
    from importlib.metadata import version

    say(version("zentalk"))
    return 0


def _show_help(group: Group | None, command: Command | None) -> int:
    from zentalk.cli.help import help_of

    say(help_of(app, group, command))
    return 0


def _network(network: str | None, id_difficulty: int | None) -> dict[str, Any]:
    return _said(network=network, id_difficulty=id_difficulty)


def _one_or_more(values: list[str] | None) -> str | list[str] | None:
    """Return a single value alone, as the settings have it."""
    return values[0] if values and len(values) == 1 else values


def _said(**values: Any) -> dict[str, Any]:
    """Return the values that were given; the others keep their defaults."""
    return {name: value for name, value in values.items() if value is not None}


@relay.command(name="init")
def relay_init(
    *,
    directory: RelayDir,
    host: Annotated[
        list[str] | None,
        Parameter(
            help="The address to listen on and to announce, or up to 4 of them."
            " [default: 127.0.0.1]"
        ),
    ] = None,
    port: Annotated[int, Parameter(help="The TCP port to listen on.")] = 9001,
    announce_host: Annotated[
        list[str] | None,
        Parameter(
            help="The address to announce, if it is not that of --host; or up to 4, of which"
            " others try the first one first."
        ),
    ] = None,
    announce_port: Annotated[
        int | None, Parameter(help="The port to announce, if it is not that of --port.")
    ] = None,
    bootstrap: Bootstraps | None = None,
    network: NetworkId = None,
    id_difficulty: Difficulty = None,
    as_json: AsJson = False,
) -> int:
    """Create a relay's identity and settings and print its URI.

    In the network `main` this takes about a minute.
    """
    from zentalk.cli import relay as act

    places: dict[str, Any] = {"host": _one_or_more(host or ["127.0.0.1"]), "port": port}
    places |= _said(announce_host=_one_or_more(announce_host), announce_port=announce_port)
    said = _network(network, id_difficulty)
    return act.init(directory, places, bootstrap or [], said, as_json=as_json)


@relay.command(name="run")
def relay_run(*, directory: RelayDir, log_level: LogLevel = "info") -> int:
    """Run a relay. It prints `ready URI` when it is ready."""
    from zentalk.cli import relay as act

    return act.run(directory, log_level)


@relay.command(name="check")
def relay_check(*, directory: RelayDir, as_json: AsJson = False) -> int:
    """Check settings, keys, databases and port without starting the relay."""
    from zentalk.cli import relay as act

    return act.check(directory, as_json=as_json)


@relay.command(name="status")
def relay_status(*, directory: RelayDir, as_json: AsJson = False) -> int:
    """Show whether the relay is running, its warnings and its counters."""
    from zentalk.cli import relay as act

    return act.status(directory, as_json=as_json)


add_relay_commands(relay)


@api.command(name="init")
def api_init(
    *,
    directory: ApiDir,
    bootstrap: Bootstraps,
    port: Annotated[int, Parameter(help="The port for REST.")] = 3001,
    name: Annotated[str, Parameter(help="Your name. It is not sent to anyone.")] = "",
    replica_of: Annotated[
        str | None,
        Parameter(
            help="The code of zentalk api link, in quotes: this node follows the one that made it."
            " - reads it from standard input."
        ),
    ] = None,
    network: NetworkId = None,
    id_difficulty: Difficulty = None,
    as_json: AsJson = False,
) -> int:
    """Create an identity, a token and settings, and print your address."""
    from zentalk.cli import api as act

    values = {"port": port, "name": name} | _network(network, id_difficulty)
    return act.init(directory, values, bootstrap, replica_of, as_json=as_json)


@api.command(name="run")
def api_run(*, directory: ApiDir, log_level: LogLevel = "info") -> int:
    """Run your API node. It prints `ready URL` when REST answers."""
    from zentalk.cli import api as act

    return act.run(directory, log_level)


@api.command(name="address")
def api_address(
    *,
    directory: ApiDir,
    qr: Annotated[bool, Parameter(help="Print it as a QR code too.")] = False,
    as_json: AsJson = False,
) -> int:
    """Print your address. Give it to people who want to write to you."""
    from zentalk.cli import api as act

    return act.address(directory, qr=qr, as_json=as_json)


@api.command(name="token")
def api_token(*, directory: ApiDir, as_json: AsJson = False) -> int:
    """Print the token for REST. Keep it secret: anyone who has it can act as you."""
    from zentalk.cli import api as act

    return act.token(directory, as_json=as_json)


add_link_commands(api)


@completion.command(name="bash")
def completion_bash() -> int:
    """Print it for bash, to be read at its start: source <(zentalk completion bash)"""
    return _completion("bash")


@completion.command(name="zsh")
def completion_zsh() -> int:
    """Print it for zsh, to be read after compinit: source <(zentalk completion zsh)"""
    return _completion("zsh")


@completion.command(name="fish")
def completion_fish() -> int:
    """Print it for fish, to be read at its start: zentalk completion fish | source"""
    return _completion("fish")


def _completion(shell: str) -> int:
    from zentalk.cli.completion import script_of

    say(script_of(app, shell))
    return 0
