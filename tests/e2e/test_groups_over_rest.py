"""Groups over REST of three nodes, with real relays, in virtual time."""

from __future__ import annotations

from contextlib import AsyncExitStack

import httpx
import pytest
from trio.testing import MockClock as Clock

from tests.api.group_rest import client_of, details, found, refused
from tests.e2e.test_groups import circle, founded
from tests.e2e.world import World
from zentalk.ids import UserAddress
from zentalk.node.node import Node
from zentalk.rest.groups import GroupDetails, Groups, MemberDeliveries
from zentalk.rest.messages import Message, Messages
from zentalk.wire.text import format_address

pytestmark = pytest.mark.e2e


class Crew:
    """Three people, each with a client of REST; Alice knows the others."""

    def __init__(self, world: World, nodes: list[Node], clients: list[httpx.AsyncClient]) -> None:
        self.world = world
        self.addresses = [node.address_text for node in nodes]
        self.clients = clients

    async def until_standing(self, one: httpx.AsyncClient, standing: str) -> str:
        """Wait until somebody's only group is shown so; return its id."""

        async def stands() -> bool:
            listed = Groups.model_validate((await one.get("/v1/groups")).json()).groups
            return [each.standing for each in listed] == [standing]

        await self.world.until(stands)
        listed = Groups.model_validate((await one.get("/v1/groups")).json()).groups
        return listed[0].conversation

    async def until_all_show(self, group: str, **expected: object) -> list[GroupDetails]:
        async def agree() -> bool:
            shown = [details(await one.get(f"/v1/groups/{group}")) for one in self.clients]
            return all(
                getattr(one, name) == value for one in shown for name, value in expected.items()
            )

        await self.world.until(agree)
        return [details(await one.get(f"/v1/groups/{group}")) for one in self.clients]

    async def until_texts(self, group: str, texts: list[str]) -> list[list[Message]]:
        async def arrived() -> bool:
            shown = [await lines(one, group) for one in self.clients]
            return all([line.text for line in each] == texts for each in shown)

        await self.world.until(arrived)
        return [await lines(one, group) for one in self.clients]


async def lines(one: httpx.AsyncClient, group: str) -> list[Message]:
    page = await one.get(f"/v1/conversations/{group}/messages")
    return Messages.model_validate(page.json()).messages


async def say(one: httpx.AsyncClient, group: str, text: str) -> Message:
    sent = await one.post(f"/v1/conversations/{group}/messages", json={"text": text})
    assert sent.status_code == 202, sent.text
    return Message.model_validate(sent.json())


async def test_three_people_found_a_group_write_and_see_who_has_it(
    world: World, autojump_clock: Clock
) -> None:
    nodes = await circle(world, "alice", "bob", "carol")
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(client_of(node)) for node in nodes]
        crew = Crew(world, nodes, clients)
        alice, bob, carol = clients
        founded = await found(alice, members=crew.addresses[1:])
        group = founded.conversation
        for one in (bob, carol):
            assert await crew.until_standing(one, "invited") == group
            # Until one has accepted, nothing can be said there.
            early = await one.post(f"/v1/conversations/{group}/messages", json={"text": "hi"})
            refused(early, 409, "accept the invitation")
            joined = details(await one.post(f"/v1/groups/{group}/accept"))
            assert (joined.standing, joined.invited_by) == ("joined", crew.addresses[0])
        await crew.until_all_show(group, member_count=3)

        said = await say(bob, group, "hello")
        shown = await crew.until_texts(group, ["hello"])
        assert [[line.direction for line in each] for each in shown] == [["in"], ["out"], ["in"]]
        assert {line.author for each in shown for line in each} == {crew.addresses[1]}

        line = f"/v1/conversations/{group}/messages/{said.id}"

        async def delivered() -> bool:
            told = MemberDeliveries.model_validate((await bob.get(f"{line}/deliveries")).json())
            return {one.address: one.state for one in told.deliveries} == {
                crew.addresses[0]: "delivered",
                crew.addresses[2]: "delivered",
            }

        await world.until(delivered)
        refused(await alice.get(f"{line}/deliveries"), 422, "only its author")
        refused(await alice.patch(line, json={"text": "bye"}), 422, "only its author")
        await bob.patch(line, json={"text": "hello all"})
        await carol.put(f"{line}/reaction", json={"emoji": "👍"})

        async def marked() -> bool:
            [[one], *others] = [await lines(each, group) for each in clients]
            return (one.text, len(one.reactions)) == ("hello all", 1) and all(
                other[0].reactions == one.reactions for other in others
            )

        await world.until(marked)
        await alice.post(f"/v1/conversations/{group}/read")

        async def seen() -> bool:
            told = MemberDeliveries.model_validate((await bob.get(f"{line}/deliveries")).json())
            return sorted(one.state for one in told.deliveries) == ["delivered", "read"]

        await world.until(seen)


