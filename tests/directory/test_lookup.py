import hashlib
from collections.abc import Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from zentalk.directory.distance import xor_distance
from zentalk.directory.events import TimePassed
from zentalk.directory.lookup import (
    ALPHA,
    GIVE_UP_SECONDS,
    HEDGE_SECONDS,
    MAX_QUESTIONS,
    Answered,
    Ask,
    Command,
    Event,
    Failed,
    FinishLookup,
    Lookup,
    Started,
)
from zentalk.directory.table import RelayTable
from zentalk.ids import NodeId


def ident(number: int) -> NodeId:
    return NodeId(hashlib.sha256(b"node %d" % number).digest())


OWN = ident(0)


class World:
    """Relays with full tables; `answer` may be replaced to lie or stay silent."""

    def __init__(self, count: int, known: int | None = None) -> None:
        self.ids = [ident(number) for number in range(1, count + 1)]
        self.tables: dict[NodeId, RelayTable] = {}
        for position, one in enumerate(self.ids):
            table = RelayTable(one, "local", now=0.0)
            reach = self.ids if known is None else self._window(position, known)
            for other in reach:
                table.handshake_completed(other, "127.0.0.1", 1, now=0.0)
            self.tables[one] = table
        self.asked: list[NodeId] = []

    def _window(self, position: int, known: int) -> list[NodeId]:
        """A ring: each knows only its next few, so lookups must take steps."""
        return [self.ids[(position + step) % len(self.ids)] for step in range(1, known + 1)]

    def answer(self, node_id: NodeId, target: bytes) -> Sequence[NodeId] | None:
        return self.tables[node_id].nearest(target, 20)

    def run(
        self,
        lookup: Lookup,
        target: bytes,
        seeds: Sequence[NodeId],
        answer: Callable[[NodeId, bytes], Sequence[NodeId] | None] | None = None,
    ) -> tuple[NodeId, ...]:
        answer = answer or self.answer
        now = 0.0
        todo: list[Command] = lookup.handle(Started(seeds), now)
        waiting: list[NodeId] = []
        for _ in range(2_000):
            for command in todo:
                if isinstance(command, FinishLookup):
                    return command.nearest
                self.asked.append(command.node_id)
                waiting.append(command.node_id)
            event: Event
            heard = next((one for one in waiting if answer(one, target) is not None), None)
            if heard is not None:
                waiting.remove(heard)
                event = Answered(heard, answer(heard, target) or ())
            else:
                deadline = lookup.next_deadline()
                assert deadline is not None
                assert deadline > now
                now = deadline
                event = TimePassed()
            todo = lookup.handle(event, now)
        raise AssertionError("the lookup never ended")


def nearest(ids: Sequence[NodeId], target: bytes, count: int) -> tuple[NodeId, ...]:
    return tuple(sorted(ids, key=lambda one: xor_distance(one, target))[:count])


@given(st.integers(1, 60), st.integers(0, 1000), st.integers(1, 20))
def test_finds_exactly_the_nearest_of_an_honest_network(
    count: int, target: int, width: int
) -> None:
    world = World(count)
    goal = hashlib.sha256(b"%d" % target).digest()
    found = world.run(Lookup(goal, OWN, width=width), goal, world.ids[:1])
    assert found == nearest(world.ids, goal, width)


def test_walks_step_by_step_where_nobody_knows_everybody() -> None:
    world = World(60, known=6)
    goal = ident(999)
    found = world.run(Lookup(goal, OWN, width=20), goal, world.ids[:3])
    assert found[0] == nearest(world.ids, goal, 1)[0]


def test_nobody_is_asked_twice_or_asks_itself() -> None:
    world = World(50)
    goal = ident(7)
    lookup = Lookup(goal, world.ids[0], width=20)
    world.run(lookup, goal, world.ids[:5])
    assert len(world.asked) == len(set(world.asked))
    assert world.ids[0] not in world.asked


def test_no_more_than_alpha_questions_are_in_flight() -> None:
    lookup = Lookup(ident(5), OWN)
    asks = lookup.handle(Started([ident(n) for n in range(10, 30)]), now=0.0)
    assert len(asks) == ALPHA
    assert lookup.handle(TimePassed(), now=HEDGE_SECONDS / 2) == []


def test_a_silent_relay_is_hedged_after_a_second_and_given_up_later() -> None:
    lookup = Lookup(ident(5), OWN, alpha=1, paths=1)
    first = lookup.handle(Started([ident(10), ident(11)]), now=0.0)
    assert len(first) == 1
    assert lookup.next_deadline() == HEDGE_SECONDS
    second = lookup.handle(TimePassed(), now=HEDGE_SECONDS)
    assert len(second) == 1
    assert second != first
    lookup.handle(TimePassed(), now=HEDGE_SECONDS * 2)
    finish = lookup.handle(TimePassed(), now=HEDGE_SECONDS + GIVE_UP_SECONDS)
    assert finish == [FinishLookup(())]


