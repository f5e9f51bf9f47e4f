"""`zentalk webhook` over the REST of a node whose programs are away."""

from __future__ import annotations

import json
from pathlib import Path

from tests.api.double import FakeNode
from tests.cli.conftest import Command, Result
from tests.node.notify.receivers import URL, Receiver, running


async def test_add_list_dead_retry_and_remove(
    zentalk: Command, node: FakeNode, tmp_path: Path
) -> None:
    async with running(tmp_path / "node", Receiver()) as part:
        node.webhooks = part.webhooks
        added = await zentalk(
            "webhook", "add", URL, "--type", "message.", "--type", "contact.added", "--json"
        )
        assert added.err == ""
        made = json.loads(added.out)
        assert (made["types"], made["content"]) == (["message.", "contact.added"], "ids")
        plain = await zentalk("webhook", "add", URL, "--full")
        name, secret = plain.out.split()
        assert len(secret) == 43
        listed = await zentalk("webhook", "list")
        assert listed.out.splitlines() == [
            f"{made['id']}  ids  0 waiting  0 dead  {URL}",
            f"{name}  full  0 waiting  0 dead  {URL}",
        ]
        assert secret not in (await zentalk("webhook", "list", "--json")).out
        assert json.loads((await zentalk("webhook", "dead", name, "--json")).out) == []
        assert (await zentalk("webhook", "retry", name)).code == 0
        assert (await zentalk("webhook", "retry", name, "7")).code == 1
        assert await zentalk("webhook", "forget", name) == Result(0, "", "")
        assert (await zentalk("webhook", "forget", name, "7")).code == 1
        assert (await zentalk("webhook", "remove", name)).code == 0
        unknown = await zentalk("webhook", "remove", name)
        assert unknown.err.startswith("zentalk: there is no webhook with this id")
        assert (await zentalk("webhook", "add", "ftp://a")).code == 1
