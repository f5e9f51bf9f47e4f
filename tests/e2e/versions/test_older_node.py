"""A node of the version before conversations and one of this version talk over real relays.

What the older one does not know it keeps, confirms and passes over; started in this version, it
shows all of that. And what this version does not know of a later one it keeps and shows as such.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.e2e.versions.nodes import FUTURE, THIS, Network, Person, network, unpacked, until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PICTURE = "AAAA"
SMILE, THUMB = "\U0001f642", "\U0001f44d"


def act_in_every_way(bob: Person, alice: Person, hers: str, own: str) -> list[str]:
    """Do everything that the older version does not know; return the ids of what was sent."""
    chat = f"/v1/conversations/{alice.address}"
    poll = bob.send(alice, poll={"question": "tea?", "options": ["yes", "no"]})
    sent = [
        poll,
        bob.send(alice, "an answer", reply_to=hers, mentions=[alice.address]),
        bob.send(alice, sticker={"emoji": SMILE, "picture": PICTURE}),
        bob.send(alice, location={"latitude": 1.0, "longitude": 2.0, "label": "here"}),
        bob.send(alice, contact={"address": bob.address, "name": "me"}),
    ]
    for method, path, body in (
        ("PATCH", f"{chat}/messages/{own}", {"text": "in other words"}),
        ("PUT", f"{chat}/messages/{hers}/reaction", {"emoji": THUMB}),
        ("PUT", f"{chat}/messages/{hers}/pin", None),
        ("PUT", f"{chat}/messages/{poll}/vote", {"options": [0]}),
        ("PUT", f"{chat}/timer", {"seconds": 86_400}),
        ("PUT", f"/v1/contacts/{alice.address}/direct", {"allowed": True}),
        ("POST", f"{chat}/read", None),
        ("POST", f"{chat}/typing", {"typing": True}),
        ("PUT", "/v1/presence", {"chats": [alice.address]}),
        ("PUT", "/v1/me/profile", {"name": "Bob B.", "status": "here", "avatar": ""}),
    ):
        bob.do(method, path, body)
    bob.do("POST", "/v1/groups", {"name": "Tea", "members": [alice.address]})
    taken_back = bob.send(alice, "soon gone")
    bob.do("DELETE", f"{chat}/messages/{taken_back}", **{"for": "everyone"})
    return sent


class People(NamedTuple):
    """Somebody of each version, who know each other, and their network."""

    found: Network
    older: Person
    this: Person
    future: Person


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    root = tmp_path_factory.mktemp("versions")
    older = unpacked(root / "older")
    with network(root) as found:
        for version in (THIS, older, THIS, older):
            found.relay(version)
        alice, carol = found.person("alice", older), found.person("carol", THIS)
        bob = found.person("bob", FUTURE)
        for other in (alice, carol):
            other.know(bob)
            bob.know(other)
        yield People(found, alice, carol, bob)


def test_what_a_later_version_sends_is_kept_and_shown_as_such(people: People) -> None:
    carol, bob = people.this, people.future
    sent = [
        bob.send(carol, text)
        for text in ("hologram light", "nudge", "nudge you", "scented letter", "plain")
    ]
    for message_id in sent:
        bob.delivered(message_id)
    carol.delivered(carol.send(bob, "received"))
    assert [(line["kind"], line["text"]) for line in carol.shown(bob)] == [
        ("hologram", "A hologram: light"),
        ("text", "nudge"),
        ("text", "scented letter"),
        ("text", "plain"),
        ("text", "received"),
    ]
    assert carol.get(f"/v1/messages/{sent[2]}")["kind"] == "nudge", "kept without a fallback"
    reaction = f"/v1/conversations/{bob.address}/messages/{sent[0]}/reaction"
    assert carol.do("PUT", reaction, {"emoji": THUMB})["reactions"]
    assert people.found.troubles() == []


def test_an_older_node_and_a_new_one_talk_and_nothing_is_lost(people: People) -> None:
    alice, bob = people.older, people.future
    hers = alice.send(bob, "from the older")
    alice.delivered(hers)
    own = bob.send(alice, "from the newer")
    bob.delivered(own)
    for message_id in act_in_every_way(bob, alice, hers, own):
        bob.delivered(message_id)
    later = [bob.send(alice, f"{word} light") for word in ("hologram", "nudge", "scented")]
    for message_id in (*later, bob.send(alice, "and one more")):
        bob.delivered(message_id)
    alice.delivered(alice.send(bob, "the last word"))
    bob.sees(alice, "the last word")
    shown = set(alice.texts(bob))
    assert shown - {"soon gone"} == {
        *("from the older", "from the newer", "an answer", "scented light", "and one more"),
        "the last word",
    }
    kept = alice.get(f"/v1/messages/{later[0]}")
    assert (kept["kind"], kept["text"]) == ("hologram", ""), "kept, and passed over"
    assert alice.get("/v1/conversations")["conversations"][0]["last_text"] in shown

    people.found.upgrade(alice, THIS)
    after = {message["text"]: message for message in alice.shown(bob)}
    assert set(after) == {
        *("from the older", "in other words", "tea?", "an answer", SMILE, "here", "me"),
        *("A hologram: light", "scented light", "the last word", "and one more", ""),
    }
    assert after["in other words"]["edited"]
    assert after[""]["deleted"]
    assert after["tea?"]["body"]["options"] == ["yes", "no"]
    assert [vote["options"] for vote in after["tea?"]["votes"]] == [[0]]
    assert after["A hologram: light"]["kind"] == "hologram"
    first = after["from the older"]
    assert (first["state"], first["pinned"]) == ("read", True)
    assert [one["emoji"] for one in first["reactions"]] == [THUMB]
    chat = alice.get(f"/v1/conversations/{bob.address}")
    assert chat["timer_seconds"] == 86_400
    assert alice.get(f"/v1/contacts/{bob.address}/profile")["name"] == "Bob B."
    direct = alice.get(f"/v1/contacts/{bob.address}/direct")
    assert (direct["allowed"], direct["allowed_by_them"]) == (False, True)
    [group] = until(lambda: alice.get("/v1/groups")["groups"])
    assert (group["name"], group["standing"]) == ("Tea", "invited"), "an invitation it had kept"
    bob.delivered(bob.send(alice, poll={"question": "more?", "options": ["a", "b"]}))
    alice.sees(bob, "more?")
    assert people.found.troubles() == []
