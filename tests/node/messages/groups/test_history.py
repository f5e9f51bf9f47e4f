"""Messages of before that an admin shares with somebody who joined later."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest

from tests.node.messages.groups.post import Post, happened, row_of
from tests.node.messages.groups.sending import content, send
from tests.node.persons import Person
from zentalk.chat.marks import Signed
from zentalk.errors import ConflictError
from zentalk.ids import GroupId, MessageId, UserAddress
from zentalk.node.messages import ordering
from zentalk.node.messages.conversation import marking, sharing
from zentalk.node.messages.groups import hearing
from zentalk.store.history import pages
from zentalk.store.history.models import StoredMessage
from zentalk.wire.chat import DELETE, TIMER, Deletion, MessageTarget, Timer
from zentalk.wire.content import TEXT, About, Content
from zentalk.wire.group_acts import Demote, Grant
from zentalk.wire.group_bodies import (
    GROUP_HISTORY,
    SharedHistory,
    SharedLine,
    shared_history_body,
)

SENT_AT_MS = 1_700_000_000_000


class Crew(NamedTuple):
    post: Post
    group: GroupId
    alice: Person
    bob: Person
    carol: Person

    def share(self, count: int = 100, sender: Person | None = None) -> int:
        by, carol, now = sender or self.alice, self.carol.address, self.post.now
        commands = by.groups.commands
        lines, effects = by.tx(lambda tx: commands.share_history(tx, self.group, carol, count, now))
        self.post.post(by, effects)
        self.post.settle()
        return lines

    def shown(self, person: Person) -> list[StoredMessage]:
        place = UserAddress(self.group)
        return person.tx(lambda tx: pages.page(tx, place, None, 1000))

    def texts(self, person: Person) -> list[str]:
        return [line.text for line in self.shown(person)]

    def say(self, person: Person, *texts: str) -> None:
        for text in texts:
            self.post.say(person, self.group, text)
            self.post.settle()

    def claim(self, sender: Person, *lines: SharedLine) -> int:
        """Let somebody say that others have said something; return how much was dropped."""
        body = shared_history_body(SharedHistory(self.group, (), lines))
        return send(self.post, sender, self.carol, content(sender, GROUP_HISTORY, body))


@pytest.fixture
def crew(alice: Person, bob: Person, carol: Person) -> Crew:
    """Alice and Bob have written when Carol joins."""
    for other in (bob, carol):
        alice.tx(lambda tx, o=other: alice.contacts.add(tx, o.address, "", 0.0))  # type: ignore[misc]  # binds the loop variable
        other.tx(lambda tx, o=other: o.contacts.add(tx, alice.address, "", 0.0))  # type: ignore[misc]  # binds the loop variable
    post = Post(alice, bob, carol)
    group = post.found(alice, bob)
    made = Crew(post, group, alice, bob, carol)
    made.say(alice, "one")
    made.say(bob, "two")
    made.say(alice, "three")
    post.do(alice, lambda tx: alice.groups.commands.invite(tx, group, [carol.address], post.now))
    post.accept(carol, group)
    post.settle()
    made.say(bob, "late")
    # What Bob wrote before is not waited for.
    carol.tx(lambda tx: ordering.release_overdue(tx, post.now + ordering.HOLD_SECONDS))
    assert made.texts(carol) == ["late"]
    return made


def claimed(author: Person, text: str = "claimed", number: int = 7) -> SharedLine:
    inner = Content(TEXT, MessageId(bytes([number]) * 16), sent_at_ms=SENT_AT_MS, text=text)
    return SharedLine(author.address, SENT_AT_MS, inner)


def test_they_stand_before_all_others_in_their_order_under_the_admins_word(crew: Crew) -> None:
    assert crew.share() == 4
    shown = crew.shown(crew.carol)
    assert [line.text for line in shown] == ["one", "two", "three", "late"]
    here = [line.seq for line in shown]
    assert here == sorted(here)
    assert [number < 0 for number in here] == [True, True, True, False]
    theirs = crew.shown(crew.alice)
    assert [(one.id, one.author) for one in shown] == [(one.id, one.author) for one in theirs]
    by = shown[0].shared_by
    assert by == theirs[0].author
    assert [line.shared_by for line in shown] == [by, by, by, ""]
    assert {line.direction for line in shown} == {"in"}
    assert happened(crew.carol).count("group.history") == 1


def test_to_share_again_changes_nothing(crew: Crew) -> None:
    crew.share()
    before = crew.shown(crew.carol)
    crew.share()
    assert crew.shown(crew.carol) == before
    assert happened(crew.carol).count("group.history") == 1


def test_the_newest_are_shared_and_older_ones_later_come_before_them(crew: Crew) -> None:
    assert crew.share(2) == 2
    assert crew.texts(crew.carol) == ["three", "late"]
    crew.share()
    assert crew.texts(crew.carol) == ["one", "two", "three", "late"]


def test_what_was_taken_back_or_disappears_is_not_shared(crew: Crew) -> None:
    first = crew.shown(crew.alice)[0]
    target = MessageTarget(crew.alice.address, MessageId(bytes.fromhex(first.id)))
    place, ids = UserAddress(crew.group), crew.alice.composer.new_message_id
    deletion = Content(DELETE, ids(), body=Deletion(target, 1))
    timer = Content(TIMER, ids(), body=Timer(1, 60))
    for inner in (deletion, timer):
        crew.post.do(
            crew.alice,
            lambda tx, i=inner: crew.alice.groups.speech.say(tx, place, i, 1.0, line=False),  # type: ignore[misc]  # binds the loop variable
        )
    crew.alice.tx(
        lambda tx: marking.apply(tx, place, Signed(crew.alice.address, Deletion(target, 1)), 1.0)
    )
    assert crew.share() == 3
    assert crew.texts(crew.carol) == ["two", "three", "late"]


def test_only_admins_share_and_only_with_who_has_joined(crew: Crew) -> None:
    with pytest.raises(ConflictError, match="Only admins"):
        crew.share(sender=crew.bob)
    post, alice = crew.post, crew.alice
    post.do(
        alice,
        lambda tx: alice.groups.commands.remove(tx, crew.group, crew.carol.address, post.now),
    )
    with pytest.raises(ConflictError, match="has not joined"):
        crew.share()


def test_what_a_member_shares_is_refused(crew: Crew) -> None:
    assert crew.claim(crew.bob, claimed(crew.alice)) == 1
    assert crew.texts(crew.carol) == ["late"]


def test_control_without_the_guard_a_member_puts_words_into_others_mouths(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "may_share", lambda *_args: True)
    assert crew.claim(crew.bob, claimed(crew.alice)) == 0
    assert crew.texts(crew.carol) == ["claimed", "late"]


def test_who_was_an_admin_shares_nothing_any_more(crew: Crew) -> None:
    post, alice, bob = crew.post, crew.alice, crew.bob
    for act in (Grant(bob.address), Demote(bob.address)):
        post.do(alice, lambda tx, a=act: alice.groups.commands.act(tx, crew.group, a, post.now))  # type: ignore[misc]  # binds the loop variable
    assert crew.claim(bob, claimed(alice)) == 1


def test_an_admin_claims_no_words_of_ours_nor_of_somebody_outside(crew: Crew) -> None:
    outside = replace(claimed(crew.bob, number=2), author=UserAddress(b"o" * 32))
    lines = claimed(crew.carol, number=1), outside, claimed(crew.bob, "his")
    assert crew.claim(crew.alice, *lines) == 0
    assert crew.texts(crew.carol) == ["his", "late"]


def test_what_is_here_stays_and_what_its_author_sends_takes_the_place_of_a_claim(
    crew: Crew,
) -> None:
    late = crew.shown(crew.carol)[0]
    number = MessageId(bytes.fromhex(late.id))
    forged = Content(TEXT, number, sent_at_ms=SENT_AT_MS, text="forged")
    crew.claim(crew.alice, SharedLine(crew.bob.address, SENT_AT_MS, forged))
    assert crew.shown(crew.carol) == [late]
    crew.claim(crew.alice, claimed(crew.bob, "forged"))
    assert crew.texts(crew.carol) == ["forged", "late"]
    inner = Content(TEXT, MessageId(bytes([7]) * 16), sequence=3, text="what Bob wrote")
    place, speech = UserAddress(crew.group), crew.bob.groups.speech
    crew.post.do(crew.bob, lambda tx: speech.say(tx, place, inner, 1.0, line=False))
    assert crew.texts(crew.carol) == ["late", "what Bob wrote"]
    assert "message.removed" in happened(crew.carol)


def test_what_is_shared_is_bounded(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "MAX_KEPT_LINES", 2)
    crew.claim(crew.alice, *(claimed(crew.bob, f"{n}", n) for n in range(4)))
    assert crew.texts(crew.carol) == ["0", "1", "late"]
    monkeypatch.setattr(sharing, "MAX_KEPT_LINES", 100)
    monkeypatch.setattr(sharing, "MAX_KEPT_BYTES", 10)
    crew.claim(crew.alice, claimed(crew.bob, "2", 2))
    assert crew.texts(crew.carol) == ["0", "1", "late"]
    monkeypatch.setattr(sharing, "MAX_BYTES", 150)
    assert crew.share() < 4


def test_lines_of_blocked_people_and_such_that_disappear_are_left_out(crew: Crew) -> None:
    timed = Content(TEXT, MessageId(b"t" * 16), text="gone soon", about=About(timer_seconds=5))
    crew.carol.tx(lambda tx: crew.carol.contacts.block(tx, crew.bob.address, 1.0))
    lines = (claimed(crew.bob), SharedLine(crew.alice.address, SENT_AT_MS, timed))
    assert crew.claim(crew.alice, *lines) == 0
    assert crew.texts(crew.carol) == ["late"]


def test_what_names_entries_that_are_missing_waits_for_them(crew: Crew) -> None:
    post, alice, carol = crew.post, crew.alice, crew.carol
    post.lets_through = lambda sender, reader: not (sender is alice and reader is carol)
    post.do(alice, lambda tx: alice.groups.commands.rename(tx, crew.group, "New", post.now))
    post.lets_through = lambda _sender, _reader: True
    crew.share()
    assert row_of(carol, crew.group).view["name"] == "New"
    assert crew.texts(carol) == ["one", "two", "three", "late"]
