"""Each type of event has its class; what this version does not know comes as it is."""

import re
from pathlib import Path
from typing import Any

import pytest

from zentalk.client import (
    ContactAdded,
    ContactIntroduced,
    ContactKeyChanged,
    ContactRequested,
    ConversationRead,
    DeviceAdded,
    Event,
    GroupChanged,
    GroupHistoryShared,
    GroupInvited,
    GroupMemberChanged,
    GroupStanding,
    InviteUsed,
    MessageReceived,
    MessageStateChanged,
    NodeCopied,
)
from zentalk.client.typed_events import KINDS, typed
from zentalk.rest.event_bodies import EVENT_BODIES

MESSAGE = {
    "id": "a" * 32,
    "seq": 1,
    "conversation": "zt1",
    "direction": "in",
    "kind": "text",
    "text": "hello",
    "state": "received",
    "reason": "",
    "sent_at": 1.5,
    "missing": 0,
}
CONTACT = {"address": "zt1", "name": "Bob", "state": "contact", "added_at": 1.0}
NOTE = {"note": "another program collects the mail"}
INTRODUCED = {"address": "zt1", "name": "Carol", "introduced_by": "zt1b"}
USED = {"id": "1", "name": "fair", "address": "zt1", "uses": 2}
GROUP = {
    "conversation": "zt1g",
    "standing": "invited",
    "invited_by": "zt1",
    "kind": "group",
    "name": "Crew",
    "description": "",
    "picture": "",
    "posting": "members",
    "member_count": 2,
    "confirmed_by": 1,
    "unconfirmed": False,
    "successor": "",
    "continues": "",
    "full": False,
    "founderless": False,
}
MEMBER = {"conversation": "zt1g", "address": "zt1", "role": "admin", "status": "joined", "rank": 1}
STATE = {"id": "a" * 32, "conversation": "zt1", "state": "sent"}


def event(kind: str, data: dict[str, Any]) -> Event:
    return Event(seq=7, type=kind, at=2.0, data=data)


def test_what_each_holds() -> None:
    received = typed(event("message.received", MESSAGE))
    assert isinstance(received, MessageReceived)
    assert (received.seq, received.message.text, received.message.id) == (7, "hello", "a" * 32)
    state = typed(event("message.state", STATE))
    assert isinstance(state, MessageStateChanged)
    assert (state.message_id, state.conversation) == ("a" * 32, "zt1")
    assert (state.state, state.reason) == ("sent", "")
    added = typed(event("contact.added", CONTACT))
    assert isinstance(added, ContactAdded)
    assert added.contact.name == "Bob"
    requested = typed(event("contact.requested", CONTACT))
    assert isinstance(requested, ContactRequested)
    assert requested.address == "zt1"
    read = typed(event("conversation.read", {"conversation": "zt1"}))
    assert isinstance(read, ConversationRead)
    assert (read.conversation, read.unread) == ("zt1", 0)
    device = typed(event("device.added", {"id": "1", "name": "phone"}))
    assert isinstance(device, DeviceAdded)
    assert (device.device_id, device.name) == ("1", "phone")
    copied = typed(event("node.copied", NOTE))
    assert isinstance(copied, NodeCopied)
    assert copied.note == NOTE["note"]


def test_what_those_of_first_contacts_hold() -> None:
    told = typed(event("contact.introduced", INTRODUCED))
    assert isinstance(told, ContactIntroduced)
    assert (told.address, told.name, told.introduced_by) == ("zt1", "Carol", "zt1b")
    used = typed(event("invite.used", USED))
    assert isinstance(used, InviteUsed)
    assert (used.invite_id, used.name, used.address, used.uses) == ("1", "fair", "zt1", 2)
    changed = typed(event("contact.key-changed", CONTACT | {"warning": "look"}))
    assert isinstance(changed, ContactKeyChanged)
    assert (changed.contact.verified, changed.contact.warning) == (False, "look")


def test_what_those_of_groups_hold() -> None:
    invited = typed(event("group.invited", GROUP))
    assert isinstance(invited, GroupInvited)
    assert (invited.group.name, invited.group.conversation) == ("Crew", "zt1g")
    changed = typed(event("group.changed", GROUP | {"standing": "removed"}))
    assert isinstance(changed, GroupChanged)
    assert changed.group.standing is GroupStanding.REMOVED
    member = typed(event("group.member", MEMBER))
    assert isinstance(member, GroupMemberChanged)
    assert (member.conversation, member.address) == ("zt1g", "zt1")
    assert (member.role, member.status) == ("admin", "joined")
    history = typed(event("group.history", {"conversation": "zt1g", "by": "zt1", "messages": 3}))
    assert isinstance(history, GroupHistoryShared)
    assert (history.conversation, history.by, history.messages) == ("zt1g", "zt1", 3)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_typed_event_is_written_as_it_came(kind: str) -> None:
    every = {**MESSAGE, **CONTACT, **STATE, **NOTE, **INTRODUCED, **USED, **GROUP, **MEMBER}
    plain = event(kind, {**every, "state": "sent", "by": "zt1", "messages": 3, "later": [1]})
    known = typed(plain)
    assert isinstance(known, KINDS[kind][0]) or kind.startswith("contact")
    assert known.model_dump() == plain.model_dump()


@pytest.mark.parametrize("kind", ["poll.closed", "", "message"])
def test_an_unknown_type_is_an_event(kind: str) -> None:
    assert type(typed(event(kind, MESSAGE))) is Event


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_data_that_lacks_something_is_an_event_and_no_error(kind: str) -> None:
    assert type(typed(event(kind, {"state": 1}))) is Event


def test_every_type_that_the_reference_names_has_a_class(repository: Path) -> None:
    text = (repository / "docs" / "reference" / "rest.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z]+\.[a-z-]+)` \|", text, re.MULTILINE)
    assert rows
    assert set(rows) <= set(EVENT_BODIES)
