"""Options and words that several commands take, each with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from zentalk.cli.folders import api_folder, relay_folder
from zentalk.cli.grammar import Bundle, Parameter

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


class RunningNode(Bundle):
    """The options of every command that asks a running API node."""

    def __init__(
        self,
        *,
        directory: Annotated[
            Path | None,
            Parameter(
                "--dir",
                help="The folder of your API node. [default: ZENTALK_DIR, or zentalk/api where"
                " programs of this platform keep their data]",
            ),
        ] = None,
        url: Annotated[
            str | None, Parameter(help="Where the node serves, if not where its folder says.")
        ] = None,
        token_file: Annotated[
            Path | None, Parameter(help="The file with the token, if not that of the folder.")
        ] = None,
    ) -> None:
        from zentalk.cli.connect import At

        self.at = At(directory, url, token_file)


class GoesAlong(Bundle):
    """The options of every command that sends a message."""

    def __init__(
        self,
        *,
        reply_to: Annotated[
            str | None,
            Parameter(help="The message that it answers: its id, the first digits of it, or last."),
        ] = None,
        mention: Annotated[
            list[str] | None,
            Parameter(help="Who is named in it: by your name for them, or by address."),
        ] = None,
    ) -> None:
        from zentalk.cli.choosing import checked_along

        self.along = checked_along(reply_to, mention or ())


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
AddressOrInvite = Annotated[
    str,
    Parameter("ADDRESS", help="zt1 followed by 56 characters, or an invite link: zentalk:zt1..."),
]
Person = Annotated[
    str, Parameter("PERSON", help="The address of a person, or your name for a contact.")
]
Name = Annotated[list[str] | None, Parameter("NAME", help="Your name for this person.")]
NameOption = Annotated[
    str | None, Parameter("--name", help="The same; in quotes if it has several words.")
]
