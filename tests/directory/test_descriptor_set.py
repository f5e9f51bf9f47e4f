import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.directory.support import EPOCH, HOUR, WALL, descriptor, node_id
from zentalk.directory.boots import MAX_BOOTS_PER_HOUR
from zentalk.directory.descriptor_set import DescriptorSet
from zentalk.directory.identity_work import make_identity, work_bits
from zentalk.directory.news import GossipDescriptor, GossipEquivocation
from zentalk.directory.recent import RECENT_PER_RELAY
from zentalk.directory.window import is_usable
from zentalk.errors import AuthenticationError, DecodeError, LocalProtocolError
from zentalk.ids import Epoch
from zentalk.wire.descriptor import Descriptor


@pytest.fixture
def known() -> DescriptorSet:
    return DescriptorSet("local")


def test_a_new_descriptor_is_kept_and_passed_on_once(known: DescriptorSet) -> None:
    first = descriptor(1)
    assert known.offer(first.raw, WALL) == [GossipDescriptor(first)]
    assert known.offer(first.raw, WALL) == []
    assert known.live(WALL) == [first]
    assert known.get(first.node_id, WALL) == first


def test_a_repeat_is_not_verified_again(
    known: DescriptorSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    raws = [descriptor(number).raw for number in range(5)]
    for raw in raws:
        known.offer(raw, WALL)

    def fail(raw: bytes) -> None:
        raise AssertionError("verified again")

    monkeypatch.setattr("zentalk.directory.descriptor_set.decode_descriptor", fail)
    for _ in range(3):
        for raw in raws:
            assert known.offer(raw, WALL) == []


def test_order_is_boot_then_epoch(known: DescriptorSet) -> None:
    known.offer(descriptor(1, boot=2, epoch=EPOCH).raw, WALL)
    assert known.offer(descriptor(1, boot=1, epoch=EPOCH + 1).raw, WALL) == []
    newer_epoch = descriptor(1, boot=2, epoch=EPOCH + 1)
    assert known.offer(newer_epoch.raw, WALL) == [GossipDescriptor(newer_epoch)]
    newer_boot = descriptor(1, boot=3, epoch=EPOCH)
    assert known.offer(newer_boot.raw, WALL) == [GossipDescriptor(newer_boot)]
    assert known.live(WALL) == [newer_boot]


def test_control_whoever_forgets_the_newer_one_is_rolled_back(known: DescriptorSet) -> None:
    """Control: a set that remembers nothing takes the old one, which is why all of it is stored."""
    newer, older = descriptor(1, boot=3), descriptor(1, boot=2)
    known.offer(newer.raw, WALL)
    assert known.offer(older.raw, WALL) == []
    restored = DescriptorSet("local")
    restored.restore([newer.raw], (), WALL)
    assert restored.offer(older.raw, WALL) == []
    assert DescriptorSet("local").offer(older.raw, WALL) == [GossipDescriptor(older)]


@pytest.mark.parametrize("offset", [-2, 2, 100])
def test_epochs_beyond_one_to_either_side_are_refused(known: DescriptorSet, offset: int) -> None:
    raw = descriptor(1, epoch=EPOCH + offset).raw
    assert known.offer(raw, WALL) == []
    assert len(known) == 0
    assert known.offer(raw, WALL + offset * HOUR) != []


def test_usable_until_the_end_of_the_next_epoch(known: DescriptorSet) -> None:
    one = descriptor(1)
    end = (EPOCH + 2) * HOUR
    known.offer(one.raw, WALL)
    assert known.get(one.node_id, end - 0.001) == one
    assert known.get(one.node_id, end) is None
    assert known.live(end) == []
    assert is_usable(one, end - 0.001)


def test_expired_ones_stay_as_a_hint_where_to_dial(known: DescriptorSet) -> None:
    one = descriptor(1)
    known.offer(one.raw, WALL)
    assert known.expire(WALL) == []
    assert known.expire(WALL + 2 * HOUR) == [one.node_id]
    assert len(known) == 0
    assert known.hint(one.node_id) == one.uri
    assert known.hints() == [one.uri]


def test_a_clock_set_back_finds_its_descriptors_again(known: DescriptorSet) -> None:
    one = descriptor(1)
    known.offer(one.raw, WALL)
    known.expire(WALL + 5 * HOUR)
    assert known.offer(one.raw, WALL) == [GossipDescriptor(one)]


def test_other_networks_are_ignored(known: DescriptorSet) -> None:
    assert known.offer(descriptor(1, network="main").raw, WALL) == []
    assert len(known) == 0


def test_damaged_bytes_are_an_error_and_change_nothing(known: DescriptorSet) -> None:
    raw = descriptor(1).raw
    for index in range(0, len(raw), 7):
        broken = raw[:index] + bytes([raw[index] ^ 1]) + raw[index + 1 :]
        with pytest.raises((DecodeError, AuthenticationError)):
            known.offer(broken, WALL)
    assert len(known) == 0
    assert known.offer(raw, WALL) != []


def test_a_full_set_takes_no_more_relays_but_follows_those_it_has() -> None:
    known = DescriptorSet("local", max_relays=2)
    known.offer(descriptor(1).raw, WALL)
    known.offer(descriptor(2).raw, WALL)
    assert known.offer(descriptor(3).raw, WALL) == []
    assert known.offer(descriptor(1, boot=2).raw, WALL) != []
    assert len(known) == 2


def test_k7_ids_without_the_required_work_are_refused() -> None:
    strict = DescriptorSet("local", id_difficulty=4)
    numbers = range(64)
    admitted = [n for n in numbers if strict.offer(descriptor(n).raw, WALL)]
    assert admitted == [n for n in numbers if work_bits(node_id(n)) >= 4]
    assert 0 < len(admitted) < 20
    free = DescriptorSet("local")
    assert all(free.offer(descriptor(n).raw, WALL) for n in numbers), "control: no work, no cost"


def test_k7_proofs_against_ids_without_work_are_not_kept() -> None:
    """They cost nothing to make up, and would push out those that matter."""
    left, right = descriptor(1), descriptor(1, mix=b"other")
    demanding = DescriptorSet("local", id_difficulty=work_bits(left.node_id) + 1)
    assert demanding.accuse(left.raw, right.raw) == []
    assert list(demanding.proofs()) == []
    fair = DescriptorSet("local", id_difficulty=work_bits(left.node_id))
    assert len(fair.accuse(left.raw, right.raw)) == 1


def test_an_identity_can_be_made_to_any_small_difficulty() -> None:
    counter = iter(range(10_000))
    key = make_identity(6, lambda size: next(counter).to_bytes(size, "big"))
    made = descriptor(1, key=key)
    assert work_bits(made.node_id) >= 6
    assert DescriptorSet("local", id_difficulty=6).offer(made.raw, WALL)
    with pytest.raises(LocalProtocolError):
        make_identity(99, bytes)


def test_k31_two_for_one_epoch_and_boot_exclude_the_relay(known: DescriptorSet) -> None:
    honest, shown = descriptor(1), descriptor(1, mix=b"for one victim")
    known.offer(honest.raw, WALL)
    (command,) = known.offer(shown.raw, WALL)
    assert isinstance(command, GossipEquivocation)
    assert known.is_excluded(honest.node_id)
    assert known.live(WALL) == []
    assert known.get(honest.node_id, WALL) is None
    # It does not come back with a higher boot either.
    assert known.offer(descriptor(1, boot=9).raw, WALL) == []
    assert known.live(WALL) == []


def test_k31_without_the_comparison_the_victims_version_is_used(
    known: DescriptorSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: with the guard out, a colluder's second descriptor goes unnoticed."""
    monkeypatch.setattr("zentalk.directory.recent.contradicts", lambda left, right: False)
    shown = descriptor(1, mix=b"for one victim")
    known.offer(shown.raw, WALL)
    known.offer(descriptor(1).raw, WALL)
    assert known.live(WALL) == [shown]
    assert not known.is_excluded(shown.node_id)


def test_k31_the_contradiction_is_found_behind_newer_descriptors(known: DescriptorSet) -> None:
    known.offer(descriptor(1, boot=1).raw, WALL)
    known.offer(descriptor(1, boot=2).raw, WALL)
    (command,) = known.offer(descriptor(1, boot=1, mix=b"other").raw, WALL)
    assert isinstance(command, GossipEquivocation)


def test_k31_anyone_can_check_a_report_and_it_spreads_once(known: DescriptorSet) -> None:
    left, right = descriptor(1), descriptor(1, mix=b"other")
    known.offer(left.raw, WALL)
    (command,) = known.accuse(left.raw, right.raw)
    assert isinstance(command, GossipEquivocation)
    assert known.is_excluded(left.node_id)
    assert known.accuse(right.raw, left.raw) == []
    assert known.accuse(left.raw, right.raw) == []
    assert [proof.node_id for proof in known.proofs()] == [left.node_id]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (descriptor(1), descriptor(1)),
        (descriptor(1), descriptor(2)),
        (descriptor(1), descriptor(1, boot=2)),
        (descriptor(1), descriptor(1, epoch=EPOCH + 1)),
        (descriptor(1, network="main"), descriptor(1, network="main", mix=b"x")),
    ],
    ids=["same", "two relays", "two boots", "two epochs", "another network"],
)
def test_k31_false_reports_convict_nobody(
    known: DescriptorSet, first: Descriptor, second: Descriptor
) -> None:
    known.offer(descriptor(1).raw, WALL)
    with pytest.raises(DecodeError):
        known.accuse(first.raw, second.raw)
    assert not known.is_excluded(node_id(1))
    assert len(known) == 1


