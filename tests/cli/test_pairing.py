"""`zentalk device pair` shows a link; `redeem` turns it into a token in a private file."""

import json
from pathlib import Path

import trio

from tests.api.double import FakeNode
from tests.cli.conftest import Command, Result, Run
from zentalk.web.token import TOKEN_FILE


async def test_a_link_gives_a_token_once(
    zentalk: Command, run: Run, node: FakeNode, tmp_path: Path, folder: Path
) -> None:
    shown = await zentalk("device", "pair", "my", "phone", "--scope", "read")
    assert shown.code == 0
    link = next(line for line in shown.out.splitlines() if line.startswith("zentalk-pair:"))
    file = tmp_path / "phone.token"

    done = await trio.to_thread.run_sync(
        lambda: run("device", "redeem", link, "--token-file", file)
    )
    assert done.code == 0, done.err
    assert (file.stat().st_mode & 0o777, file.read_text()) == (0o600, "device-token-1\n")
    assert [(each.name, each.scope) for each in node.devices.listing()] == [("my phone", "read")]
    assert "device-token-1" not in done.out
    again = await trio.to_thread.run_sync(
        lambda: run("device", "redeem", link, "--token-file", tmp_path / "other")
    )
    assert again.code == 1
    assert "does not know this code" in again.err
    assert not (tmp_path / "other").exists()


async def test_a_file_that_exists_keeps_the_code_unused(
    zentalk: Command, run: Run, node: FakeNode, folder: Path
) -> None:
    pairing = json.loads((await zentalk("device", "pair", "phone", "--json")).out)
    refused = await trio.to_thread.run_sync(
        lambda: run("device", "redeem", pairing["link"], "--token-file", folder / TOKEN_FILE)
    )
    assert refused.code == 1
    assert len(node.admissions.listing()) == 1


def test_what_is_no_link(run: Run) -> None:
    for link in ("zentalk-pair:", "http://127.0.0.1:1#ABCD", "zentalk-pair:ftp://h#ABCD"):
        assert run("device", "redeem", link).code == 2


async def test_open_invitations_are_listed_and_withdrawn(zentalk: Command, node: FakeNode) -> None:
    pairing = json.loads((await zentalk("device", "pair", "phone", "--json")).out)
    [line] = (await zentalk("device", "pairings")).out.splitlines()
    assert line.split()[:3] == [pairing["id"], "write", "until"]
    assert line.endswith("  phone")
    assert await zentalk("device", "cancel", pairing["id"]) == Result(0, "", "")
    assert node.admissions.listing() == []
    assert (await zentalk("device", "pairings")).out == ""
    assert (await zentalk("device", "cancel", pairing["id"])).code == 1
