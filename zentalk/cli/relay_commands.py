"""The commands of `zentalk relay` about whom it lets in; `relay_access` acts on them.

A module is imported only when its command runs.
"""

from __future__ import annotations

from typing import Annotated, Literal

from zentalk.cli.grammar import Group, Parameter
from zentalk.cli.options import AsJson, RelayDir


def add_to(relay: Group) -> None:
    """Add the commands to the group `relay`."""
    relay.command(name="access")(relay_access)
    relay.command(name="ban")(relay_ban)


def relay_access(
    action: Annotated[
        Literal["add", "list", "revoke"], Parameter("ACTION", help="add, list or revoke.")
    ],
    name: Annotated[
        list[str] | None,
        Parameter("NAME", help="Your name for whoever gets the token; nobody else sees it."),
    ] = None,
    /,
    *,
    directory: RelayDir,
    as_json: AsJson = False,
) -> int:
    """Make a token for a private relay and print it once, list what there are, or revoke one.

    A running relay reads it on SIGHUP. Links of a token that was revoked end then.
    """
    from zentalk.cli import relay_access as act

    return act.access(directory, action, " ".join(name or ()), as_json=as_json)


def relay_ban(
    action: Annotated[
        Literal["add", "list", "remove"], Parameter("ACTION", help="add, list or remove.")
    ],
    address: Annotated[
        str | None,
        Parameter("ADDRESS", help="An address, or a range such as 192.0.2.0/24 or 2001:db8::/48."),
    ] = None,
    /,
    *,
    directory: RelayDir,
    lasting: Annotated[
        str | None, Parameter("--for", help="How long, such as 12h or 30d; else for good.")
    ] = None,
    reason: Annotated[
        str | None, Parameter(help="Why. Whoever is refused over HTTP reads it.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Refuse an address or a range of addresses, list those that are refused, or let one in again.

    A running relay reads it on SIGHUP. Links from there end then.
    """
    from zentalk.cli import relay_access as act

    terms = act.BanTerms(lasting, reason)
    return act.ban(directory, action, address, terms, as_json=as_json)
