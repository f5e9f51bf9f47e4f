"""Which guards are wanted: two sticky ones, pinned ones, substitutes, and better ones back."""

from tests.node.descriptors import EPOCH, WALL, make_relay, make_relays
from zentalk.net.runtime import seeded_entropy
from zentalk.node.relays.view import make_view
from zentalk.node.tunnels.guard_selection import GuardSelection
from zentalk.onion.guard_state import GuardState
from zentalk.wire.text import RelayUri

RELAYS = make_relays(10)
VIEW = make_view(RELAYS, EPOCH, {})


class Clock:
    wall = WALL


def make_selection(
    state: GuardState | None = None,
    pinned: tuple[RelayUri, ...] = (),
    addresses: tuple[RelayUri, ...] = (),
    clock: Clock | None = None,
) -> GuardSelection:
    clock = clock or Clock()
    return GuardSelection(
        pinned=pinned,
        state=state or GuardState(),
        addresses=addresses,
        wall=lambda: clock.wall,
        entropy=seeded_entropy(b"selection"),
    )


def test_without_a_snapshot_there_is_no_guard() -> None:
    selection = make_selection()
    assert selection.in_use() == ()
    assert selection.wanted() == ()


def test_a_snapshot_gives_two_guards_with_four_second_hops_each() -> None:
    selection = make_selection()
    selection.view_changed(VIEW)
    assert len(selection.in_use()) == 2
    assert selection.wanted() == selection.in_use()
    for guard in selection.in_use():
        assert len(selection.middles(guard)) == 4
        assert guard not in selection.middles(guard)


def test_guards_survive_a_restart_with_nothing_but_an_expired_snapshot() -> None:
    first = make_selection()
    first.view_changed(VIEW)
    again = make_selection(state=first.state, addresses=first.addresses())
    assert again.in_use() == first.in_use()
    assert [again.uris(guard) for guard in again.in_use()] == [
        VIEW.relays[guard].uris() for guard in first.in_use()
    ]
    again.view_changed(VIEW)
    assert again.in_use() == first.in_use()


def test_a_guard_that_is_down_is_substituted_wanted_back_and_used_again() -> None:
    selection = make_selection()
    selection.view_changed(VIEW)
    gone, other = selection.in_use()
    selection.seen(other, reachable=True)
    selection.seen(gone, reachable=False)
    assert gone not in selection.in_use()
    assert len(selection.in_use()) == 2
    assert gone in selection.wanted()
    selection.seen(gone, reachable=True)
    assert selection.in_use() == (gone, other)
    assert selection.wanted() == (gone, other)


def test_pinned_guards_are_used_and_no_others() -> None:
    pins = (RELAYS[3].uri, RELAYS[7].uri)
    selection = make_selection(pinned=pins)
    assert selection.in_use() == (RELAYS[3].node_id, RELAYS[7].node_id)
    selection.view_changed(VIEW)
    for _ in range(3):
        selection.seen(RELAYS[3].node_id, reachable=False)
    assert set(selection.wanted()) == {RELAYS[3].node_id, RELAYS[7].node_id}


def test_a_pinned_guard_outside_the_snapshot_is_dialled_at_its_uri() -> None:
    stranger = make_relay(99)
    selection = make_selection(pinned=(stranger.uri,))
    selection.view_changed(VIEW)
    assert selection.wanted() == (stranger.node_id,)
    assert selection.uris(stranger.node_id) == (stranger.uri,)


def test_a_guard_that_moved_is_dialled_where_the_snapshot_says() -> None:
    selection = make_selection()
    selection.view_changed(VIEW)
    guard = selection.in_use()[0]
    number = [relay.node_id for relay in RELAYS].index(guard)
    moved = make_relay(number, boot=2, host="elsewhere")
    relays = [*RELAYS[:number], moved, *RELAYS[number + 1 :]]
    selection.view_changed(make_view(relays, EPOCH, {}))
    assert selection.uris(guard) == (moved.uri,)


def test_own_mailbox_relays_do_not_become_guards_or_second_hops() -> None:
    own = frozenset(relay.node_id for relay in RELAYS[:2])
    selection = make_selection()
    selection.own_mailboxes_changed(own)
    selection.view_changed(VIEW)
    assert own.isdisjoint(selection.in_use())
    for guard in selection.in_use():
        assert own.isdisjoint(selection.middles(guard))
