from tests.directory.support import descriptor, descriptors, node_id
from zentalk.directory.distance import HolderMap
from zentalk.directory.handover import Handover
from zentalk.ids import Day, NodeId
from zentalk.wire.descriptor import Descriptor

DAY = Day(20_000)
KEY = b"\x07" * 32
OWN = node_id(0)


def holders(relays: list[Descriptor]) -> set[NodeId]:
    return {one for point in HolderMap(relays, DAY).holders(KEY) for one in point} - {OWN}


def told(core: Handover, relays: list[Descriptor]) -> set[NodeId]:
    core.begin(relays)
    return set(core.recipients(KEY, DAY))


def test_the_first_round_offers_to_all_holders_and_the_next_to_nobody() -> None:
    core, relays = Handover(OWN), descriptors(range(60))
    assert core.is_due(relays)
    assert told(core, relays) == holders(relays)
    assert not core.is_due(relays)
    assert told(core, relays) == set()


def test_who_joins_near_a_point_and_who_moves_up_is_told_and_nobody_else() -> None:
    core, relays = Handover(OWN), descriptors(range(60))
    told(core, relays)
    more = descriptors(range(120))
    assert core.is_due(more)
    joined = told(core, more)
    assert joined == holders(more) - holders(relays)
    assert joined
    fewer = [one for one in more if one.node_id not in joined]
    moved_up = told(core, fewer)
    assert moved_up == holders(fewer) - holders(more)
    assert moved_up & holders(relays), "back where they were: they are offered it, and decline"


def test_a_new_epoch_moves_nobody_but_a_new_address_may() -> None:
    core, relays = Handover(OWN), descriptors(range(5))
    told(core, relays)
    later = [descriptor(number, boot=2) for number in range(5)]
    assert not core.is_due(later)
    assert core.is_due([*later[:4], descriptor(4, host="9.9.9.9")])


def test_who_was_not_reached_is_told_in_the_next_round() -> None:
    core, relays = Handover(OWN), descriptors(range(60))
    told(core, relays)
    away = min(holders(relays))
    again = Handover(OWN)
    again.begin(relays)
    again.failed(away)
    assert away not in again.recipients(KEY, DAY), "not twice in one round"
    assert again.has_unserved
    assert told(again, relays) == {away}
    assert not again.has_unserved
