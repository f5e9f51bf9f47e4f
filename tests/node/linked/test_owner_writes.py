"""What was done at a replica is done here as it was meant there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.node.messages.conversation.test_commands import commands, say
from tests.node.messages.conversation.test_unread import count, read
from tests.node.messages.test_receive import befriend
from tests.node.persons import NOW, Person
from zentalk.ids import MESSAGE_ID_BYTES, MessageId
from zentalk.node.linked.owner_writes import OwnerWrites
from zentalk.node.messages.commands import Draft
from zentalk.store.history import chats
from zentalk.wire.chat import READ, Read
from zentalk.wire.content import Content, encode_content


@pytest.fixture
def alice(tmp_path: Path) -> Iterator[Person]:
    with closing(Person(tmp_path, "alice")) as person:
        yield person


@pytest.fixture
def bob(tmp_path: Path) -> Iterator[Person]:
    with closing(Person(tmp_path, "bob")) as person:
        yield person


@pytest.fixture
def writes(alice: Person, bob: Person) -> OwnerWrites:
    befriend(alice, bob)
    read(bob, alice)
    return OwnerWrites(bob.messages, commands(bob), bob.address)


def read_there(bob: Person, alice: Person, writes: OwnerWrites, message_id: MessageId) -> None:
    content = Content(READ, bob.composer.new_message_id(), body=Read(message_id))
    encoded = encode_content(content)
    bob.tx(lambda tx: writes.carry_out(tx, alice.address, encoded, NOW))


def test_what_came_while_a_replica_told_of_its_reading_stays_unread(
    alice: Person, bob: Person, writes: OwnerWrites
) -> None:
    said = [say(alice, bob, Draft(text)) for text in ("one", "two", "three")]
    read_there(bob, alice, writes, said[1])
    assert count(bob, alice) == 1
    read_there(bob, alice, writes, said[0])
    assert count(bob, alice) == 1
    read_there(bob, alice, writes, MessageId(bytes(MESSAGE_ID_BYTES)))
    assert count(bob, alice) == 1


def test_control_without_the_place_all_of_it_is_taken_as_read(
    alice: Person, bob: Person, writes: OwnerWrites, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chats, "received_at", lambda *_: 2**62)
    said = [say(alice, bob, Draft(text)) for text in ("one", "two")]
    read_there(bob, alice, writes, said[0])
    assert count(bob, alice) == 0
