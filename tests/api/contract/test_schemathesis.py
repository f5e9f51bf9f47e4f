"""Schemathesis over the whole OpenAPI document, against a real node on a real port.

It finds no server error, no status and no media type that is not documented, no body that breaks
its schema, and nothing malformed that is taken. It makes one request of each kind that follows from
the document for an operation; `make long` lets it make all of them, and many random ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.api.documented import UNDESCRIBED
from tests.api.double import BOB, STRANGER, TOKEN
from tests.api.live import Live, live_node, post_nothing
from zentalk.api import routes
from zentalk.api.docs.routes import OPENAPI_PATH
from zentalk.api.route_table import ROUTES
from zentalk.ids import UserAddress
from zentalk.node.files.library import FileLibrary
from zentalk.node.files.views import FileView
from zentalk.node.messages.commands import Draft
from zentalk.node.messages.groups.commands import GroupWish
from zentalk.node.node import Node
from zentalk.node.notify.outgoing import HttpPoster
from zentalk.store.history.event_filter import EventFilter
from zentalk.wire.chat import Poll
from zentalk.wire.devices import DeviceScope
from zentalk.wire.group_acts import GroupKind
from zentalk.wire.text import format_address

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MANY = 50
"""Random requests for each operation, in `make long`."""
SEED = "1"
CALLED = "called.txt"
TAKE_IN = FileLibrary.upload
Pieces = AsyncGenerator[bytes, None]
RULED = [
    "listMessages",  # one place in the conversation at a time
    "getLinkedMessage",  # an address with its check
    "searchMessages",  # at least one word
    "sendMessage",  # one kind of content
    "introduceContact",  # two people
    "importMessages",  # who wrote a message in which direction, and its kind
    "verifyContact",  # a number, or one's word
    "muteConversation",  # not for a hundred years
    "editMessage",  # a text
    "deleteMessage",  # for everyone: one of ours
    "voteInPoll",  # a poll
    "setProfile",  # a picture of so many bytes
    "createGroup",  # a name of so many bytes
    "changeGroup",
    "importMessages",  # what goes together in a message
    "getPushKey",  # a device, where the token is the owner's
    "registerPush",
    "createInvite",  # whoever comes by an invite to a group is accepted
    "keepRecovery",  # the identity of this node
]
"""Operations with a rule that no schema says: they refuse some of what their schemas allow."""
CONFIG = """
[checks]  # beside those that it expects: a body may be too large in bytes, which no schema counts
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 409, 413, 414, 422, 429, 431]
ensure_resource_availability.enabled = false  # whoever was just added is not blocked, and so on
positive_data_acceptance.expected-statuses = ["2xx", 304, 401, 403, 404, 409, 413, 414, 429, 431]
[phases.examples]  # the fixed cases of `coverage` have them too
enabled = {long}
[phases.fuzzing]
enabled = {long}
[phases.stateful]
enabled = {long}
[[operations]]
include-operation-id = "streamEvents"
request-timeout = 1
max-stream-events = 2
[[operations]]
include-operation-id = {ruled}
[operations.checks]
positive_data_acceptance.enabled = false
[[operations]]
include-operation-id = "joinGroup"  # `join` may stand where the id of a group does
[operations.checks]
unsupported_method.enabled = false
positive_data_acceptance.enabled = false
[[operations]]
include-path-regex = "/v1/groups/.*"  # it takes the name of a group for its id
[operations.checks]
positive_data_acceptance.enabled = false
"""


async def a_file() -> AsyncGenerator[bytes, None]:
    yield b"a file"


async def take_in_only(
    library: FileLibrary, name: str, media_type: str, pieces: Pieces, *, wait: bool, **more: bool
) -> FileView:
    """Stand for `FileLibrary.upload`: no relay is there to be waited for."""
    return await TAKE_IN(library, name, media_type, pieces, wait=False, **more)


async def filled(node: Node) -> dict[str, Any]:
    """Put some of everything into a node; return what names it, people last."""
    paths: list[dict[str, str]] = []
    for number in range(4):
        invite = await node.first_contact.invites.create(
            "Bob", max_uses=1, lifetime_seconds=3600, accepts=True
        )
        device, _ = await node.devices.add(f"phone {number}", DeviceScope.WRITE)
        webhook, _ = await node.webhooks.add("http://127.0.0.1:9/", EventFilter(("a",)), "ids")
        paths += [
            {"invite_id": invite.invite.id},
            {"device_id": device.device_id.hex()},
            {"webhook_id": webhook.row.id},
        ]
    for name in ("tablet", "watch"):
        pairing, _ = node.admissions.open(name, DeviceScope.READ, "")
        paths.append({"pairing_id": pairing.pairing_id})
    for _ in range(4):
        file = await node.files.upload("a.txt", "application/octet-stream", a_file(), wait=False)
        paths.append({"cid": file.id})
    bob, other = format_address(BOB), format_address(STRANGER)
    for person in (BOB, STRANGER):
        await node.add_contact(person, "Bob")
        text = await node.send(person, Draft("Tea at five?"))
        poll = await node.send(person, Draft(body=Poll("which?", ("green", "black"), False)))
        group = await node.groups.found(GroupWish("Crew", GroupKind.GROUP, (person,)))
        address = format_address(person)
        paths.append({"group": format_address(UserAddress(group.id)), "address": address})
        paths += [{"address": address, "message_id": one.id} for one in (text, poll)]
    forwarded = {"conversation": bob, "id": paths[-4]["message_id"]}
    return {
        "paths": paths,
        "bodies": {"forwardMessage": forwarded, "introduceContact": {"to": other}},
    }


async def run_schemathesis(
    live: Live, folder: Path, *more: str, is_long: bool = False
) -> subprocess.CompletedProcess[bytes]:
    """Let schemathesis make its fixed requests for each operation; if long, random ones too."""
    known = await filled(live.node)
    known |= {"called": str(folder / CALLED), "short": not is_long}
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG.format(long=str(is_long).lower(), ruled=json.dumps(RULED)))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
        *("run", live.url + OPENAPI_PATH, "--header", f"Authorization: Bearer {TOKEN}"),
        *("--max-examples", str(MANY), "--seed", SEED, "--generation-database", "none"),
        *("--request-timeout", "30", "--no-color", "--continue-on-failure", "--no-shrink", *more),
    ]
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.api.contract.schemathesis_hooks",
        "ZENTALK_KNOWN": json.dumps(known),
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    return await trio.run_process(
        command,
        capture_stdout=True,
        stderr=subprocess.STDOUT,
        check=False,
        cwd=folder,
        env=environment,
    )


async def test_schemathesis_finds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HttpPoster, "post", post_nothing)
    monkeypatch.setattr(FileLibrary, "upload", take_in_only)
    async with live_node(tmp_path / "alice") as live:
        done = await run_schemathesis(live, tmp_path, is_long="ZENTALK_LONG" in os.environ)
    said = done.stdout.decode()
    assert done.returncode == 0, said
    assert f"Tested: {len(ROUTES) - len(UNDESCRIBED)}" in said
    called = set((tmp_path / CALLED).read_text().splitlines())
    names = {line.split()[0] for line in called}
    assert len(names) == len(ROUTES) - len(UNDESCRIBED)
    assert called == {f"{name} {how}" for name in names for how in ("positive", "negative")}


async def bug(_self: Node, _message_id: str, _conversation: UserAddress | None) -> None:
    raise KeyError


@pytest.mark.parametrize("broken", ["document", "node"])
async def test_control_schemathesis_finds_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    if broken == "document":
        monkeypatch.setattr(routes, "MISSING", ())
    else:
        monkeypatch.setattr(Node, "message", bug)
    async with live_node(tmp_path / "alice") as live:
        only = ("--include-operation-id", "getMessage", "--phases", "coverage")
        done = await run_schemathesis(live, tmp_path, *only)
    assert done.returncode == 1
    found = "Undocumented status code" if broken == "document" else "Server error"
    assert found in done.stdout.decode()
