"""What the devices of one owner see over REST, with real relays (A9, E6, E7, E10, E11, E12)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock as Clock

from tests.api.group_rest import client_of
from tests.e2e.world import World
from zentalk.ids import DAY_SECONDS
from zentalk.mailbox.settings import HOUR_SECONDS
from zentalk.rest.limits import MAX_PAGE

pytestmark = pytest.mark.e2e

DEVICES = ("phone", "tablet", "laptop")


class Device:
    """One device of Bob's: a client with its own token, and where in the log it is."""

    def __init__(self, rest: httpx.AsyncClient) -> None:
        self._rest = rest
        self.cursor = 0

    async def ask(self, method: str, path: str, **more: Any) -> Any:
        """Return the body of an answer that must be one of success."""
        answer = await self._rest.request(method, f"/v1{path}", **more)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def say(self, reader: str, text: str) -> str:
        sent = await self.ask("POST", f"/conversations/{reader}/messages", json={"text": text})
        return str(sent["id"])

    async def texts(self, other: str) -> list[str]:
        page = await self.ask("GET", f"/conversations/{other}/messages")
        return [line["text"] for line in page["messages"]]

    async def page(self, wait: float = 0) -> list[dict[str, Any]]:
        """Go on in the log by one page."""
        query = {"after": self.cursor, "limit": MAX_PAGE, "wait": wait}
        page = await self.ask("GET", "/events", params=query)
        self.cursor = page["next"]
        return list(page["events"])

    async def missed(self) -> list[list[dict[str, Any]]]:
        """Read the log from where this device is to its end, page by page."""
        pages = []
        while events := await self.page():
            pages.append(events)
        return pages


@asynccontextmanager
async def devices_of(world: World, name: str, tokens: list[str]) -> AsyncIterator[list[Device]]:
    async with AsyncExitStack() as stack:
        node = world.nodes[name]
        clients = [client_of(node, token) for token in tokens]
        yield [Device(await stack.enter_async_context(one)) for one in clients]


async def bob_with_devices(world: World) -> list[str]:
    """Start Alice and Bob, who know each other; return the tokens of Bob's three devices."""
    await world.relay_net(3)
    for name in ("alice", "bob"):
        await world.person(name)
    await world.friends("alice", "bob")
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        await world.until_state(sender, await world.send(sender, reader, "hello"), "delivered")
    return [(await world.nodes["bob"].devices.add(name))[1] for name in DEVICES]


async def test_a9_e6_what_the_phone_sends_is_seen_on_tablet_and_laptop_at_once(
    world: World, autojump_clock: Clock
) -> None:
    tokens = await bob_with_devices(world)
    alice = world.nodes["alice"].address_text
    async with devices_of(world, "bob", tokens) as (phone, tablet, laptop):
        for device in (phone, tablet, laptop):
            await device.missed()
        began = trio.current_time()
        sent = await phone.say(alice, "from the phone")
        for device in (tablet, laptop):
            first = (await device.page(wait=20))[0]
            assert (first["type"], first["data"]["id"]) == ("message.created", sent)
        assert trio.current_time() == began, "it waited for no poll and for no network"
        assert [await each.texts(alice) for each in (phone, tablet, laptop)] == [
            ["hello", "hello", "from the phone"]
        ] * 3


async def test_e11_the_list_shows_preview_unread_and_mute_and_the_same_to_all(
    world: World, autojump_clock: Clock
) -> None:
    tokens = await bob_with_devices(world)
    alice = world.nodes["alice"].address_text
    async with devices_of(world, "bob", tokens) as (phone, tablet, laptop):
        for text in ("one", "two"):
            sent = await world.send("alice", "bob", text)
            await world.until_state("alice", sent, "delivered")
        [shown] = (await tablet.ask("GET", "/conversations"))["conversations"]
        assert (shown["last_text"], shown["unread"]) == ("two", 3)
        await phone.ask("POST", f"/conversations/{alice}/read")
        until = int(world.nodes["bob"]._runtime.wall()) + HOUR_SECONDS
        await tablet.ask("PUT", f"/conversations/{alice}/mute", json={"until": until})
        lists = [(await each.ask("GET", "/conversations")) for each in (phone, tablet, laptop)]
        assert lists == [lists[0]] * 3
        [shown] = lists[0]["conversations"]
        assert (shown["unread"], shown["muted_until"]) == (0, until)