def test_a_late_answer_still_counts() -> None:
    lookup = Lookup(ident(5), OWN, alpha=1, paths=1)
    (first,) = lookup.handle(Started([ident(10), ident(11)]), now=0.0)
    (second,) = lookup.handle(TimePassed(), now=HEDGE_SECONDS)
    assert isinstance(first, Ask)
    assert isinstance(second, Ask)
    assert lookup.handle(Answered(first.node_id, ()), now=2.0) == []
    finish = lookup.handle(Answered(second.node_id, ()), now=2.1)
    assert finish == [FinishLookup(nearest([first.node_id, second.node_id], ident(5), 20))]


def test_a_late_answer_after_giving_up_still_counts() -> None:
    lookup = Lookup(ident(5), OWN, alpha=1, paths=1)
    (first,) = lookup.handle(Started([ident(10), ident(11), ident(12)]), now=0.0)
    assert isinstance(first, Ask)
    asked = []
    for now in (1.0, 2.0, 3.0, 4.0, 5.0):
        asked += lookup.handle(TimePassed(), now)
    lookup.handle(Answered(first.node_id, ()), now=5.5)
    done = lookup.handle(TimePassed(), now=50.0)
    assert done == [FinishLookup((first.node_id,))]


def test_unreachable_relays_are_left_out_and_others_move_up() -> None:
    world = World(60)
    goal = ident(3)
    dead = set(nearest(world.ids, goal, 10))

    def answer(node_id: NodeId, target: bytes) -> Sequence[NodeId] | None:
        return None if node_id in dead else world.answer(node_id, target)

    # Seeds are alive; the dead are named by everyone and never answer.
    seeds = [one for one in world.ids if one not in dead][:3]
    found = world.run(Lookup(goal, OWN, width=5), goal, seeds, answer)
    alive = [one for one in world.ids if one not in dead]
    assert found == nearest(alive, goal, 5)


def test_relays_that_only_others_speak_of_are_not_in_the_result() -> None:
    goal = ident(3)
    ghost = NodeId(goal[:-1] + bytes([goal[-1] ^ 1]))
    lookup = Lookup(goal, OWN, width=3)
    (ask,) = lookup.handle(Started([ident(1)]), now=0.0)
    assert isinstance(ask, Ask)
    (next_ask,) = lookup.handle(Answered(ident(1), [ghost]), now=0.0)
    assert next_ask == Ask(ghost)
    assert lookup.handle(Failed(ghost), now=0.0) == [FinishLookup((ident(1),))]


def test_answers_nobody_asked_for_are_ignored() -> None:
    lookup = Lookup(ident(3), OWN, alpha=1)
    lookup.handle(Started([ident(1)]), now=0.0)
    assert lookup.handle(Answered(ident(77), [ident(78)]), now=0.0) == []
    assert lookup.handle(Answered(ident(1), ()), now=0.0) == [FinishLookup((ident(1),))]


def test_k7_one_liar_misleads_one_path() -> None:
    """A liar names ever nearer relays of its own; honest paths still find the true ones."""
    world = World(60)
    goal = ident(3)
    liar = world.ids[0]
    made_up = {NodeId(goal[:28] + n.to_bytes(4, "big")) for n in range(30)}

    def answer(node_id: NodeId, target: bytes) -> Sequence[NodeId] | None:
        if node_id == liar or node_id in made_up:
            return sorted(made_up)[:20]
        return [one for one in world.answer(node_id, target) or () if one != liar]

    seeds = [liar, *world.ids[1:3]]
    searched = Lookup(goal, OWN, width=60)
    found = set(world.run(searched, goal, seeds, answer))
    assert set(nearest(world.ids[1:], goal, 5)) <= found


def test_k7_with_a_single_path_the_liar_hides_the_network() -> None:
    """Control: without disjoint paths the same liar is asked first and names only its own."""
    world = World(60)
    goal = ident(3)
    liar = min(world.ids, key=lambda one: xor_distance(one, goal))
    made_up = [NodeId(goal[:28] + n.to_bytes(4, "big")) for n in range(20)]

    def answer(node_id: NodeId, target: bytes) -> Sequence[NodeId] | None:
        if node_id == liar or node_id in made_up:
            return made_up
        return world.answer(node_id, target)

    single = Lookup(goal, OWN, width=20, alpha=1, paths=1)
    found = world.run(single, goal, [liar, *world.ids[1:3]], answer)
    assert not set(found) & (set(world.ids) - {liar})


def test_a_stream_of_inventions_ends() -> None:
    goal = ident(3)
    counter = 0

    def answer(_node_id: NodeId, _target: bytes) -> Sequence[NodeId]:
        nonlocal counter
        counter += 1
        return [NodeId(goal[:20] + hashlib.sha256(b"%d" % counter).digest()[:12])]

    world = World(1)
    world.run(Lookup(goal, OWN), goal, world.ids, answer)
    assert len(world.asked) <= MAX_QUESTIONS


def test_a_lookup_without_seeds_ends_at_once() -> None:
    lookup = Lookup(ident(3), OWN)
    assert lookup.handle(Started([]), now=0.0) == [FinishLookup(())]
    assert lookup.finished
    assert lookup.handle(TimePassed(), now=9.0) == []
