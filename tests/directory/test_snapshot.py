from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.directory.support import EPOCH, HOUR, WALL, descriptor, descriptors, node_id
from zentalk.directory import snapshot as rules
from zentalk.directory.events import TimePassed
from zentalk.directory.snapshot import (
    ASK_AGAIN_SECONDS,
    AskSource,
    Command,
    FinishSnapshot,
    OfferDescriptors,
    ReportEquivocation,
    SnapshotReceived,
    SnapshotResult,
    SnapshotRule,
    SourceFailed,
)
from zentalk.ids import NodeId
from zentalk.wire.descriptor import Descriptor

A, B, C = node_id(900), node_id(901), node_id(902)
Shown = Sequence[Descriptor] | None


class Run:
    """Plays sources with fixed answers per round against the rule and keeps a transcript."""

    def __init__(
        self,
        first: Mapping[NodeId, Shown],
        second: Mapping[NodeId, Shown] | None = None,
        held: Sequence[Descriptor] = (),
    ) -> None:
        rule = SnapshotRule(list(first), {item.node_id: item for item in held}, WALL)
        self.commands: list[Command] = []
        answers: Mapping[NodeId, Shown] = first
        todo = rule.start()
        now = 0.0
        while not rule.finished:
            self.commands += todo
            asked = [item.source for item in todo if isinstance(item, AskSource)]
            todo = []
            for source in asked:
                shown = answers[source]
                event = SourceFailed(source) if shown is None else SnapshotReceived(source, shown)
                todo += rule.handle(event, now)
            if not asked:
                deadline = rule.next_deadline()
                assert deadline is not None
                assert rule.handle(TimePassed(), now) == []
                now, answers = deadline, second or first
                todo = rule.handle(TimePassed(), now)
        self.commands += todo
        self.seconds = now
        last = self.commands[-1]
        assert isinstance(last, FinishSnapshot)
        self.result: SnapshotResult = last.result

    def of(self, kind: type) -> list[Command]:
        return [item for item in self.commands if isinstance(item, kind)]

    @property
    def accepted(self) -> set[bytes]:
        return {item.raw for item in self.result.descriptors}


def raws(items: Sequence[Descriptor]) -> set[bytes]:
    return {item.raw for item in items}


def test_three_sources_that_agree_are_accepted_at_once() -> None:
    shown = descriptors(range(20))
    run = Run({A: shown, B: shown, C: shown})
    assert run.accepted == raws(shown)
    assert run.commands == [AskSource(A), AskSource(B), AskSource(C), FinishSnapshot(run.result)]
    assert run.result.complete
    assert not run.result.unverified
    assert not run.result.dropped


def test_what_only_one_source_shows_is_offered_and_not_used() -> None:
    shown, extra = descriptors(range(20)), descriptor(77)
    run = Run({A: shown, B: shown, C: [*shown, extra]})
    assert run.accepted == raws(shown)
    assert run.of(OfferDescriptors) == [
        OfferDescriptors(A, (extra,)),
        OfferDescriptors(B, (extra,)),
    ]
    assert run.seconds == ASK_AGAIN_SECONDS


def test_what_the_others_confirm_after_the_offer_is_used() -> None:
    shown, extra = descriptors(range(20)), descriptor(77)
    after = [*shown, extra]
    run = Run({A: shown, B: shown, C: after}, {A: after, B: after, C: after})
    assert run.accepted == raws(after)


def test_newer_at_one_only_keeps_the_accepted_one_meanwhile() -> None:
    old, newer = descriptors(range(20)), descriptor(3, boot=2)
    ahead = [newer if item.node_id == newer.node_id else item for item in old]
    stuck = Run({A: old, B: old, C: ahead}, held=old)
    assert stuck.accepted == raws(old)
    caught_up = Run({A: old, B: old, C: ahead}, {A: ahead, B: old, C: ahead}, held=old)
    assert caught_up.accepted == raws(ahead)


def test_an_older_version_never_replaces_what_is_held() -> None:
    held, old = [descriptor(1, boot=3), *descriptors(range(2, 12))], descriptors(range(1, 12))
    run = Run({A: old, B: old, C: old}, held=held)
    assert run.accepted == raws(held)
    assert run.result.complete


