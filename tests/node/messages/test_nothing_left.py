"""What was deleted is nowhere in the files of the database: no table, index, page or log has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.node.messages.conversation.test_commands import bring, commands, do, say
from tests.node.messages.test_receive import befriend
from tests.node.persons import NOW, Person
from zentalk.node.messages.commands import Draft
from zentalk.store.history import events, forgetting, search
from zentalk.wire.chat import Poll

NAME, PROFILE, STATUS, AVATAR = "Robertino", "Bobcatius", "Gonefishing", b"picture-of-bob"
TEXT, QUESTION, ANSWER, EDITED, DRAFT = "Xylophones", "Whichtea?", "Oolongia", "Zithers", "Halfword"
OF_A_PERSON = (NAME, PROFILE, STATUS, AVATAR, "cGljdHVyZS1vZi1ib2I")
OF_A_MESSAGE = (TEXT, EDITED)
OF_A_CHAT = (*OF_A_MESSAGE, QUESTION, ANSWER, DRAFT)
Wanted = tuple[str | bytes, ...]


class Chat:
    """Alice's chat with Bob, in which there is something of everything."""

    def __init__(self, folder: Path, alice: Person, bob: Person) -> None:
        self.folder, self.alice, self.bob = folder, alice, bob
        alice.connection.execute("PRAGMA secure_delete = ON")  # as of the node's own connection
        befriend(alice, bob)
        alice.tx(lambda tx: alice.contacts.add(tx, bob.address, NAME, NOW))
        profile = (PROFILE, STATUS, AVATAR)
        bring(bob, alice, bob.tx(lambda tx: commands(bob).set_profile(tx, profile, NOW))[1])
        self.said = say(bob, alice, Draft(TEXT))
        do(bob, alice, lambda tx: commands(bob).edit(tx, alice.address, self.said, EDITED, NOW))
        say(alice, bob, Draft(body=Poll(QUESTION, (ANSWER, "other"), multiple=False)))
        alice.tx(lambda tx: commands(alice).draft(tx, bob.address, DRAFT, NOW))

    def left(self, wanted: Wanted) -> list[str | bytes]:
        """Return what can be found in the files once the hourly sweep was there."""
        self.alice.tx(search.scrub)
        connection = self.alice.connection
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        files = list(self.folder.glob("alice.db*"))
        raw = b"".join(file.read_bytes() for file in files).lower()
        return [
            one
            for one in wanted
            if (one if isinstance(one, bytes) else one.encode()).lower() in raw
        ]


@pytest.fixture
def chat(tmp_path: Path, alice: Person, bob: Person) -> Chat:
    made = Chat(tmp_path, alice, bob)
    assert made.left(OF_A_PERSON + OF_A_CHAT) == [*OF_A_PERSON, *OF_A_CHAT]
    return made


def remove(chat: Chat) -> None:
    chat.alice.tx(lambda tx: chat.alice.contacts.remove(tx, chat.bob.address, NOW))


def test_of_a_removed_contact_nothing_is_left(chat: Chat) -> None:
    remove(chat)
    assert chat.left(OF_A_PERSON + OF_A_CHAT) == []
    kinds = [event.type for event in chat.alice.tx(lambda tx: events.page(tx, 0, -1))]
    assert kinds[-1] == "contact.removed"
    assert [kind for kind in kinds if kind.startswith("contact.")] == ["contact.removed"]


def test_control_without_forgetting_names_they_stay(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "names", lambda *_: None)
    remove(chat)
    assert chat.left(OF_A_PERSON) == list(OF_A_PERSON)


def test_of_others_everything_stays(chat: Chat, carol: Person) -> None:
    chat.alice.tx(lambda tx: chat.alice.contacts.add(tx, carol.address, "Caroletta", NOW))
    remove(chat)
    assert chat.left(("Caroletta",)) == ["Caroletta"]


def test_a_removal_that_devices_must_hear_of_outlives_the_person(chat: Chat) -> None:
    remove(chat)
    chat.alice.tx(lambda tx: forgetting.person(tx, chat.bob.address))
    kinds = [event.type for event in chat.alice.tx(lambda tx: events.page(tx, 0, -1))]
    assert "contact.removed" in kinds


def clear(chat: Chat) -> None:
    chat.alice.tx(lambda tx: commands(chat.alice).clear(tx, chat.bob.address, NOW))


def delete_one(chat: Chat) -> None:
    chat.alice.tx(lambda tx: commands(chat.alice).delete_here(tx, chat.bob.address, chat.said, NOW))


def taken_back(chat: Chat) -> None:
    alice, bob = chat.alice, chat.bob
    do(bob, alice, lambda tx: commands(bob).take_back(tx, alice.address, chat.said, NOW))


def block_and_remove(chat: Chat) -> None:
    """Delete the conversation with somebody who stays in the list as blocked."""
    chat.alice.tx(lambda tx: chat.alice.contacts.block(tx, chat.bob.address, NOW))
    remove(chat)


@pytest.mark.parametrize(
    ("delete", "gone"),
    [
        (clear, OF_A_CHAT),
        (block_and_remove, OF_A_CHAT),
        (delete_one, OF_A_MESSAGE),
        (taken_back, OF_A_MESSAGE),
    ],
)
def test_of_what_was_deleted_nothing_is_left(
    chat: Chat, delete: Callable[[Chat], None], gone: Wanted
) -> None:
    delete(chat)
    assert chat.left(gone) == []
    assert chat.left((NAME,)) == [NAME]


def test_control_without_taking_it_out_of_the_log_a_message_stays(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "take_out", lambda *_: None)
    delete_one(chat)
    assert EDITED in chat.left(OF_A_MESSAGE)


def test_control_without_secure_deletion_the_file_keeps_it(chat: Chat) -> None:
    chat.alice.connection.execute("PRAGMA secure_delete = OFF")
    remove(chat)
    assert chat.left(OF_A_PERSON)
