"""All commands and their arguments, in one place; acting on them is for the other modules.

Those are imported only when their command runs: showing a help text or sending a message must
not wait for a web server to load.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

from zentalk.cli.errors import UsageError


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415

    return version("zentalk")


app = App(
    name="zentalk",
    help="A private messenger network: onion relays, mailboxes and an API node of your own.",
    version=_version,
    help_format="plaintext",
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
relay = App(name="relay", help="Run a relay: forward packets and keep mail for others.")
api = App(name="api", help="Run your API node: identity, contacts, messages, REST.")
contact = App(name="contact", help="People you write with; needs your running API node.")
device = App(name="device", help="Devices that may use your API node; needs it running.")
mailbox = App(name="mailbox", help="Where others leave mail for you; needs your running API node.")
message = App(name="message", help="Messages; needs your running API node.")
network = App(name="network", help="The network as your running API node sees it.")
sim = App(name="sim", help="Local networks of real relays and API nodes.")
for group in (relay, api, contact, device, mailbox, message, network, sim):
    app.command(group)

Dir = Annotated[Path, Parameter("--dir", help="The folder of the node.")]
Bootstraps = Annotated[
    list[str],
    Parameter(
        "--bootstrap",
        help="A relay to ask first, zt-relay:IDENTITY@HOST:PORT; may be given several times.",
        consume_multiple=(1, None),
        negative=(),
    ),
]
NetworkId = Annotated[
    str | None, Parameter("--network", help="The network's id; all its nodes have the same.")
]
Difficulty = Annotated[
    int | None,
    Parameter("--id-difficulty", help="Bits of work in the identities of this network's relays."),
]
AsJson = Annotated[bool, Parameter("--json", help="Print JSON.", negative=())]
Address = Annotated[str, Parameter(help="zt1 followed by 56 characters.")]


def run(argv: Sequence[str]) -> int:
    """Parse arguments and run their command; raises UsageError if they are wrong."""
    try:
        result = app(list(argv))
    except CycloptsError as error:
        raise UsageError(_sentence(error)) from None
    return result if isinstance(result, int) else 0


def _network(network: str | None, id_difficulty: int | None) -> dict[str, Any]:
    """Return what was said about the network; the rest has its defaults."""
    said = {"network": network, "id_difficulty": id_difficulty}
    return {name: value for name, value in said.items() if value is not None}


def _sentence(error: CycloptsError) -> str:
    chain = " ".join(["zentalk", *(error.command_chain or ())])
    text = str(error).strip().splitlines()[0].rstrip(".")
    return f"{text}; see: {chain} --help"


@relay.command(name="init")
def relay_init(
    *,
    directory: Dir,
    host: Annotated[str, Parameter(help="The address to listen on and to announce.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="The TCP port to listen on.")] = 9001,
    bootstrap: Bootstraps | None = None,
    network: NetworkId = None,
    id_difficulty: Difficulty = None,
) -> int:
    """Make a relay's identity and settings, and print its URI; takes a minute in `main`."""
    from zentalk.cli import relay as act  # noqa: PLC0415

    return act.init(directory, host, port, bootstrap or [], _network(network, id_difficulty))


@relay.command(name="run")
def relay_run(*, directory: Dir) -> int:
    """Run a relay; prints one line `ready URI` when it serves."""
    from zentalk.cli import relay as act  # noqa: PLC0415

    return act.run(directory)


@relay.command(name="status")
def relay_status(*, directory: Dir, as_json: AsJson = False) -> int:
    """Show whether the relay runs, and its counters."""
    from zentalk.cli import relay as act  # noqa: PLC0415

    return act.status(directory, as_json=as_json)


@api.command(name="init")
def api_init(
    *,
    directory: Dir,
    bootstrap: Bootstraps,
    port: Annotated[int, Parameter(help="The port of REST.")] = 3001,
    name: Annotated[str, Parameter(help="Your name, for yourself.")] = "",
    network: NetworkId = None,
    id_difficulty: Difficulty = None,
) -> int:
    """Make an identity, a token and settings, and print your address."""
    from zentalk.cli import api as act  # noqa: PLC0415

    return act.init(directory, port, name, bootstrap, _network(network, id_difficulty))


@api.command(name="run")
def api_run(*, directory: Dir) -> int:
    """Run your API node; prints one line `ready URL` when REST serves."""
    from zentalk.cli import api as act  # noqa: PLC0415

    return act.run(directory)


@api.command(name="address")
def api_address(*, directory: Dir) -> int:
    """Print your address, for others to add."""
    from zentalk.cli import api as act  # noqa: PLC0415

    return act.address(directory)


@api.command(name="token")
def api_token(*, directory: Dir) -> int:
    """Print the token that opens your node's REST; whoever has it is you."""
    from zentalk.cli import api as act  # noqa: PLC0415

    return act.token(directory)


@contact.command(name="add")
def contact_add(
    address: Address,
    /,
    *,
    directory: Dir,
    name: Annotated[str, Parameter(help="What you call this person.")] = "",
    as_json: AsJson = False,
) -> int:
    """Add or rename a person; accepts a request of theirs."""
    from zentalk.cli import contact as act  # noqa: PLC0415

    return act.add(directory, address, name, as_json=as_json)


