"""Pages are whole and in order again, however their chunks arrive."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from zentalk.linked.page_joiner import MAX_WAITING, PageJoiner
from zentalk.wire.sync import Chunk

FEED = b"f" * 16


def chunks(page: int, after: int, upto: int, count: int = 1, feed: bytes = FEED) -> list[Chunk]:
    return [
        Chunk(
            feed,
            page.to_bytes(8, "big"),
            after,
            upto,
            13,
            index,
            count,
            f"{page}.{index} ".encode(),
        )
        for index in range(count)
    ]


def taken(joiner: PageJoiner, number: int = 0, feed: bytes = FEED) -> list[tuple[int, int]]:
    """Take all that is ready, as a replica does."""
    found = []
    while (page := joiner.take(feed, number)) is not None:
        number, feed = page.upto, page.feed
        found.append((page.after, page.upto))
    return found


@given(st.integers(0, 2**32), st.integers(1, 8))
def test_any_order_and_any_repetition_gives_every_page_once(seed: int, pages: int) -> None:
    rng = random.Random(seed)
    sent = [
        chunk
        for page in range(pages)
        for chunk in chunks(page, 10 * page, 10 * page + 10, rng.randrange(1, 4))
    ]
    sent += rng.sample(sent, rng.randrange(len(sent)))
    rng.shuffle(sent)
    joiner, number, found = PageJoiner(), 0, []
    for place, chunk in enumerate(sent):
        joiner.add(place, chunk)
        for after, upto in taken(joiner, number):
            found.append((after, upto))
            number = upto
    assert found == [(10 * page, 10 * page + 10) for page in range(pages)]


def test_the_chunks_of_a_page_are_joined_in_their_order_and_their_places_told() -> None:
    joiner = PageJoiner()
    for place, chunk in enumerate(reversed(chunks(1, 0, 7, 3))):
        assert joiner.add(place, chunk) == frozenset()
    page = joiner.take(FEED, 0)
    assert page is not None
    assert page.rows == b"1.0 1.1 1.2 "
    assert page.places == {0, 1, 2}


def test_pages_may_overlap() -> None:
    joiner = PageJoiner()
    for place, page in enumerate([(1, 0, 10), (2, 5, 20), (3, 0, 15)]):
        joiner.add(place, chunks(*page)[0])
    assert taken(joiner) == [(0, 10), (5, 20)]
    assert joiner.drop_known(FEED, 20) == {2}


def test_what_begins_after_a_hole_waits() -> None:
    joiner = PageJoiner()
    joiner.add(0, chunks(2, 10, 20)[0])
    assert taken(joiner) == []
    joiner.add(1, chunks(1, 0, 10)[0])
    assert taken(joiner) == [(0, 10), (10, 20)]


def test_a_feed_that_begins_anew_is_followed_from_its_beginning_only() -> None:
    joiner, other = PageJoiner(), b"g" * 16
    joiner.add(0, chunks(1, 40, 50, feed=other)[0])
    assert joiner.take(FEED, 100) is None
    joiner.add(1, chunks(2, 0, 40, feed=other)[0])
    assert taken(joiner, 100) == [(0, 40), (40, 50)]


def test_a_chunk_of_another_page_under_the_same_name_is_dropped() -> None:
    joiner = PageJoiner()
    first, second = chunks(1, 0, 10, 2)
    joiner.add(0, first)
    assert joiner.add(1, first) == {1}
    assert joiner.add(2, replace(second, upto=11)) == {2}
    joiner.add(3, second)
    assert taken(joiner) == [(0, 10)]


def test_pages_that_never_become_whole_are_bounded() -> None:
    joiner, kept = PageJoiner(), set()
    for page in range(3 * MAX_WAITING):
        kept |= {page}
        kept -= joiner.add(page, chunks(page, 5, 10, 2)[0])
    assert len(kept) == MAX_WAITING
    assert 3 * MAX_WAITING - 1 in kept
