"""Mail for an owner who asks at a pace of its own: kept until the next `mail.poll`.

Spec: docs/spec/mailbox.md section 9. What waits here is in flight as the mailbox core sees
it, so its number is bounded by the collector's window and nothing is deleted before an
ack. It must never make a response's size depend on what waits.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from zentalk.wire.deposit import ENVELOPE_SMALL_BYTES
from zentalk.wire.rpc_mailbox import PushNotification, TokenNotification
from zentalk.wire.rpc_poll import LARGE_ENVELOPES, MAX_TOKENS, SMALL_ENVELOPES, PollResponse

MAX_KEPT_TOKENS: Final = 256
"""The oldest go, as in the ring of an owner who is away."""


class PollQueue:
    """The mail that one collector has not asked for yet."""

    __slots__ = ("_pushes", "_tokens")

    def __init__(self) -> None:
        self._pushes: dict[int, PushNotification] = {}
        self._tokens: deque[TokenNotification] = deque(maxlen=MAX_KEPT_TOKENS)

    def push(self, push: PushNotification) -> None:
        """Keep an envelope; one that is pushed again replaces itself."""
        self._pushes[push.seq] = push

    def token(self, token: TokenNotification) -> None:
        """Keep a token."""
        self._tokens.append(token)

    def acked(self, seqs: tuple[int, ...]) -> None:
        """Forget what the owner has saved."""
        for seq in seqs:
            self._pushes.pop(seq, None)

    def take(self, *, large: bool) -> PollResponse:
        """Return the next of what waits, oldest first, as a response of that size holds it."""
        pushes = self._large() if large else ()
        pushes = pushes or self._small(LARGE_ENVELOPES if large else SMALL_ENVELOPES)
        for push in pushes:
            del self._pushes[push.seq]
        count = min(MAX_TOKENS, len(self._tokens))
        return PollResponse(pushes, tuple(self._tokens.popleft() for _ in range(count)))

    def _large(self) -> tuple[PushNotification, ...]:
        return next(((p,) for p in self._pushes.values() if not _is_small(p)), ())

    def _small(self, count: int) -> tuple[PushNotification, ...]:
        return tuple(push for push in self._pushes.values() if _is_small(push))[:count]


def _is_small(push: PushNotification) -> bool:
    return len(push.envelope) <= ENVELOPE_SMALL_BYTES
