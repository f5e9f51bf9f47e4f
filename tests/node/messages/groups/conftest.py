"""Three people, of whom one knows the others, and a group of them."""

from __future__ import annotations

import pytest

from tests.node.messages.groups.post import Post
from tests.node.persons import Person
from zentalk.ids import GroupId


@pytest.fixture
def post(alice: Person, bob: Person, carol: Person) -> Post:
    """Alice knows Bob and Carol, who do not know each other."""
    for other in (bob, carol):
        alice.tx(lambda tx, o=other: alice.contacts.add(tx, o.address, "", 0.0))  # type: ignore[misc]  # binds the loop variable
        other.tx(lambda tx, o=other: o.contacts.add(tx, alice.address, "", 0.0))  # type: ignore[misc]  # binds the loop variable
    return Post(alice, bob, carol)


@pytest.fixture
def crew(post: Post, alice: Person, bob: Person, carol: Person) -> GroupId:
    return post.found(alice, bob, carol)