async def test_e12_own_changes_of_the_profile_are_seen_on_all_devices_at_once(
    world: World, autojump_clock: Clock
) -> None:
    tokens = await bob_with_devices(world)
    async with devices_of(world, "bob", tokens) as (phone, tablet, laptop):
        for device in (tablet, laptop):
            await device.missed()
        profile = {"name": "Bob B.", "status": "here", "avatar": ""}
        await phone.ask("PUT", "/me/profile", json=profile)
        for device in (tablet, laptop):
            assert (await device.page(wait=20))[0]["type"] == "profile.changed"
            assert (await device.ask("GET", "/me/profile"))["name"] == "Bob B."


async def test_e10_what_devices_write_at_once_has_one_order_everywhere(
    world: World, autojump_clock: Clock
) -> None:
    tokens = await bob_with_devices(world)
    alice = world.nodes["alice"].address_text
    async with devices_of(world, "bob", tokens) as devices:

        async def write(device: Device, name: str) -> None:
            for number in range(5):
                await device.say(alice, f"{name} {number}")

        async with trio.open_nursery() as nursery:
            for name, device in zip(DEVICES, devices, strict=True):
                nursery.start_soon(write, device, name)
        shown = await devices[0].texts(alice)
        assert [await each.texts(alice) for each in devices] == [shown] * 3
        await world.until_inbox(
            "alice", "bob", ["hello", *(text for text in shown if text != "hello")]
        )
        for name in DEVICES:
            own = [text for text in shown if text.startswith(name)]
            assert own == [f"{name} {number}" for number in range(5)]


@pytest.mark.slow
async def test_e7_devices_away_for_two_hours_and_thirty_days_get_every_event_once_in_order(
    world: World, autojump_clock: Clock
) -> None:
    """The laptop is away for 2 h and more than a page of events, the tablet for 30 days."""
    tokens = await bob_with_devices(world)
    bob, alice = world.nodes["bob"], world.nodes["alice"].address
    async with devices_of(world, "bob", tokens) as (_, tablet, laptop):
        await tablet.missed()
        await laptop.missed()
        left, tablet_left = laptop.cursor, tablet.cursor
        for number in range(MAX_PAGE + 100):
            await bob.add_contact(alice, f"alice {number}")
        await trio.sleep(2 * HOUR_SECONDS)
        await world.until_state("alice", await world.send("alice", "bob", "2 h"), "delivered")
        pages = await laptop.missed()
        assert [len(page) for page in pages] == [MAX_PAGE, len(pages[1])]
        seen = [event for page in pages for event in page]
        laptop.cursor = left
        assert await laptop.missed() == pages, "reading takes nothing away"
    for name in ("alice", "bob", *world.relays):
        await world.crash(name)
    await trio.sleep(30 * DAY_SECONDS)
    for name in world.relays:
        await world.relay(name)
    for name in ("alice", "bob"):
        await world.person(name)
    await world.until_state("alice", await world.send("alice", "bob", "30 days"), "delivered")
    async with devices_of(world, "bob", tokens) as (_, tablet, _):
        tablet.cursor = tablet_left
        found = [event for page in await tablet.missed() for event in page]
    numbers = [event["seq"] for event in found]
    assert numbers == list(range(tablet_left + 1, tablet_left + 1 + len(found)))
    assert found[: len(seen)] == seen
    received = [event["data"] for event in found if event["type"] == "message.received"]
    assert [data["text"] for data in received] == ["2 h", "30 days"]
