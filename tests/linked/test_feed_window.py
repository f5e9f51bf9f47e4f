"""How far a feed runs ahead of its reader."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zentalk.linked.feed_window import MAX_PAGES, QUIET_SECONDS, FeedWindow


def test_a_reader_that_is_off_has_few_pages_waiting() -> None:
    window = FeedWindow(5)
    for number in range(6, 1_000):
        if window.has_room():
            window.page_sent(number, 0.0)
    assert window.sent == 5 + MAX_PAGES
    assert window.heard(7, 1, 1.0)
    assert window.has_room()
    assert (window.acked, window.sent) == (7, 5 + MAX_PAGES)


def test_word_that_was_overtaken_is_passed_over() -> None:
    window = FeedWindow(0)
    window.page_sent(10, 0.0)
    window.page_sent(20, 0.0)
    assert window.heard(20, 9, 1.0)
    assert not window.heard(10, 8, 1.0)
    assert not window.heard(20, 9, 1.0)
    assert (window.acked, window.sent) == (20, 20)


def test_a_reader_that_lost_something_gets_it_again() -> None:
    window = FeedWindow(100)
    window.page_sent(110, 0.0)
    assert window.heard(40, 1, 1.0)
    assert (window.acked, window.sent) == (40, 40)


def test_pages_that_were_lost_go_again_once_it_has_been_quiet() -> None:
    window = FeedWindow(0)
    assert not window.nothing_under_way(1e9)
    window.page_sent(10, 100.0)
    assert not window.nothing_under_way(100.0 + QUIET_SECONDS - 1)
    assert window.nothing_under_way(100.0 + QUIET_SECONDS)
    assert window.sent == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=60))
def test_the_next_page_never_leaves_a_hole(steps: list[tuple[bool, int]]) -> None:
    """Whatever is said and lost: what comes next begins at or below what was sent last."""
    window, covered = FeedWindow(0), {0}
    for stamp, (sends, number) in enumerate(steps, start=1):
        if sends and window.has_room():
            start = window.sent
            assert start in covered
            covered |= set(range(start, start + number + 2))
            window.page_sent(start + number + 1, 0.0)
        elif not sends:
            window.heard(min(number, max(covered)), stamp, 0.0)
            covered |= set(range(window.acked + 1))
