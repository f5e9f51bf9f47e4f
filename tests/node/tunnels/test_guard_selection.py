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


def make_book(
    state: GuardState | None = None,
    pinned: tuple[RelayUri, ...] = (),
    hints: tuple[RelayUri, ...] = (),
    clock: Clock | None = None,
    changes: list[None] | None = None,
) -> GuardSelection:
    clock = clock or Clock()
    heard = changes if changes is not None else []
    return GuardSelection(
        pinned=pinned,
        state=state or GuardState(),
        hints=hints,
        wall=lambda: clock.wall,
        entropy=seeded_entropy(b"book"),
        changed=lambda: heard.append(None),
    )


def test_without_a_snapshot_there_is_no_guard() -> None:
    book = make_book()
    assert book.in_use() == ()
    assert book.wanted() == ()


def test_a_snapshot_gives_two_guards_with_four_second_hops_each() -> None:
    changes: list[None] = []
    book = make_book(changes=changes)
    book.view_changed(VIEW)
    assert len(book.in_use()) == 2
    assert book.wanted() == book.in_use()
    for guard in book.in_use():
        assert len(book.middles(guard)) == 4
        assert guard not in book.middles(guard)
    assert changes


def test_guards_survive_a_restart_with_nothing_but_an_expired_snapshot() -> None:
    first = make_book()
    first.view_changed(VIEW)
    again = make_book(state=first.state, hints=first.hints())
    assert again.in_use() == first.in_use()
    assert [again.uri(guard) for guard in again.in_use()] == [
        VIEW.relays[guard].uri for guard in first.in_use()
    ]
    again.view_changed(VIEW)
    assert again.in_use() == first.in_use()


def test_a_guard_that_is_down_is_substituted_wanted_back_and_used_again() -> None:
    book = make_book()
    book.view_changed(VIEW)
    gone, other = book.in_use()
    book.seen(other, reachable=True)
    book.seen(gone, reachable=False)
    assert gone not in book.in_use()
    assert len(book.in_use()) == 2
    assert gone in book.wanted()
    book.seen(gone, reachable=True)
    assert book.in_use() == (gone, other)
    assert book.wanted() == (gone, other)


def test_pinned_guards_are_used_and_no_others() -> None:
    pins = (RELAYS[3].uri, RELAYS[7].uri)
    book = make_book(pinned=pins)
    assert book.in_use() == (RELAYS[3].node_id, RELAYS[7].node_id)
    book.view_changed(VIEW)
    for _ in range(3):
        book.seen(RELAYS[3].node_id, reachable=False)
    assert set(book.wanted()) == {RELAYS[3].node_id, RELAYS[7].node_id}


def test_a_pinned_guard_outside_the_snapshot_is_dialled_at_its_uri() -> None:
    stranger = make_relay(99)
    book = make_book(pinned=(stranger.uri,))
    book.view_changed(VIEW)
    assert book.wanted() == (stranger.node_id,)
    assert book.uri(stranger.node_id) == stranger.uri


def test_a_guard_that_moved_is_dialled_where_the_snapshot_says() -> None:
    book = make_book()
    book.view_changed(VIEW)
    guard = book.in_use()[0]
    number = [relay.node_id for relay in RELAYS].index(guard)
    moved = make_relay(number, boot=2, host="elsewhere")
    relays = [*RELAYS[:number], moved, *RELAYS[number + 1 :]]
    book.view_changed(make_view(relays, EPOCH, {}))
    assert book.uri(guard) == moved.uri


def test_own_mailbox_relays_do_not_become_guards_or_second_hops() -> None:
    own = frozenset(relay.node_id for relay in RELAYS[:2])
    book = make_book()
    book.own_mailboxes_changed(own)
    book.view_changed(VIEW)
    assert own.isdisjoint(book.in_use())
    for guard in book.in_use():
        assert own.isdisjoint(book.middles(guard))
