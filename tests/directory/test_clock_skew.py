"""What a node finds out about its own clock."""

import pytest

from zentalk.directory.clock_skew import PUBLISHED_SECONDS, hours_ahead, note
from zentalk.ids import EPOCH_SECONDS, Epoch

NOW = Epoch(500_000)
START = NOW * EPOCH_SECONDS


def epochs(*offsets: int) -> list[Epoch]:
    return [Epoch(NOW + offset) for offset in offsets]


@pytest.mark.parametrize(
    ("offsets", "into_the_hour", "ahead"),
    [
        ((0, 0, 0), 10.0, 0),
        ((-1, -1, -1, 0), 10.0, 0),  # an hour has begun, and most have not published yet
        ((-1, -1, -1, 0), PUBLISHED_SECONDS, 1),
        ((-24, -24, -24), 10.0, 24),
        ((1, 1, 0), 10.0, -1),
        ((24, 24, 24), 10.0, -24),
        ((0, 0, 24), 10.0, 0),  # one relay is wrong
        ((24,), 10.0, 0),  # one alone says nothing
    ],
)
def test_the_median_of_the_relays_decides(
    offsets: tuple[int, ...], into_the_hour: float, ahead: int
) -> None:
    assert hours_ahead(epochs(*offsets), START + into_the_hour) == ahead


def test_the_owner_is_told_which_way_and_how_far() -> None:
    assert note(0) is None
    assert "about an hour ahead of" in (note(1) or "")
    assert "about 24 hours behind" in (note(-24) or "")