def test_a_source_that_omits_more_than_a_tenth_is_dropped_and_named() -> None:
    shown = descriptors(range(20))
    run = Run({A: shown, B: shown, C: shown[:17]})
    assert run.result.dropped == (C,)
    assert run.accepted == raws(shown)


def test_a_source_that_omits_a_tenth_or_less_stays() -> None:
    shown = descriptors(range(20))
    run = Run({A: shown, B: shown, C: shown[:18]})
    assert run.result.dropped == ()


def test_sources_whose_sets_all_differ_are_not_dropped() -> None:
    """Relays that start observe for themselves: each lacks much of what the other two show."""
    shown = descriptors(range(30))
    run = Run({A: shown[:20], B: shown[10:], C: shown[:10] + shown[20:]})
    assert run.result.complete
    assert run.result.dropped == ()
    assert run.accepted == raws(shown)


def test_a_source_that_shows_only_what_one_other_lacks_does_not_get_that_one_dropped() -> None:
    shown = descriptors(range(20))
    run = Run({A: shown[:19], B: shown, C: shown[19:]})
    assert run.result.complete
    assert A not in run.result.dropped


def test_a_dropped_sources_voice_does_not_count() -> None:
    """Its partner in crime gains nothing: what both alone show is not used."""
    shown, planted = descriptors(range(20)), descriptor(77)
    run = Run({A: shown, B: [*shown, planted], C: [*shown[:10], planted]})
    assert run.result.dropped == (C,)
    assert planted.raw not in run.accepted


def test_with_dropping_taken_out_the_planted_one_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control."""
    monkeypatch.setattr(rules, "MAX_OMITTED_SHARE", 1.0)
    shown, planted = descriptors(range(20)), descriptor(77)
    run = Run({A: shown, B: [*shown, planted], C: [*shown[:10], planted]})
    assert planted.raw in run.accepted


def test_k31_a_guards_own_version_of_a_colluder_is_not_used_and_excludes_it() -> None:
    """The guard serves its own version of a colluding relay's descriptor to one client."""
    honest = descriptors(range(20))
    special = descriptor(5, mix=b"for one victim")
    served = [special if item.node_id == special.node_id else item for item in honest]
    run = Run({A: served, B: honest, C: honest})
    assert special.raw not in run.accepted
    assert [proof.node_id for proof in run.result.proofs] == [special.node_id]
    assert {item.node_id for item in run.result.descriptors} == {
        item.node_id for item in honest
    } - {special.node_id}
    told = [item.source for item in run.commands if isinstance(item, ReportEquivocation)]
    assert sorted(told) == sorted([A, B, C])


def test_k31_it_is_found_against_what_was_held_before() -> None:
    honest = descriptors(range(20))
    special = descriptor(5, mix=b"for one victim")
    served = [special if item.node_id == special.node_id else item for item in honest]
    run = Run({A: served, B: served, C: served}, held=honest)
    assert [proof.node_id for proof in run.result.proofs] == [special.node_id]
    assert special.raw not in run.accepted


def test_k31_a_version_with_another_boot_at_one_source_is_not_used() -> None:
    """No contradiction to prove, but nobody confirms it either."""
    honest = descriptors(range(20))
    special = descriptor(5, boot=99, mix=b"for one victim")
    served = [special if item.node_id == special.node_id else item for item in honest]
    run = Run({A: served, B: honest, C: honest})
    assert run.accepted == raws(honest)
    assert run.result.proofs == ()


def test_k31_without_agreement_the_guards_version_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Control: if one source is enough, the victim's packets are marked."""
    monkeypatch.setattr(rules, "AGREEING", 1)
    honest = descriptors(range(20))
    special = descriptor(5, boot=99, mix=b"for one victim")
    served = [special if item.node_id == special.node_id else item for item in honest]
    assert special.raw in Run({A: served, B: honest, C: honest}).accepted


