"""The route of an import: all of a request or nothing, and its fields are those of a message."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.double import OWNER
from tests.api.test_conversation_routes import BOBS, CHAT, rest
from zentalk.rest.imports import MAX_IMPORTED, ImportedMessage
from zentalk.rest.messages import Message
from zentalk.wire.text import format_address

__all__ = ["rest"]

OWNS = format_address(OWNER)
PLAIN = {
    "id": "ab" * 16, "author": BOBS, "direction": "in", "kind": "text", "text": "hello",
    "state": "received", "sent_at": 5.0,
}  # fmt: skip
MINE = PLAIN | {"id": "cd" * 16, "author": OWNS, "direction": "out", "state": "read"}


async def take_in(rest: httpx.AsyncClient, *messages: dict[str, Any], **more: Any) -> Any:
    return await rest.post(f"{CHAT}/import", json={"messages": messages, **more})


def test_an_imported_message_has_the_fields_of_a_message() -> None:
    own_numbering = {"seq", "conversation"}
    assert ImportedMessage.model_fields.keys() == Message.model_fields.keys() - own_numbering


async def test_what_is_imported_is_paged_in_both_directions(rest: httpx.AsyncClient) -> None:
    done = await take_in(rest, PLAIN, MINE, name="Bob")
    assert done.status_code == 200
    first, second = (await rest.get(f"{CHAT}/messages")).json()["messages"]
    assert (first["text"], second["author"]) == ("hello", OWNS)
    assert done.json() == {
        "contact_added": True, "added": 2, "known": 0, "expired": 0, "after": second["seq"],
    }  # fmt: skip
    for query, expected in (
        (f"before={second['seq']}", [first]),
        (f"after={first['seq']}", [second]),
        ("after=-9007199254740992", [first, second]),
        (f"around={second['id']}", [first, second]),
        ("since=0", [first, second]),
    ):
        page = (await rest.get(f"{CHAT}/messages?{query}")).json()["messages"]
        assert page == expected, query


@pytest.mark.parametrize(
    "wrong",
    [
        PLAIN | {"id": "1"},
        PLAIN | {"author": OWNS},
        PLAIN | {"state": "made up"},
        PLAIN | {"sent_at": -1},
        PLAIN | {"kind": "edit"},
        {"id": "ab" * 16},
    ],
)
async def test_a_wrong_message_refuses_all_of_its_request(
    rest: httpx.AsyncClient, wrong: dict[str, Any]
) -> None:
    refused = await take_in(rest, MINE, wrong)
    assert refused.status_code == 422
    assert (await rest.get("/v1/contacts")).json() == {"contacts": []}


async def test_a_request_has_only_so_many(rest: httpx.AsyncClient) -> None:
    many = [PLAIN | {"id": f"{number:032x}"} for number in range(MAX_IMPORTED + 1)]
    assert (await take_in(rest, *many)).status_code == 422
    assert (await take_in(rest, *many[1:])).status_code == 200
