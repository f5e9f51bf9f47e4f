"""Each type of event has its class; what this version does not know comes as it is."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from zentalk import client
from zentalk.client import (
    ContactAdded,
    ContactIntroduced,
    ContactKeyChanged,
    ContactRequested,
    ConversationRead,
    DeviceAdded,
    Event,
    GroupChanged,
    GroupForgotten,
    GroupHistoryShared,
    GroupInvited,
    GroupMemberChanged,
    GroupStanding,
    InviteUsed,
    MessageReceived,
    MessageStateChanged,
    NodeCopied,
    typed_events,
)
from zentalk.client.typed_events import CLASSES, typed
from zentalk.rest.base import Resource
from zentalk.rest.contacts import Contact
from zentalk.rest.conversations import OwnPrivacy, ShownProfile
from zentalk.rest.direct import DirectBody, PathBody
from zentalk.rest.event_bodies import (
    EVENT_BODIES,
    ChangedDeviceBody,
    ChangedInviteBody,
    ChangedLinkBody,
    ChangedMessage,
    ChangedPushBody,
    ChangedWebhookBody,
    ConversationBody,
    ImportedBody,
    IntroducedBody,
    MessageStateBody,
    MutedBody,
    NoteBody,
    ReadBody,
    RemovedContactBody,
    RemovedMessageBody,
    SeenBody,
    TimerBody,
)
from zentalk.rest.files import FileProgressBody, FileRemovedBody
from zentalk.rest.groups import GroupForgottenBody, GroupHistoryBody, GroupMemberBody, GroupSummary
from zentalk.rest.limits import EventType
from zentalk.rest.messages import Message

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


GONE_FILE = {"id": "c" * 32, "cid": "5" * 64}
FILE = GONE_FILE | {"state": "uploading", "size": 9, "sent": 4, "reason": "no relay keeps files"}
GONE = {"conversation": "zt1", "id": "a" * 32}
PROFILE = {"address": "zt1", "version": 2, "name": "Bob", "status": "away", "avatar": ""}
HOST = {"id": "1", "host": "push.example", "reason": "gone"}
BODIES: dict[type[Resource], dict[str, Any]] = {
    Message: MESSAGE,
    ChangedMessage: MESSAGE | {"by": "zt1b"},
    MessageStateBody: STATE | {"reason": "wait"},
    RemovedMessageBody: GONE,
    Contact: CONTACT,
    RemovedContactBody: {"address": "zt1", "reason": "too old"},
    IntroducedBody: INTRODUCED,
    DirectBody: {"address": "zt1", "allowed": True, "allowed_by_them": False},
    PathBody: {"address": "zt1", "path": "direct"},
    ChangedInviteBody: USED,
    ConversationBody: {"conversation": "zt1"},
    ReadBody: {"conversation": "zt1", "unread": 2},
    ImportedBody: {"conversation": "zt1", "messages": 3},
    MutedBody: {"conversation": "zt1", "muted_until": 5.0},
    SeenBody: GONE | {"by": "zt1b", "seq": 9},
    TimerBody: {"conversation": "zt1", "by": "zt1b", "seconds": 60},
    ShownProfile: PROFILE,
    OwnPrivacy: {"read_receipts": True, "typing": False, "presence": True},
    GroupSummary: GROUP,
    GroupMemberBody: MEMBER | {"invited_by": "zt1b"},
    GroupForgottenBody: {"conversation": "zt1g", "reason": "no room"},
    GroupHistoryBody: {"conversation": "zt1g", "by": "zt1", "messages": 3},
    FileProgressBody: FILE,
    FileRemovedBody: GONE_FILE,
    NoteBody: NOTE,
    ChangedLinkBody: {"id": "1"},
    ChangedDeviceBody: {"id": "1", "name": "phone", "scope": "read"},
    ChangedWebhookBody: {"id": "1", "host": "127.0.0.1"},
    ChangedPushBody: HOST,
}


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
    forgotten = typed(event("group.forgotten", {"conversation": "zt1g", "reason": "no room"}))
    assert isinstance(forgotten, GroupForgotten)
    assert (forgotten.conversation, forgotten.reason) == ("zt1g", "no room")


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_a_typed_event_is_written_as_it_came(kind: str) -> None:
    plain = event(kind, BODIES[EVENT_BODIES[kind]] | {"later": [1]})
    known = typed(plain)
    assert type(known) is CLASSES[kind]
    assert known.model_dump() == plain.model_dump()


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_all_that_an_event_has_is_in_its_data(kind: str) -> None:
    body = BODIES[EVENT_BODIES[kind]]
    known = typed(event(kind, body))
    names = [n for n in dir(type(known)) if isinstance(getattr(type(known), n), property)]
    has = [getattr(known, name) for name in names if name not in dir(Event)]
    assert has
    for value in has:
        if isinstance(value, Resource):
            assert value == type(value).model_validate(body)
        else:
            assert value in body.values()


def test_every_type_that_a_node_writes_has_a_class() -> None:
    assert set(CLASSES) == set(EVENT_BODIES)
    assert len(set(CLASSES.values())) == len(CLASSES)
    for kind, cls in CLASSES.items():
        assert f"`{kind}`" in (cls.__doc__ or "")
        assert cls.__name__ in client.__all__


def test_control_a_type_without_a_class_would_be_a_plain_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(typed_events.CLASSES, "node.copied")
    assert set(EVENT_BODIES) - set(CLASSES) == {"node.copied"}
    assert type(typed(event("node.copied", NOTE))) is Event


@pytest.mark.parametrize("kind", sorted(EVENT_BODIES))
def test_every_type_can_be_asked_for(kind: str) -> None:
    adapter = TypeAdapter(EventType)
    assert adapter.validate_python(kind) == kind
    with pytest.raises(ValidationError):
        adapter.validate_python(kind.upper())


@pytest.mark.parametrize("kind", ["poll.closed", "", "message"])
def test_an_unknown_type_is_an_event(kind: str) -> None:
    assert type(typed(event(kind, MESSAGE))) is Event


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_data_that_lacks_something_is_an_event_and_no_error(kind: str) -> None:
    assert type(typed(event(kind, {"state": 1}))) is Event


def test_the_reference_names_every_type(repository: Path) -> None:
    text = (repository / "docs" / "reference" / "rest.md").read_text("utf-8")
    rows = re.findall(r"^\| ((?:`[a-z]+\.[a-z-]+`(?:, )?)+) \|", text, re.MULTILINE)
    assert {kind for row in rows for kind in re.findall(r"`(.*?)`", row)} == set(EVENT_BODIES)