def test_k31_without_the_comparison_the_colluder_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control."""
    monkeypatch.setattr(rules, "contradicts", lambda left, right: False)
    honest = descriptors(range(20))
    special = descriptor(5, mix=b"for one victim")
    served = [special if item.node_id == special.node_id else item for item in honest]
    run = Run({A: served, B: honest, C: honest})
    assert special.node_id in {item.node_id for item in run.result.descriptors}
    assert run.result.proofs == ()


def test_one_source_that_fails_leaves_two_that_agree() -> None:
    shown = descriptors(range(20))
    run = Run({A: shown, B: shown, C: None})
    assert run.accepted == raws(shown)
    assert run.result.failed == (C,)
    assert run.result.complete


def test_first_start_over_two_bootstraps() -> None:
    shown, extra = descriptors(range(5)), descriptor(9)
    run = Run({A: shown, B: [*shown, extra]})
    assert run.accepted == raws(shown)
    assert not run.result.unverified


def test_first_start_with_one_bootstrap_is_unverified() -> None:
    shown = descriptors(range(5))
    run = Run({A: shown})
    assert run.accepted == raws(shown)
    assert run.result.unverified
    assert run.result.complete


def test_one_answer_later_on_teaches_nothing() -> None:
    held, shown = descriptors(range(5)), descriptors(range(9))
    run = Run({A: shown, B: None, C: None}, held=held)
    assert run.accepted == raws(held)
    assert not run.result.unverified
    assert not run.result.complete


def test_an_empty_answer_is_a_failure() -> None:
    shown = descriptors(range(5))
    run = Run({A: shown, B: shown, C: []})
    assert run.result.failed == (C,)
    assert run.accepted == raws(shown)


def test_no_source_at_all_leaves_what_is_held() -> None:
    held = descriptors(range(5))
    run = Run({}, held=held)
    assert run.accepted == raws(held)
    assert not run.result.complete


def test_expired_ones_are_neither_held_nor_taken() -> None:
    old, shown = descriptor(1, epoch=EPOCH - 2), descriptors(range(2, 9))
    run = Run({A: [*shown, old], B: [*shown, old]}, held=[old])
    assert run.accepted == raws(shown)


def test_a_source_lost_before_the_second_round_keeps_its_first_answer() -> None:
    shown, extra = descriptors(range(20)), descriptor(77)
    after = [*shown, extra]
    run = Run({A: shown, B: after, C: after[:-1]}, {A: None, B: after, C: after})
    assert run.accepted == raws(after)
    assert run.result.failed == (A,)


def test_events_from_strangers_and_repeats_are_ignored() -> None:
    rule = SnapshotRule([A], {}, WALL)
    rule.start()
    shown = descriptors(range(3))
    assert rule.handle(SnapshotReceived(B, shown), 0.0) == []
    assert len(rule.handle(SnapshotReceived(A, shown), 0.0)) == 1
    assert rule.handle(SnapshotReceived(A, shown), 0.0) == []
    assert rule.next_deadline() is None


versions = st.lists(st.sets(st.integers(0, 15), max_size=16), min_size=2, max_size=3)


@given(versions, st.sets(st.integers(0, 15)), st.integers(0, 1))
def test_nothing_new_is_used_that_fewer_than_two_sources_show(
    shown: list[set[int]], held: set[int], boot: int
) -> None:
    sources = dict(zip((A, B, C), (descriptors(sorted(item)) for item in shown), strict=False))
    run = Run(sources, held=descriptors(sorted(held)))
    counts = [sum(number in item for item in shown) for number in range(16)]
    known = raws(descriptors(sorted(held)))
    for item in run.result.descriptors:
        number = next(n for n in range(16) if node_id(n) == item.node_id)
        lone = run.result.unverified
        assert item.raw in known or counts[number] >= 2 or lone


def test_wall_clock_decides_what_is_usable() -> None:
    shown = descriptors(range(5))
    rule = SnapshotRule([A], {}, WALL + 3 * HOUR)
    rule.start()
    (finish,) = rule.handle(SnapshotReceived(A, shown), 0.0)
    assert isinstance(finish, FinishSnapshot)
    assert finish.result.descriptors == ()
    assert not finish.result.complete