def test_k31_a_forged_half_convicts_nobody(known: DescriptorSet) -> None:
    raw = descriptor(1, mix=b"other").raw
    forged = raw[:-1] + bytes([raw[-1] ^ 1])
    with pytest.raises(AuthenticationError):
        known.accuse(descriptor(1).raw, forged)
    assert not known.is_excluded(node_id(1))


def test_starts_within_the_hour_are_counted_from_boot_numbers(known: DescriptorSet) -> None:
    known.offer(descriptor(1, boot=5).raw, WALL)
    assert known.boots_last_hour(node_id(1), WALL) == 0
    known.offer(descriptor(1, boot=6).raw, WALL + 60)
    known.offer(descriptor(1, boot=10).raw, WALL + 120)
    assert known.boots_last_hour(node_id(1), WALL + 120) == 5 > MAX_BOOTS_PER_HOUR
    assert known.boots_last_hour(node_id(1), WALL + 60 + HOUR) == 4
    assert known.boots_last_hour(node_id(1), WALL + 200 + HOUR) == 0
    assert known.boots_last_hour(node_id(2), WALL) == 0


def test_restoring_verifies_again_and_keeps_the_old_as_hints(known: DescriptorSet) -> None:
    live, old, broken = descriptor(1), descriptor(2, epoch=EPOCH - 30), descriptor(3).raw[:-1]
    bad = descriptor(4), descriptor(4, mix=b"other")
    known.restore(
        [live.raw, old.raw, broken, bad[0].raw],
        [(bad[0].raw, bad[1].raw), (live.raw, live.raw)],
        WALL,
    )
    assert known.live(WALL) == [live]
    assert known.hints() == [old.uri]
    assert known.is_excluded(bad[0].node_id)


