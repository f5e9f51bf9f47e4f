"""Sends contents of any kind between people, past what their own nodes would let them say."""

from __future__ import annotations

from tests.node.messages.groups.post import Post
from tests.node.persons import Person
from zentalk.store.history import contacts
from zentalk.wire.content import Content


def send(post: Post, sender: Person, reader: Person, content: Content) -> int:
    """Let somebody send a content of any kind; return how many deposits the reader dropped."""
    row = sender.tx(lambda tx: contacts.get(tx, reader.address))
    assert row is not None
    effects = sender.tx(lambda tx: sender.composer.send(tx, row, content, post.now))
    dropped = 0
    for entry in effects.send:
        assert entry.item.envelope is not None
        answer = reader.receive(sender.seal(reader, entry.item.envelope), now=post.now)
        dropped += answer.undecryptable
        post.post(reader, answer)
    post.settle()
    return dropped


def content(person: Person, kind: str, body: object) -> Content:
    """Return a content of a kind that is read elsewhere."""
    return Content(kind=kind, message_id=person.composer.new_message_id(), raw_body=body)  # type: ignore[arg-type]