async def test_who_joins_late_is_shown_what_an_admin_shares(
    world: World, autojump_clock: Clock
) -> None:
    nodes = await circle(world, "alice", "bob", "carol")
    alice_node, bob_node, carol_node = nodes
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(client_of(node)) for node in nodes]
        alice, bob, carol = clients
        crew = Crew(world, nodes[:2], clients[:2])
        group = (await found(alice, members=[bob_node.address_text])).conversation
        await crew.until_standing(bob, "invited")
        details(await bob.post(f"/v1/groups/{group}/accept"))
        await crew.until_all_show(group, member_count=2)
        for number, one in enumerate((alice, bob, alice)):
            await say(one, group, f"early {number}")
            await crew.until_texts(group, [f"early {each}" for each in range(number + 1)])
        crew = Crew(world, nodes, clients)
        people = {"members": [carol_node.address_text]}
        details(await alice.post(f"/v1/groups/{group}/members", json=people))
        await crew.until_standing(carol, "invited")
        details(await carol.post(f"/v1/groups/{group}/accept"))
        await crew.until_all_show(group, member_count=3)
        history = f"/v1/groups/{group}/members/{carol_node.address_text}/history"
        refused(await bob.post(history, json={}), 409, "Only admins")
        shared = await alice.post(history, json={"count": 2})
        assert (shared.status_code, shared.json()) == (202, {"messages": 2})

        async def there() -> bool:
            return [one.text for one in await lines(carol, group)] == ["early 1", "early 2"]

        await world.until(there)
        shown = await lines(carol, group)
        assert [one.author for one in shown] == [bob_node.address_text, alice_node.address_text]
        assert {one.shared_by for one in shown} == {alice_node.address_text}
        await say(bob, group, "late")

        async def all_there() -> bool:
            return [one.text for one in await lines(carol, group)][2:] == ["late"]

        await world.until(all_there)
        assert [one.shared_by for one in await lines(alice, group)] == [""] * 4


