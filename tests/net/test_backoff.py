"""How soon a connection is made again, and a target that failed is tried again."""

from __future__ import annotations

from zentalk.crypto.types import Entropy
from zentalk.net.backoff import (
    MAX_TARGETS,
    RECONNECT_FIRST_SECONDS,
    RECONNECT_LONGEST_SECONDS,
    SERVED_SECONDS,
    TARGET_FIRST_SECONDS,
    TARGET_LONGEST_SECONDS,
    Backoff,
    ReconnectBackoff,
)
from zentalk.net.runtime import seeded_entropy

SERVED = SERVED_SECONDS + 1


def entropy() -> Entropy:
    return seeded_entropy(b"waits")


def test_one_that_served_is_opened_again_at_once_however_often_it_ends() -> None:
    """Every few seconds a relay on the way restarts: mail must not wait for half a minute."""
    backoff = ReconnectBackoff(entropy())
    assert all(backoff.next_wait(SERVED) <= RECONNECT_FIRST_SECONDS for _ in range(100))


def test_control_one_that_never_serves_is_tried_less_and_less() -> None:
    backoff = ReconnectBackoff(entropy())
    waits = [backoff.next_wait(0.0) for _ in range(12)]
    assert waits[0] <= RECONNECT_FIRST_SECONDS
    assert all(wait >= RECONNECT_LONGEST_SECONDS / 2 for wait in waits[6:])


def test_one_that_ends_as_soon_as_it_begins_is_no_better() -> None:
    backoff = ReconnectBackoff(entropy())
    waits = [backoff.next_wait(SERVED_SECONDS / 2) for _ in range(12)]
    assert waits[-1] >= RECONNECT_LONGEST_SECONDS / 2
    assert backoff.next_wait(SERVED) <= RECONNECT_FIRST_SECONDS


def test_backoff_doubles_with_jitter_up_to_its_limit() -> None:
    backoff: Backoff[str] = Backoff(seeded_entropy(b"backoff"))
    longest = TARGET_FIRST_SECONDS
    for _ in range(8):
        backoff.failed("a", 100.0)
        assert longest / 2 <= backoff.remaining("a", 100.0) <= longest
        longest = min(TARGET_LONGEST_SECONDS, longest * 2)
    assert longest == TARGET_LONGEST_SECONDS
    assert backoff.remaining("b", 100.0) == 0
    assert backoff.remaining("a", 100.0 + TARGET_LONGEST_SECONDS) == 0
    backoff.forget("a")
    assert backoff.remaining("a", 100.0) == 0


def test_backoff_is_bounded() -> None:
    backoff: Backoff[int] = Backoff(seeded_entropy(b"backoff"))
    for target in range(MAX_TARGETS + 5):
        backoff.failed(target, 0.0)
    assert backoff.remaining(4, 0.0) == 0
    assert backoff.remaining(5, 0.0) > 0