@contact.command(name="accept")
def contact_accept(
    address: Address,
    /,
    *,
    directory: Dir,
    name: Annotated[str | None, Parameter(help="What you call this person.")] = None,
    as_json: AsJson = False,
) -> int:
    """Accept a request: from now on, receipts go back."""
    from zentalk.cli import contact as act  # noqa: PLC0415

    return act.accept(directory, address, name, as_json=as_json)


@contact.command(name="list")
def contact_list(*, directory: Dir, as_json: AsJson = False) -> int:
    """List contacts and requests."""
    from zentalk.cli import contact as act  # noqa: PLC0415

    return act.list_all(directory, as_json=as_json)


@device.command(name="add")
def device_add(
    name: Annotated[str, Parameter(help="What you call it, such as phone.")],
    /,
    *,
    directory: Dir,
    as_json: AsJson = False,
) -> int:
    """Admit a device; prints its token, which is shown only this once."""
    from zentalk.cli import device as act  # noqa: PLC0415

    return act.add(directory, name, as_json=as_json)


@device.command(name="list")
def device_list(*, directory: Dir, as_json: AsJson = False) -> int:
    """List the devices that may use the node besides yourself."""
    from zentalk.cli import device as act  # noqa: PLC0415

    return act.list_all(directory, as_json=as_json)


@device.command(name="revoke")
def device_revoke(
    device_id: Annotated[str, Parameter(help="Its id, as `zentalk device list` shows it.")],
    /,
    *,
    directory: Dir,
) -> int:
    """Shut a device out at once, also of what it has open."""
    from zentalk.cli import device as act  # noqa: PLC0415

    return act.revoke(directory, device_id)


@mailbox.command(name="list")
def mailbox_list(*, directory: Dir, as_json: AsJson = False) -> int:
    """List your mailboxes, and those that you left and that are still polled."""
    from zentalk.cli import mailbox as act  # noqa: PLC0415

    return act.list_all(directory, as_json=as_json)


@mailbox.command(name="move")
def mailbox_move(
    mailbox_id: Annotated[
        str | None, Parameter(help="The one to leave, as `zentalk mailbox list` shows it.")
    ] = None,
    /,
    *,
    directory: Dir,
    as_json: AsJson = False,
) -> int:
    """Move a mailbox, or all of them, to other relays; contacts follow by themselves."""
    from zentalk.cli import mailbox as act  # noqa: PLC0415

    return act.move(directory, mailbox_id, as_json=as_json)


@message.command(name="send")
def message_send(
    text: Annotated[
        str | None, Parameter(help="What to say; without it, standard input is read.")
    ] = None,
    /,
    *,
    directory: Dir,
    to: Address,
    wait: Annotated[
        Literal["sent", "delivered"] | None, Parameter(help="Wait until it is this far.")
    ] = None,
    timeout: Annotated[float, Parameter(help="How many seconds to wait at most.")] = 60.0,
    as_json: AsJson = False,
) -> int:
    """Send a message; prints its id and state."""
    from zentalk.cli import message as act  # noqa: PLC0415

    return act.send(directory, to, text, wait=wait, timeout_seconds=timeout, as_json=as_json)


@message.command(name="list")
def message_list(
    *,
    directory: Dir,
    address: Annotated[str, Parameter("--with", help="Whose conversation.")],
    limit: Annotated[int, Parameter(help="How many of the newest.")] = 100,
    as_json: AsJson = False,
) -> int:
    """List a conversation, newest last."""
    from zentalk.cli import message as act  # noqa: PLC0415

    return act.list_page(directory, address, limit, as_json=as_json)


@network.command(name="status")
def network_status(*, directory: Dir, as_json: AsJson = False) -> int:
    """Show relays, guards, mailboxes, what is less than it should be, and who loses packets."""
    from zentalk.cli import network as act  # noqa: PLC0415

    return act.status(directory, as_json=as_json)


@sim.command(name="run")
def sim_run(
    *,
    nodes: Annotated[int | None, Parameter(help="Relays, 3 to 100. [default: 5]")] = None,
    users: Annotated[int | None, Parameter(help="API nodes, 2 or more. [default: 2]")] = None,
    messages: Annotated[int | None, Parameter(help="Messages to send. [default: 20]")] = None,
    kill_relays: Annotated[
        int | None, Parameter(help="Relays to kill meanwhile; 3 must be left. [default: 0]")
    ] = None,
    net: Annotated[
        Literal["tcp", "processes"] | None,
        Parameter(help="One process, or one for each node. [default: tcp]"),
    ] = None,
    seed: Annotated[int | None, Parameter(help="What chance starts from. [default: 0]")] = None,
    scenario: Annotated[
        str | None, Parameter(help="A scenario to start from; see: zentalk sim list")
    ] = None,
    json: Annotated[Path | None, Parameter(help="Write the report to this file.")] = None,
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
    nodes: Annotated[int, Parameter(help="Relays, 3 to 100.")] = 5,
    users: Annotated[int, Parameter(help="API nodes.")] = 2,
) -> int:
    """Start a network and keep it running until Ctrl-C."""
    from zentalk.cli import sim as act  # noqa: PLC0415

    return act.up(nodes, users)


@sim.command(name="list")
def sim_list() -> int:
    """List the scenarios that come with zentalk."""
    from zentalk.cli import sim as act  # noqa: PLC0415

    return act.list_scenarios()
