"""Which guards are wanted: two sticky ones, pinned ones, substitutes, and better ones back."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.node.descriptors import EPOCH, WALL, make_relay, make_relays
from zentalk.net.runtime import seeded_entropy
from zentalk.node.relays.view import make_view
from zentalk.node.tunnels.guard_selection import GuardSelection
from zentalk.onion.guard_state import GuardState
from zentalk.wire.descriptor import WebDoor
from zentalk.wire.text import RelayUri, Scheme

RELAYS = make_relays(10)
VIEW = make_view(RELAYS, EPOCH, {})


class Clock:
    wall = WALL


def make_selection(
    state: GuardState | None = None,
    pinned: tuple[RelayUri, ...] = (),
    addresses: tuple[RelayUri, ...] = (),
    clock: Clock | None = None,
    usable: Callable[[Sequence[RelayUri]], tuple[RelayUri, ...]] = tuple,
) -> GuardSelection:
    clock = clock or Clock()
    return GuardSelection(
        pinned=pinned,
        state=state or GuardState(),
        addresses=addresses,
        wall=lambda: clock.wall,
        entropy=seeded_entropy(b"selection"),
        usable=usable,
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


DOOR = WebDoor(True, 443, "/relay/link")
WITH_DOORS = [
    replace(relay, body=replace(relay.body, doors=(DOOR,))) if number < 3 else relay
    for number, relay in enumerate(RELAYS)
]
"""Three of ten relays take WebSockets."""


def only_web(uris: Sequence[RelayUri]) -> tuple[RelayUri, ...]:
    return tuple(uri for uri in uris if uri.scheme is not Scheme.TCP)


def test_where_only_websockets_pass_guards_are_relays_that_take_them() -> None:
    selection = make_selection(usable=only_web)
    selection.view_changed(make_view(WITH_DOORS, EPOCH, {}))
    with_doors = {relay.node_id for relay in WITH_DOORS[:3]}
    assert len(selection.in_use()) == 2
    assert with_doors.issuperset(selection.in_use())
    for guard in selection.in_use():
        [uri] = selection.uris(guard)
        assert (uri.scheme, uri.port, uri.path) == (Scheme.WSS, 443, "/relay/link")
        assert set(selection.middles(guard)) - with_doors, "all relays can be second hops"


def test_control_without_the_rule_a_guard_would_be_one_that_cannot_be_reached() -> None:
    selection = make_selection()
    selection.view_changed(make_view(WITH_DOORS, EPOCH, {}))
    assert any(not only_web(selection.uris(guard)) for guard in selection.in_use())


def test_where_only_websockets_pass_a_guard_of_before_waits() -> None:
    """It is back when the setting is: it was drawn, and nothing is known against it."""
    first = make_selection()
    first.view_changed(VIEW)
    narrow = make_selection(state=first.state, addresses=first.addresses(), usable=only_web)
    narrow.view_changed(make_view(WITH_DOORS, EPOCH, {}))
    assert all(only_web(narrow.uris(guard)) for guard in narrow.in_use())
    assert narrow.in_use()
    wide = make_selection(state=narrow.state, addresses=narrow.addresses())
    wide.view_changed(VIEW)
    assert wide.in_use() == first.in_use()


def test_both_ways_are_remembered_and_tcp_is_tried_first() -> None:
    selection = make_selection()
    selection.view_changed(make_view(WITH_DOORS[:3], EPOCH, {}))
    guard = selection.in_use()[0]
    assert [uri.scheme for uri in selection.uris(guard)] == [Scheme.TCP, Scheme.WSS]
    again = make_selection(state=selection.state, addresses=selection.addresses())
    assert again.uris(guard) == selection.uris(guard)


def test_a_pinned_websocket_at_another_host_stays_beside_what_the_relay_announces() -> None:
    relay = RELAYS[3]
    behind = relay.uri._replace(host="front.example", scheme=Scheme.WSS, path="/relay/link")
    selection = make_selection(pinned=(behind,), usable=only_web)
    assert selection.uris(relay.node_id) == (behind,)
    selection.view_changed(VIEW)
    assert selection.in_use() == (relay.node_id,)
    assert selection.uris(relay.node_id) == (behind,)
