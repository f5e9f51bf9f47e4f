"""How soon the tunnel to a mailbox is opened again."""

from zentalk.crypto.types import Entropy
from zentalk.net.runtime import seeded_entropy
from zentalk.node.mailboxes.reconnect_backoff import (
    FIRST_WAIT_SECONDS,
    LONGEST_WAIT_SECONDS,
    SERVED_SECONDS,
    ReconnectBackoff,
)

SERVED = SERVED_SECONDS + 1


def entropy() -> Entropy:
    return seeded_entropy(b"waits")


def test_one_that_served_is_opened_again_at_once_however_often_it_ends() -> None:
    """Every few seconds a relay on the way restarts: mail must not wait for half a minute."""
    backoff = ReconnectBackoff(entropy())
    assert all(backoff.next_wait(SERVED) <= FIRST_WAIT_SECONDS for _ in range(100))


def test_control_one_that_never_serves_is_tried_less_and_less() -> None:
    backoff = ReconnectBackoff(entropy())
    waits = [backoff.next_wait(0.0) for _ in range(12)]
    assert waits[0] <= FIRST_WAIT_SECONDS
    assert all(wait >= LONGEST_WAIT_SECONDS / 2 for wait in waits[6:])


def test_one_that_ends_as_soon_as_it_begins_is_no_better() -> None:
    backoff = ReconnectBackoff(entropy())
    waits = [backoff.next_wait(SERVED_SECONDS / 2) for _ in range(12)]
    assert waits[-1] >= LONGEST_WAIT_SECONDS / 2
    assert backoff.next_wait(SERVED) <= FIRST_WAIT_SECONDS
