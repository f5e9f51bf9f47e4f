"""What can be sent besides plain texts, and what goes along, at a node without a network."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from time import strftime
from typing import Any

import pytest

from tests.api.offline import BOBS, CAROLS, offline_node
from tests.cli.conftest import Command
from zentalk.node.node import Node


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    """A real node, which takes the place of the double."""
    async with offline_node(tmp_path / "node") as node:
        yield node


async def sent(zentalk: Command, *typed: object) -> dict[str, Any]:
    """Run a command that sends, and return the message."""
    done = await zentalk("message", *typed, "--json")
    assert done.code == 0, done.err
    message: dict[str, Any] = json.loads(done.out)
    return message


async def test_a_text_answers_a_message_and_names_people(zentalk: Command) -> None:
    first = await sent(zentalk, "send", "Bob", "tea?")
    for which in ("last", first["id"][:6], first["id"]):
        along = ["--reply-to", which, "--mention", "Carol", BOBS]
        await sent(zentalk, "send", "Bob", "yes", "please", *along)
    *_, tea, by_last, by_digits, answer = json.loads(
        (await zentalk("message", "list", "Bob", "--json")).out
    )
    assert tea["id"] == first["id"]
    for one in (by_last, by_digits, answer):
        assert (one["text"], one["mentions"]) == ("yes please", [CAROLS, BOBS])
        assert one["reply_to"]["id"] == first["id"]
    shown = (await zentalk("message", "show", "Bob", "last")).out.splitlines()
    assert shown[0].endswith("> yes please  (queued)")
    assert shown[1:2] == [f"id: {answer['id']}"]
    assert shown[-3:] == [f"answers: {first['id']}", "mentions: Carol", "mentions: Bob"]


async def test_what_goes_along_must_be_there(zentalk: Command) -> None:
    for along, code in (
        (["--reply-to", "zz"], 2),
        (["--reply-to", "last"], 1),
        (["--reply-to", "0" * 32], 1),
        (["--mention", "Nobody"], 1),
        (["--mention", "zt1nonsense"], 2),
    ):
        refused = await zentalk("message", "send", "Bob", "hello", *along)
        assert (refused.code, refused.out) == (code, "")
    assert (await zentalk("message", "list", "Bob")).out == ""


async def test_stickers_places_and_cards(zentalk: Command, tmp_path: Path) -> None:
    picture = tmp_path / "cat"
    picture.write_bytes(b"a small cat")
    sticker = await sent(zentalk, "sticker", "Bob", "\N{CAT FACE}", picture)
    assert base64.b64decode(sticker["body"]["picture"]) == b"a small cat"
    place = await sent(zentalk, "location", "Bob", "-33.8568", "-70.5", "the", "opera")
    assert place["body"] == {"latitude": -33.8568, "longitude": -70.5, "label": "the opera"}
    card = await sent(zentalk, "card", "Bob", "Carol", "Carol", "Jones", "--reply-to", "last")
    assert card["body"] == {"address": CAROLS, "name": "Carol Jones"}
    assert card["reply_to"]["id"] == place["id"]
    assert (await sent(zentalk, "card", "Bob", "Carol"))["body"]["name"] == ""
    kinds = [line.split()[3] for line in (await zentalk("message", "list", "Bob")).out.splitlines()]
    assert kinds == ["[sticker]", "[location]", "[contact]", "[contact]"]
    assert (await zentalk("message", "sticker", "Bob", "x", tmp_path / "none")).code == 2
    assert (await zentalk("message", "location", "Bob", "91", "0")).code == 1
    assert (await zentalk("message", "location", "Bob", "north", "0")).code == 2
    assert (await zentalk("message", "card", "Bob", "Nobody")).code == 1


async def test_a_poll_shows_who_voted(zentalk: Command) -> None:
    await zentalk("message", "send", "Bob", "hello")
    poll = await sent(zentalk, "poll", "Bob", "tea?", "green", "black", "--reply-to", "last")
    assert poll["reply_to"] is not None
    await zentalk("message", "vote", "Bob", "last", 2)
    await zentalk("message", "star", "Bob", "last")
    shown = (await zentalk("message", "show", "Bob", "last")).out.splitlines()
    assert shown[-2].endswith(" voted for 2")
    assert shown[-1] == "starred"


async def texts(zentalk: Command, *typed: object) -> list[str]:
    done = await zentalk("message", *typed, "--json")
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    found = answer["messages"] if "search" in typed else answer
    return [message["text"] for message in found]


async def test_a_list_begins_at_a_message_or_a_time(
    zentalk: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zentalk.cli.message._PAGE", 2)
    made = [await sent(zentalk, "send", "Bob", str(number)) for number in range(6)]
    listed = ("list", "Bob")
    assert await texts(zentalk, *listed, "--before", made[4]["id"]) == ["0", "1", "2", "3"]
    assert await texts(zentalk, *listed, "--before", "last", "--limit", 3) == ["2", "3", "4"]
    assert await texts(zentalk, *listed, "--around", made[2]["id"], "--limit", 2) == ["1", "2"]
    assert await texts(zentalk, *listed, "--since", "1h", "--limit", 5) == list("01234")
    assert await texts(zentalk, *listed, "--since", "2000-01-01 10:00") == list("012345")
    assert await texts(zentalk, *listed, "--since", "2100-01-01") == []
    both = await zentalk("message", *listed, "--since", "1h", "--before", "last")
    assert (both.code, "give one of" in both.err) == (2, True)
    wrong = await zentalk("message", *listed, "--since", "yesterday")
    assert (wrong.code, "'yesterday' is no time" in wrong.err) == (2, True)


async def test_an_old_message_is_found_by_its_whole_id(
    zentalk: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zentalk.cli.choosing._SEARCHED", 1)
    old = await sent(zentalk, "send", "Bob", "old")
    await sent(zentalk, "send", "Bob", "new")
    assert (await zentalk("message", "show", "Bob", old["id"])).code == 0
    assert (await zentalk("message", "show", "Bob", old["id"][:31])).code == 1


async def test_a_search_is_bounded_by_times_and_a_conversation(zentalk: Command) -> None:
    today = strftime("%Y-%m-%d")
    await sent(zentalk, "send", "Bob", "green tea")
    await sent(zentalk, "send", "Carol", "black tea")
    assert await texts(zentalk, "search", "tea", "--since", "1h") == ["black tea", "green tea"]
    assert await texts(zentalk, "search", "tea", "--since", "1h", "--with", "Bob") == ["green tea"]
    assert await texts(zentalk, "search", "tea", "--until", "1h") == []
    named = await zentalk("message", "search", "bob", "--json")
    assert [one["name"] for one in json.loads(named.out)["names"]] == ["Bob"]
    assert await texts(zentalk, "search", "tea", "--until", "2100-01-01T12:00") != []
    assert await texts(zentalk, "search", "tea", "--since", today) != []
    today = strftime("%Y-%m-%d")
    assert await texts(zentalk, "search", "tea", "--since", "1h", "--until", today) != []
    assert (await zentalk("message", "search", "tea", "--until", "soon")).code == 2
