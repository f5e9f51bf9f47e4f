"""Small frames are counted, and those of links and people are not too many."""

from zentalk.net.ways.frame_limit import (
    BYTES_A_FRAME,
    FRAMES_A_SECOND,
    FRAMES_AT_ONCE,
    FrameLimit,
)


def test_frames_of_a_link_are_never_too_many() -> None:
    limit = FrameLimit(0.0)
    assert all(limit.takes(1, 2_624, 0.0) for _ in range(100_000))


def test_small_frames_are_few_at_once_and_few_a_second() -> None:
    limit = FrameLimit(0.0)
    taken = sum(limit.takes(1, 6, 0.0) for _ in range(10 * FRAMES_AT_ONCE))
    assert FRAMES_AT_ONCE <= taken <= FRAMES_AT_ONCE * 1.03
    later = sum(limit.takes(1, 6, 10.0) for _ in range(10 * FRAMES_AT_ONCE))
    assert 10 * FRAMES_A_SECOND <= later <= 10 * FRAMES_A_SECOND * 1.03


def test_bytes_that_end_no_frame_pay_for_nothing_later() -> None:
    """Else whoever sends a large message could send thousands of small ones behind it."""
    limit = FrameLimit(0.0)
    assert limit.takes(0, 10_000 * BYTES_A_FRAME, 0.0)
    assert not limit.takes(2 * FRAMES_AT_ONCE, 6, 0.0)


def test_a_large_frame_that_ends_in_a_small_piece_is_no_small_frame() -> None:
    limit = FrameLimit(0.0)
    for _ in range(10 * FRAMES_AT_ONCE):
        assert limit.takes(0, 4_096, 0.0)
        assert limit.takes(1, 8, 0.0)