def test_the_generation_changes_with_the_set(known: DescriptorSet) -> None:
    seen = [known.generation]
    known.offer(descriptor(1).raw, WALL)
    seen.append(known.generation)
    known.offer(descriptor(1).raw, WALL)
    assert known.generation == seen[-1]
    known.expire(WALL + 9 * HOUR)
    seen.append(known.generation)
    assert len(set(seen)) == 3


class SetMachine(RuleBasedStateMachine):
    """Whatever arrives in whatever order: newest wins, nobody convicted returns."""

    def __init__(self) -> None:
        super().__init__()
        self.known = DescriptorSet("local")
        self.offered: dict[int, dict[tuple[int, int], set[bytes]]] = {}
        self.convicted: set[int] = set()

    @rule(
        number=st.integers(0, 3),
        boot=st.integers(1, 3),
        epoch=st.integers(-3, 3),
        mix=st.sampled_from([b"", b"", b"", b"x"]),
    )
    def offer(self, number: int, boot: int, epoch: int, mix: bytes) -> None:
        one = descriptor(number, boot=boot, epoch=EPOCH + epoch, mix=mix)
        commands = self.known.offer(one.raw, WALL)
        if abs(epoch) > 1:
            assert commands == []
            return
        versions = self.offered.setdefault(number, {}).setdefault((boot, EPOCH + epoch), set())
        versions.add(one.raw)
        if len(versions) > 1:
            self.convicted.add(number)

    @invariant()
    def newest_of_the_honest(self) -> None:
        expected = {
            next(iter(slots[max(slots)]))
            for number, slots in self.offered.items()
            if number not in self.convicted
        }
        assert {item.raw for item in self.known.live(WALL)} == expected
        for number in self.convicted:
            assert self.known.is_excluded(node_id(number))


SetMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestSetMachine = SetMachine.TestCase


def test_memory_per_relay_is_bounded(known: DescriptorSet) -> None:
    for boot in range(1, 50):
        known.offer(descriptor(1, boot=boot).raw, WALL)
    assert len(known._recent._kept[node_id(1)]) == RECENT_PER_RELAY
    assert known.live(WALL)[0].boot == 49
    assert known.live(WALL)[0].epoch == Epoch(EPOCH)


def test_what_is_kept_for_comparison_goes_with_its_epoch(known: DescriptorSet) -> None:
    for hours in range(5):
        known.offer(descriptor(1, epoch=EPOCH + hours).raw, WALL + hours * HOUR)
    assert len(known._recent._kept[node_id(1)]) == 5
    assert known.expire(WALL + 4 * HOUR) == []
    assert len(known._recent._kept[node_id(1)]) == 2
    assert known.offer(descriptor(1, epoch=EPOCH + 4, mix=b"other").raw, WALL + 4 * HOUR)
    assert known.is_excluded(node_id(1))