async def test_an_invitation_is_refused_a_member_put_out_and_the_rest_go_on(
    world: World, autojump_clock: Clock
) -> None:
    nodes = await circle(world, "alice", "bob", "carol")
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(client_of(node)) for node in nodes]
        crew = Crew(world, nodes, clients)
        alice, bob, carol = clients
        founded = await found(alice, kind="channel", members=crew.addresses[1:])
        group = founded.conversation
        for one in (bob, carol):
            await crew.until_standing(one, "invited")
        assert (await carol.post(f"/v1/groups/{group}/leave")).status_code == 204
        assert await crew.until_standing(carol, "left") == group
        details(await bob.post(f"/v1/groups/{group}/accept"))

        async def two() -> bool:
            members = details(await alice.get(f"/v1/groups/{group}")).members
            return {one.address for one in members if one.status == "joined"} == set(
                crew.addresses[:2]
            )

        await world.until(two)
        # Subscribers read, and do not write.
        early = await bob.post(f"/v1/conversations/{group}/messages", json={"text": "hi"})
        refused(early, 409, "Only admins can write")
        said = await say(alice, group, "news")

        async def read() -> bool:
            return [line.text for line in await lines(bob, group)] == ["news"]

        await world.until(read)
        assert said.conversation == group
        mark = f"/v1/conversations/{group}/messages/{said.id}"
        for path, body in [
            (f"{mark}/reaction", {"emoji": "+"}),
            (f"{mark}/pin", None),
            (f"/v1/conversations/{group}/timer", {"seconds": 60}),
        ]:
            refused(await bob.put(path, json=body), 409, "Only admins can write")
        poll = await alice.post(
            f"/v1/conversations/{group}/messages",
            json={"poll": {"question": "which?", "options": ["x", "y"]}},
        )
        vote = f"/v1/conversations/{group}/messages/{poll.json()['id']}/vote"

        async def asked() -> bool:
            return len(await lines(bob, group)) == 2

        await world.until(asked)
        refused(await bob.put(vote, json={"options": [1]}), 409, "Only admins can write")
        bobs = f"/v1/groups/{group}/members/{crew.addresses[1]}"
        assert (await alice.delete(bobs)).status_code == 204
        await crew.until_standing(bob, "removed")
        assert [line.text for line in await lines(bob, group)] == ["news", "which?"]
        listed = (await bob.get("/v1/conversations")).json()["conversations"]
        assert [one["address"] for one in listed if one["group"]] == [group]
        # Both forget it, and nothing is left of it but that.
        refused(await alice.delete(f"/v1/groups/{group}"), 409, "leave it first")
        for one in (bob, carol):
            assert (await one.delete(f"/v1/groups/{group}")).status_code == 204
            refused(await one.get(f"/v1/groups/{group}"), 404)
            events = (await one.get("/v1/events", params={"conversation": group})).json()["events"]
            assert [event["type"] for event in events] == ["group.forgotten"]


async def test_who_was_removed_from_the_list_goes_on_in_the_group_and_makes_no_request(
    world: World, autojump_clock: Clock
) -> None:
    nodes = await circle(world, "alice", "bob", "carol")
    alice, bob, _ = nodes
    group = format_address(UserAddress(await founded(world, nodes)))
    async with client_of(alice) as owner, client_of(bob) as member:
        path = f"/v1/contacts/{bob.address_text}"
        assert (await owner.delete(path)).status_code == 204
        # As good as a stranger: there is nobody to remove, and no request to accept.
        refused(await owner.delete(path), 404)
        refused(await owner.post(f"{path}/accept"), 404)
        # To write to Carol, whom he does not know, Bob asks Alice for what that needs.
        said = await say(member, group, "still here")
        await world.until_state("bob", await bob.message(said.id), "delivered")
        assert [line.text for line in await lines(owner, group)] == ["still here"]
        people = (await owner.get("/v1/contacts")).json()["contacts"]
        assert bob.address_text not in [person["address"] for person in people]


async def test_a_channel_is_joined_by_a_link_over_rest(world: World, autojump_clock: Clock) -> None:
    await world.relay_net(3)
    nodes = [await world.person(name) for name in ("alice", "bob")]
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(client_of(node)) for node in nodes]
        crew = Crew(world, nodes, clients)
        alice, bob = clients
        channel = (await found(alice, kind="channel")).conversation
        link = (await alice.post("/v1/invites", json={"group": channel})).json()
        assert (await bob.post("/v1/groups/join", json={"link": link["link"]})).status_code == 204
        assert await crew.until_standing(bob, "joined") == channel
        for shown in await crew.until_all_show(channel, member_count=2):
            assert [(one.uses, one.used) for one in shown.tickets] == [(1, 1)]
        assert (await alice.get(f"/v1/invites/{link['id']}")).json()["state"] == "used"
        await say(alice, channel, "first news")
        await crew.until_texts(channel, ["first news"])
