"""Which relays are left alone after they refused, and what their node's owner is told of them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from zentalk.ids import NodeId
from zentalk.node.relays.access import MOST_NAMED, REFUSED_SECONDS, RelayAccess
from zentalk.wire.text import AccessToken

HERE, THERE = NodeId(b"h" * 32), NodeId(b"t" * 32)
TOKEN = AccessToken(HERE, b"s3cret".ljust(32))


@dataclass
class Ended:
    left_because: str = ""
    showed_token: bool = False


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def access(clock: Clock | None = None, *tokens: AccessToken) -> RelayAccess:
    return RelayAccess(clock or Clock(), tokens)


def test_a_link_that_ends_for_another_reason_closes_no_door() -> None:
    found = access()
    for word in ("", "busy", "nonsense"):
        assert not found.left(HERE, Ended(word))
    assert found.no_entry() == frozenset()
    assert list(found.notes()) == []


@pytest.mark.parametrize("word", ["access", "banned"])
def test_who_refuses_is_left_alone_for_an_hour_and_nobody_else(word: str) -> None:
    clock = Clock()
    found = access(clock)
    assert found.left(HERE, Ended(word), "relay.example:9001")
    assert found.left(HERE, Ended(word)), "twice is harmless"
    assert found.no_entry() == {HERE}
    assert found.no_mailbox() == frozenset(), "a mailbox there is another question"
    (note,) = found.notes()
    assert "the relay at relay.example:9001 " in note
    clock.now = REFUSED_SECONDS
    assert found.no_entry() == frozenset()
    assert list(found.notes()) == []
    assert found.has_refused(HERE)
    found.let_in(HERE)
    assert not found.has_refused(HERE)


def test_a_token_is_shown_to_its_own_relay_once_that_has_asked() -> None:
    found = access(None, TOKEN)
    assert found.entry_token(HERE) is None
    assert not found.left(HERE, Ended("access")), "now it is worth coming again"
    assert found.entry_token(HERE) is found.token(HERE) is not None
    found.left(THERE, Ended("access"))
    assert found.entry_token(THERE) is found.token(THERE) is None
    assert found.no_entry() == {THERE}


def test_two_links_that_were_refused_side_by_side_do_not_close_the_door() -> None:
    found = access(None, TOKEN)
    assert not found.left(HERE, Ended("access"))
    assert not found.left(HERE, Ended("access")), "this one had shown nothing either"
    assert found.left(HERE, Ended("access", showed_token=True))


def test_the_owner_is_told_what_to_do() -> None:
    lacking, wrong, banned, mailbox = (access(None, TOKEN) for _ in range(4))
    lacking.left(THERE, Ended("access"), "there:1")
    (note,) = lacking.notes()
    assert note == (
        "the relay at there:1 takes only those who have a token of it: ask its operator, and put it"
        " under `access_tokens` in config.toml"
    )
    wrong.left(HERE, Ended("access", showed_token=True), "here:1")
    assert "does not take the access token that you have of it" in next(wrong.notes())
    banned.left(HERE, Ended("banned"), "here:1")
    assert "has banned this machine's address" in next(banned.notes())
    mailbox.mailbox_refused(THERE, "there:1")
    assert list(mailbox.notes()) == list(lacking.notes())
    mailbox.left(THERE, Ended("access"), "there:1")
    assert len(list(mailbox.notes())) == 1, "once for each relay"


def test_a_crowd_of_refusals_is_counted_and_not_listed() -> None:
    found = access()
    for number in range(MOST_NAMED + 5):
        found.left(NodeId(bytes([number]) * 32), Ended("access"))
    notes = list(found.notes())
    assert len(notes) == MOST_NAMED + 1
    assert notes[-1].startswith("5 further relays")


def test_no_repr_or_note_shows_a_token() -> None:
    found = access(None, TOKEN)
    found.left(HERE, Ended("access", showed_token=True))
    assert "s3cret" not in "".join(found.notes())
    assert "s3cret" not in repr(found.token(HERE))
