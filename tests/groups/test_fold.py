"""The fold as a whole, and what becomes of messages under it."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

import pytest

from tests.groups.support import Peer, address, group_of
from zentalk.groups import fold as fold_module
from zentalk.groups.authoring import line_heads
from zentalk.groups.fold import GroupFolds, fold
from zentalk.groups.permission import PostVerdict
from zentalk.ids import EntryRef
from zentalk.wire.group_acts import Add, Grant, GroupKind, PostingRule, Remove, Rename, SetPosting

BOB, CID = address("Bob"), address("Cid")


@pytest.fixture
def people() -> tuple[Peer, Peer, Peer]:
    ann, bob, cid = group_of("Ann", "Bob", "Cid")
    bob.meet(ann)
    cid.meet(ann)
    return ann, bob, cid


def verdict(reader: Peer, author: Peer, heads: Sequence[EntryRef]) -> PostVerdict:
    return GroupFolds(reader.log).verdict(author.address, tuple(heads))


def said(author: Peer) -> tuple[EntryRef, ...]:
    return line_heads(author.log, author.address)


def test_a_state_says_of_how_many_entries_it_was_made(people: tuple[Peer, Peer, Peer]) -> None:
    ann, *_ = people
    assert ann.state.entries == len(ann.log) == 5
    assert fold(ann.log, ()).entries == 1
    assert set(fold(ann.log, ()).members) == {ann.address}
    assert ann.state.kind is GroupKind.GROUP


def test_the_past_is_as_it_was(people: tuple[Peer, Peer, Peer]) -> None:
    ann, *_ = people
    before, heads = ann.state, ann.log.heads()
    ann.do(Remove(BOB))
    ann.do(Rename("later"))
    assert fold(ann.log, heads) == before
    assert fold(ann.log) == ann.state != before


def test_a_fold_is_made_once_and_remembered(people: tuple[Peer, Peer, Peer]) -> None:
    ann, *_ = people
    folds = GroupFolds(ann.log)
    with patch.object(fold_module, "_fold", wraps=fold_module._fold) as made:
        assert folds.now is folds.now
        assert made.call_count == 1
        ann.do(Rename("x"))
        assert folds.now.settings.name == "x"
        assert folds.at(ann.log.heads()) is folds.now
        made.reset_mock()
        for number in range(40):
            ann.do(Rename(str(number)))
            assert folds.now.settings.name == str(number)
    assert len(folds._states) == fold_module._MOST_KEPT


def test_what_a_member_says_is_shown(people: tuple[Peer, Peer, Peer]) -> None:
    ann, bob, _ = people
    assert verdict(ann, bob, said(bob)) is PostVerdict.SHOWN
    assert verdict(bob, ann, said(ann)) is PostVerdict.SHOWN


def test_under_unknown_heads_nothing_is_decided(people: tuple[Peer, Peer, Peer]) -> None:
    ann, bob, _ = people
    ann.do(Rename("x"))
    assert verdict(bob, ann, said(ann)) is PostVerdict.UNKNOWN_HEADS
    bob.meet(ann)
    assert verdict(bob, ann, said(ann)) is PostVerdict.SHOWN


def test_who_was_no_member_as_far_as_it_knew_is_refused(people: tuple[Peer, Peer, Peer]) -> None:
    ann, bob, _ = people
    stranger = Peer("Dan", ann.log.founding)
    assert verdict(ann, stranger, ann.log.heads()) is PostVerdict.REFUSED
    assert verdict(ann, bob, ()) is PostVerdict.REFUSED, "it names nothing that makes it a member"


def test_who_was_removed_since_is_late(people: tuple[Peer, Peer, Peer]) -> None:
    ann, bob, cid = people
    heads = said(bob)
    ann.do(Remove(BOB))
    assert verdict(ann, bob, heads) is PostVerdict.LATE
    assert verdict(cid, bob, heads) is PostVerdict.SHOWN, "Cid does not know yet"
    assert verdict(ann, bob, ann.log.heads()) is PostVerdict.REFUSED, "it says that it knows"


def test_who_comes_again_is_shown_and_what_it_said_between_is_not(
    people: tuple[Peer, Peer, Peer],
) -> None:
    ann, bob, _ = people
    ann.do(Remove(BOB))
    between = ann.log.heads()
    ann.do(Add(BOB))
    bob.meet(ann)
    bob.join()
    ann.meet(bob)
    assert verdict(ann, bob, said(bob)) is PostVerdict.SHOWN
    assert verdict(ann, bob, between) is PostVerdict.REFUSED


def test_where_only_admins_post_by_now_what_a_member_says_is_late(
    people: tuple[Peer, Peer, Peer],
) -> None:
    ann, bob, _ = people
    heads = said(bob)
    ann.do(SetPosting(PostingRule.ADMINS))
    assert verdict(ann, bob, heads) is PostVerdict.LATE
    bob.meet(ann)
    assert verdict(ann, bob, said(bob)) is PostVerdict.REFUSED
    ann.do(Grant(BOB))
    bob.meet(ann)
    assert verdict(ann, bob, said(bob)) is PostVerdict.SHOWN


def test_a_repr_of_a_state_shows_nobody(people: tuple[Peer, Peer, Peer]) -> None:
    ann, *_ = people
    ann.do(Rename("secret walks"))
    shown = repr(ann.state)
    assert "secret" not in shown
    assert repr(bytes(ann.address)) not in shown
    assert repr(bytes(ann.group)) not in shown


def test_control_a_fold_of_other_heads_is_another(people: tuple[Peer, Peer, Peer]) -> None:
    ann, *_ = people
    heads = ann.log.heads()
    ann.do(Remove(CID))
    assert CID in fold(ann.log, heads).members
    assert CID not in fold(ann.log).members
