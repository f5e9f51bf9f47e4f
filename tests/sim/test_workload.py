"""What people do, over a network of lists; each fault that the network makes is reported."""

import pytest
import trio

from tests.sim.fakes import FakeNetwork
from zentalk.sim import workload
from zentalk.sim.ledger import Verdict
from zentalk.sim.scenario import Scenario
from zentalk.sim.workload import Progress, Workload, WorkloadResult

QUIET = {"offline": False, "switch": False}


async def run(network: FakeNetwork, **settings: object) -> WorkloadResult:
    scenario = Scenario(
        nodes=len(network.relays),
        users=len(network.users),
        **settings,  # type: ignore[arg-type]  # fields by name
    )
    return await Workload(scenario, network, lambda _: None).run()


def good(messages: int) -> Verdict:
    return Verdict(messages, messages, 0, 0, 0, 0, messages, 0)


@pytest.mark.parametrize("users", [2, 3, 4])
@pytest.mark.parametrize("messages", [1, 20, 33])
async def test_in_a_good_network_all_is_well(
    autojump_clock: trio.testing.MockClock, users: int, messages: int
) -> None:
    outcome = await run(FakeNetwork(users=users), messages=messages)
    assert outcome.verdict == good(messages)
    assert outcome.unit_sizes == {2624}
    assert outcome.envelopes_left == 0
    assert len(outcome.latencies) == messages * 2 // 5


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("lose", {"delivered": 18, "lost": 2, "confirmed": 18}),
        ("double", {"duplicates": 2}),
        ("announce_twice", {"duplicates": 2}),
        ("swap", {"out_of_order": 2}),
        ("alter", {"delivered": 18, "lost": 2, "altered": 2, "confirmed_but_missing": 2}),
        ("forget_after_announcing", {"delivered": 18, "lost": 2, "confirmed_but_missing": 2}),
    ],
)
async def test_a_spoilt_network_is_reported_as_such(
    autojump_clock: trio.testing.MockClock, fault: str, expected: dict[str, int]
) -> None:
    network = FakeNetwork()
    setattr(network, fault, 2)
    outcome = await run(network, messages=20, in_flight=16, **QUIET)
    verdict = outcome.verdict
    seen = {name: getattr(verdict, name) for name in expected}
    assert seen == expected
    others = set(Verdict.__slots__) - expected.keys()
    assert {name: getattr(verdict, name) for name in others} == {
        name: getattr(good(20), name) for name in others
    }


async def test_a_repeated_send_whose_answer_was_lost_makes_no_second_message(
    autojump_clock: trio.testing.MockClock,
) -> None:
    network = FakeNetwork()
    network.lose_answer = 3
    assert (await run(network, messages=20, **QUIET)).verdict == good(20)


async def test_control_without_keys_a_repeated_send_is_seen_as_a_duplicate(
    autojump_clock: trio.testing.MockClock,
) -> None:
    network = FakeNetwork()
    network.lose_answer, network.keys_work = 3, False
    assert (await run(network, messages=20, **QUIET)).verdict.duplicates == 3


async def test_a_node_that_refuses_for_a_while_is_asked_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    network = FakeNetwork()
    network.refuse = 5
    assert (await run(network, messages=20, **QUIET)).verdict == good(20)


async def test_a_node_that_refuses_for_ever_ends_the_run_all_the_same(
    autojump_clock: trio.testing.MockClock,
) -> None:
    network = FakeNetwork()
    network.refuse = 10**6
    outcome = await run(network, messages=20, **QUIET)
    assert outcome.verdict.sent == 0
    assert trio.current_time() < 3 * workload.PATIENCE_SECONDS


async def test_the_first_person_moves_to_entries_of_which_one_is_new(
    autojump_clock: trio.testing.MockClock,
) -> None:
    network = FakeNetwork()
    before = await network.users[0].entries()
    assert (await run(network, messages=20, offline=False)).verdict == good(20)
    assert network.users[0].starts == 2
    assert len(network.users[0].pins) == 2
    assert set(network.users[0].pins) - set(before)


async def test_b2_the_last_person_leaves_and_comes_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    network = FakeNetwork(users=3)
    outcome = await run(network, messages=30, switch=False)
    assert outcome.verdict == good(30)
    assert [user.starts for user in network.users] == [1, 1, 2]


async def test_relays_die_and_only_the_living_are_counted(
    autojump_clock: trio.testing.MockClock,
) -> None:
    network = FakeNetwork(relays=8)
    entry = network.relays[0]
    outcome = await run(network, messages=20, kill_relays=2, kill_entry=True)
    dead = [relay.name for relay in network.relays if not relay.alive]
    assert sorted(outcome.killed) == sorted(dead)
    assert len(dead) == 3
    assert not entry.alive
    assert not set(network.users[0].pins) & {
        relay.uri for relay in network.relays if not relay.alive
    }


async def test_envelopes_that_stay_are_counted_after_a_while(
    autojump_clock: trio.testing.MockClock,
) -> None:
    network = FakeNetwork()
    network.relays[3].on_disk = 4
    outcome = await run(network, messages=4)
    assert outcome.envelopes_left == 4
    assert outcome.verdict == good(4)


async def test_the_same_seed_kills_the_same_relays(
    autojump_clock: trio.testing.MockClock,
) -> None:
    kills = [
        (await run(FakeNetwork(relays=20), messages=4, kill_relays=3, seed=seed)).killed
        for seed in (1, 1, 2)
    ]
    assert kills[0] == kills[1] != kills[2]


async def test_whoever_watches_sees_how_far_it_is(autojump_clock: trio.testing.MockClock) -> None:
    seen: list[Progress] = []
    scenario = Scenario(messages=20)
    await Workload(scenario, FakeNetwork(), seen.append).run()
    assert (seen[-1].sent, seen[-1].delivered) == (20, 20)
    phases = list(dict.fromkeys(progress.phase for progress in seen))
    assert phases[0] == "everybody online"
    assert phases[-1] == "waiting for acks and confirmations"
