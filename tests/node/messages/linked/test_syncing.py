"""What waited for a replica is confirmed in transactions that keep nobody waiting for long."""

from __future__ import annotations

import pytest

from tests.node.messages.test_receive import befriend
from tests.node.persons import NOW, Person
from zentalk.node.messages.linked import syncing
from zentalk.store.history import unsynced


def test_of_much_that_waited_only_some_is_confirmed_at_once(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    befriend(alice, bob)
    monkeypatch.setattr(syncing, "RELEASED_AT_ONCE", 3)
    monkeypatch.setattr(syncing, "is_strict", lambda _tx: True)
    for number in range(4):
        [inner] = alice.write(bob, f"{number}")[1]
        assert bob.receive(alice.seal(bob, inner)).best_effort == ()
    assert bob.tx(unsynced.count) == 4
    for left in (1, 0):
        made = bob.tx(lambda tx: syncing.release(tx, bob.composer, NOW))
        assert made.best_effort
        assert bob.tx(unsynced.count) == left
