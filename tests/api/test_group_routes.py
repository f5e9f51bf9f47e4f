"""Routes about groups, over a node of its own that reaches no network."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from trio.testing import MockClock as Clock

from tests.api.double import OWNER
from tests.api.group_rest import client_of, details, found, refused
from tests.api.offline import BOBS, CAROLS, offline_node
from zentalk.errors import ConfigError
from zentalk.ids import GroupId
from zentalk.net.runtime import Runtime
from zentalk.node.messages.groups.commands import GroupWish
from zentalk.node.node import Node
from zentalk.rest.groups import GroupDetails, Groups, MemberDeliveries
from zentalk.rest.invites import Invite
from zentalk.store.history.models import RequestKey
from zentalk.wire.devices import DeviceScope
from zentalk.wire.invite import InviteLink, format_invite
from zentalk.wire.text import format_address, parse_address

NOBODYS = format_address(OWNER)
PICTURE = base64.b64encode(b"a small picture").decode()


@pytest.fixture
async def node(tmp_path: Path, autojump_clock: Clock) -> AsyncIterator[Node]:
    async with offline_node(tmp_path, Runtime.virtual(1, 1_800_000_000.0)) as node:
        yield node


@pytest.fixture
async def rest(node: Node) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(node) as client:
        yield client


def path_of(group: GroupDetails) -> str:
    return f"/v1/groups/{group.conversation}"


def roles(group: GroupDetails) -> dict[str, tuple[str, str]]:
    return {one.address: (one.role, one.status) for one in group.members}


async def test_the_same_key_of_the_same_token_founds_one_group(
    rest: httpx.AsyncClient, node: Node
) -> None:
    key, wish = {"Idempotency-Key": "k1"}, {"name": "Crew", "members": [BOBS]}

    async def founding(**headers: str) -> GroupDetails:
        return details(await rest.post("/v1/groups", json=wish, headers=headers), 201)

    first = await founding(**key)
    assert await founding(**key) == first
    assert len(await node.groups.every()) == 1
    for another in ({"kind": "channel"}, {"name": "Club"}, {"members": [BOBS, CAROLS]}):
        other = await rest.post("/v1/groups", json={**wish, **another}, headers=key)
        refused(other, 409, "use a new key")
    message = f"/v1/conversations/{first.conversation}/messages"
    refused(await rest.post(message, json={"text": "hello"}, headers=key), 409, "use a new key")
    said = await rest.post(message, json={"text": "hello"}, headers={"Idempotency-Key": "k2"})
    assert said.status_code == 202
    refused(await rest.post("/v1/groups", json=wish, headers={"Idempotency-Key": "k2"}), 409)
    _, token = await node.devices.add("phone", DeviceScope.WRITE)
    theirs = await founding(**key, Authorization=f"Bearer {token}")
    # Control: another token's key, and none, found others.
    unnamed = await founding()
    assert len({first.conversation, theirs.conversation, unnamed.conversation}) == 3
    for text in ("", "k" * 257):  # the schema refuses them before
        with pytest.raises(ConfigError, match="1 to 256 characters"):
            await node.groups.found(GroupWish("Crew"), RequestKey(text))


async def test_a_group_is_founded_listed_shown_and_changed(
    rest: httpx.AsyncClient, node: Node
) -> None:
    group = await found(rest, members=[BOBS])
    assert (group.name, group.kind, group.posting) == ("Crew", "group", "members")
    assert (group.standing, group.member_count) == ("joined", 1)
    assert roles(group) == {
        node.address_text: ("admin", "joined"),
        BOBS: ("member", "invited"),
    }
    listed = Groups.model_validate((await rest.get("/v1/groups")).json(), extra="forbid")
    assert [one.conversation for one in listed.groups] == [group.conversation]
    changed = details(
        await rest.patch(path_of(group), json={"name": "The crew", "posting": "admins"})
    )
    assert (changed.name, changed.posting, changed.description) == ("The crew", "admins", "")
    described = details(await rest.patch(path_of(group), json={"description": "all of us"}))
    assert (described.name, described.description) == ("The crew", "all of us")
    assert details(await rest.patch(path_of(group), json={})) == described
    assert details(await rest.get(path_of(group))) == described


async def test_a_channel_has_subscribers_and_its_admins_post(rest: httpx.AsyncClient) -> None:
    group = await found(rest, kind="channel", members=[BOBS])
    assert (group.kind, group.posting) == ("channel", "admins")
    assert roles(group)[BOBS] == ("subscriber", "invited")


async def test_people_are_invited_promoted_demoted_and_put_out(rest: httpx.AsyncClient) -> None:
    group = await found(rest)
    members, bob = f"{path_of(group)}/members", f"{path_of(group)}/members/{BOBS}"
    invited = details(await rest.post(members, json={"members": [BOBS, CAROLS]}))
    assert roles(invited)[CAROLS] == ("member", "invited")
    for _ in range(2):  # what is so already stays so
        promoted = details(await rest.put(bob, json={"role": "admin"}))
        assert roles(promoted)[BOBS] == ("admin", "invited")
        [admin] = [one for one in promoted.members if one.address == BOBS]
        assert admin.rank == 1
    for _ in range(2):
        demoted = details(await rest.put(bob, json={"role": "member"}))
        assert roles(demoted)[BOBS] == ("member", "invited")
    assert (await rest.delete(bob)).status_code == 204
    assert BOBS not in roles(details(await rest.get(path_of(group))))
    refused(await rest.put(bob, json={"role": "admin"}), 404, "not in the group")
    refused(await rest.delete(bob), 409)
    refused(await rest.put(bob, json={"role": "founder"}), 422)


async def test_a_picture_is_set_shown_and_taken_away(rest: httpx.AsyncClient) -> None:
    picture = f"{path_of(await found(rest))}/picture"
    refused(await rest.get(picture), 404, "no picture")
    refused(await rest.delete(picture), 404, "no picture")
    assert (await rest.put(picture, json={"picture": PICTURE})).status_code == 204
    assert (await rest.get(picture)).json() == {"picture": PICTURE}
    assert len(details(await rest.get(picture.removesuffix("/picture"))).picture) == 64
    large = base64.b64encode(bytes(24 * 1024 + 1)).decode()
    for wrong, status in (("not base64!", 422), (large, 413), ("", 422)):
        refused(await rest.put(picture, json={"picture": wrong}), status)
    assert (await rest.delete(picture)).status_code == 204
    refused(await rest.get(picture), 404)


async def test_a_group_is_forgotten_once_one_is_out(rest: httpx.AsyncClient) -> None:
    group = await found(rest)
    chat = f"/v1/conversations/{group.conversation}"
    assert (await rest.post(f"{chat}/messages", json={"text": "a note"})).status_code == 202
    refused(await rest.delete(path_of(group)), 409, "leave it first")
    assert (await rest.post(f"{path_of(group)}/leave")).status_code == 204
    assert (await rest.delete(path_of(group))).status_code == 204
    refused(await rest.delete(path_of(group)), 404, "no group")
    assert (await rest.get(f"{chat}/messages")).json()["messages"] == []
    assert (await rest.get("/v1/groups")).json() == {"groups": []}
    assert (await rest.get("/v1/conversations")).json() == {"conversations": []}
    events = (await rest.get("/v1/events", params={"conversation": group.conversation})).json()
    assert [one["type"] for one in events["events"]] == ["group.forgotten"]


async def test_whoever_left_is_out_and_reads_on(rest: httpx.AsyncClient) -> None:
    group = await found(rest)
    chat = f"/v1/conversations/{group.conversation}"
    said = await rest.post(f"{chat}/messages", json={"text": "a note"})
    assert said.status_code == 202
    assert (await rest.post(f"{path_of(group)}/leave")).status_code == 204
    left = details(await rest.get(path_of(group)))
    assert (left.standing, left.members, left.founderless) == ("left", [], True)
    refused(await rest.post(f"{path_of(group)}/leave"), 409, "not in this group")
    refused(await rest.post(f"{path_of(group)}/accept"), 409, "not invited")
    refused(await rest.patch(path_of(group), json={"name": "x"}), 409)
    refused(await rest.post(f"{chat}/messages", json={"text": "more"}), 409, "left")
    note = f"{chat}/messages/{said.json()['id']}"
    for marked in (
        rest.patch(note, json={"text": "another"}),
        rest.put(f"{note}/reaction", json={"emoji": "👍"}),
        rest.put(f"{note}/pin"),
        rest.delete(f"{note}/pin"),
        rest.delete(note, params={"for": "everyone"}),
        rest.put(f"{chat}/timer", json={"seconds": 60}),
    ):
        refused(await marked, 409, "left")
    [line] = (await rest.get(f"{chat}/messages")).json()["messages"]
    assert line["text"] == "a note"


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"name": ""}, 422),
        ({"name": "a\nb"}, 422),
        ({"name": "é" * 100}, 422),
        ({}, 422),
        ({"name": "x", "kind": "party"}, 422),
        ({"name": "x", "members": ["zt1nobody"]}, 422),
        ({"name": "x", "members": [NOBODYS]}, 409),
        ({"name": "x", "members": [BOBS] * 256}, 422),
        ({"name": "x", "size": 3}, 422),
    ],
)
async def test_a_wish_that_cannot_be_is_refused_and_founds_nothing(
    rest: httpx.AsyncClient, wish: dict[str, object], status: int
) -> None:
    refused(await rest.post("/v1/groups", json=wish), status)
    assert (await rest.get("/v1/groups")).json() == {"groups": []}


@pytest.mark.parametrize(
    ("method", "rest_of_path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("POST", "/accept", None),
        ("POST", "/leave", None),
        ("DELETE", "", None),
        ("POST", "/members", {"members": [BOBS]}),
        ("PUT", f"/members/{BOBS}", {"role": "admin"}),
        ("DELETE", f"/members/{BOBS}", None),
        ("GET", "/picture", None),
        ("PUT", "/picture", {"picture": PICTURE}),
        ("DELETE", "/picture", None),
    ],
)
@pytest.mark.parametrize(("group", "status"), [(BOBS, 404), (NOBODYS, 404), ("zt1", 422)])
async def test_what_is_no_group_is_said_to_be_none(
    rest: httpx.AsyncClient, method: str, rest_of_path: str, body: object, group: str, status: int
) -> None:
    answer = await rest.request(method, f"/v1/groups/{group}{rest_of_path}", json=body)
    refused(answer, status)


async def test_deliveries_are_those_of_one_message_of_ours(rest: httpx.AsyncClient) -> None:
    group = await found(rest, members=[BOBS])
    chat = f"/v1/conversations/{group.conversation}"
    sent = (await rest.post(f"{chat}/messages", json={"text": "hello"})).json()
    told = await rest.get(f"{chat}/messages/{sent['id']}/deliveries")
    # Bob is invited and not in: what is said before he joins is not for him.
    assert MemberDeliveries.model_validate(told.json()).deliveries == []
    other = f"/v1/conversations/{(await found(rest)).conversation}"
    refused(await rest.get(f"{other}/messages/{sent['id']}/deliveries"), 404)
    alone = (await rest.post(f"/v1/conversations/{BOBS}/messages", json={"text": "x"})).json()
    person = f"/v1/conversations/{BOBS}/messages/{alone['id']}/deliveries"
    refused(await rest.get(person), 404, "no group")


async def test_a_link_to_a_group_is_announced_and_ended(rest: httpx.AsyncClient) -> None:
    group = await found(rest, kind="channel")
    body = {"group": group.conversation, "max_uses": 4, "expires_in_seconds": 3600}
    made = Invite.model_validate((await rest.post("/v1/invites", json=body)).json())
    assert (made.group, made.max_uses, made.accepts) == (group.conversation, 4, True)
    [ticket] = details(await rest.get(path_of(group))).tickets
    assert (ticket.by, ticket.role, ticket.uses) == (group.members[0].address, "subscriber", 4)
    assert ticket.expires_at == int(made.expires_at)
    assert not ticket.closed
    refused(await rest.post("/v1/groups/join", json={"link": made.link}), 422, "your own link")
    assert (await rest.delete(f"/v1/invites/{made.id}")).status_code == 204
    [ticket] = details(await rest.get(path_of(group))).tickets
    assert ticket.closed


async def test_a_link_is_closed_by_the_id_that_all_admins_see(
    rest: httpx.AsyncClient, node: Node
) -> None:
    group = await found(rest)
    made = (await rest.post("/v1/invites", json={"group": group.conversation})).json()
    [ticket] = details(await rest.get(path_of(group))).tickets
    path = f"{path_of(group)}/tickets"
    for unknown in ("0" * 32, "x", made["id"]):
        refused(await rest.delete(f"{path}/{unknown}"), 404, "no such link")
    for _ in range(2):
        assert (await rest.delete(f"{path}/{ticket.id}")).status_code == 204
    [closed] = details(await rest.get(path_of(group))).tickets
    assert (closed.id, closed.closed) == (ticket.id, True)
    assert (await rest.get(f"/v1/invites/{made['id']}")).json()["state"] == "revoked"
    log = await node.groups.log(GroupId(parse_address(group.conversation)))
    assert [type(entry.act).__name__ for entry in log].count("CloseTicket") == 1


async def test_a_link_that_cannot_be_is_refused(rest: httpx.AsyncClient) -> None:
    group = await found(rest)
    asks = {"group": group.conversation, "accepts": False}
    refused(await rest.post("/v1/invites", json=asks), 422, "let it accept")
    refused(await rest.post("/v1/invites", json={"group": BOBS}), 404, "no group")
    refused(await rest.post("/v1/invites", json={"group": "zt1"}), 422)
    assert (await rest.post(f"{path_of(group)}/leave")).status_code == 204
    body = {"group": group.conversation}
    refused(await rest.post("/v1/invites", json=body), 409, "not in this group")
    assert (await rest.get("/v1/invites")).json() == {"invites": []}
    for link in ("", BOBS, "zentalk:zt1#", 5):
        refused(await rest.post("/v1/groups/join", json={"link": link}), 422)


async def test_whoever_uses_a_link_adds_its_maker(rest: httpx.AsyncClient) -> None:
    link = format_invite(InviteLink(OWNER, b"s" * 16))
    assert (await rest.post("/v1/groups/join", json={"link": link})).status_code == 204
    contacts = (await rest.get("/v1/contacts")).json()["contacts"]
    assert NOBODYS in [one["address"] for one in contacts]
    assert (await rest.post(f"/v1/contacts/{NOBODYS}/block")).status_code == 200
    refused(await rest.post("/v1/groups/join", json={"link": link}), 409, "blocked")


async def test_history_is_shared_with_who_has_joined_and_by_admins(
    rest: httpx.AsyncClient,
) -> None:
    group = await found(rest, members=[BOBS])
    for person, status in ((BOBS, 409), (CAROLS, 409), ("zt1", 422)):
        theirs = f"{path_of(group)}/members/{person}/history"
        refused(await rest.post(theirs, json={}), status)
    history = f"{path_of(group)}/members/{BOBS}/history"
    for count in (0, 201, "x"):
        refused(await rest.post(history, json={"count": count}), 422)
    assert (await rest.post(f"{path_of(group)}/leave")).status_code == 204
    refused(await rest.post(history, json={}), 409, "Only admins")
