"""One owner who polls over HTTP, as the mailbox of the relay sees a connection.

What was pushed stays here until it is acknowledged, so that an answer that got lost is given
again, as much as a window holds. What the mailbox pushes beyond that takes the place of the oldest:
those have expired there, or are pushed again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import trio

from zentalk.wire.rpc import decode_call
from zentalk.wire.rpc_mailbox import (
    PUSH,
    TOKEN,
    PushNotification,
    TokenNotification,
    decode_push,
    decode_token,
)

WINDOW: Final = 64
"""Envelopes in flight; the rest comes when these are acknowledged."""
ANSWER_BYTES: Final = 48 * 1024
"""Envelopes in one answer, but one at least: whoever takes no answers costs no more than that."""
MAX_KEPT_TOKENS: Final = 256


class HttpSession:
    """Implements `zentalk.relay.mailbox.collectors.CollectorLink`."""

    def __init__(self, generation: int, source: str, now: float) -> None:
        self.generation = generation
        self.source = source
        self.used_at = now
        self.is_open = True
        self._pushes: dict[int, PushNotification] = {}
        self._tokens: deque[TokenNotification] = deque(maxlen=MAX_KEPT_TOKENS)
        self._arrival = trio.Event()
        self._turn = 0

    @property
    def handshake_hash(self) -> bytes:
        """There is none: every request has a proof of its own."""
        return b""

    def notify(self, body: bytes) -> None:
        """Keep what the mailbox pushes."""
        method, fields = decode_call(body)
        if method == PUSH:
            push = decode_push(fields)
            self._pushes[push.seq] = push
            if len(self._pushes) > WINDOW:
                del self._pushes[min(self._pushes)]
        elif method == TOKEN:
            self._tokens.append(decode_token(fields))
        self._wake()

    def close(self) -> None:
        """Another session has taken the mailbox over, or the relay stops."""
        self.is_open = False
        self._wake()

    def _wake(self) -> None:
        self._arrival.set()
        self._arrival = trio.Event()

    def acknowledged(self, seqs: Sequence[int]) -> None:
        """Forget what the owner has saved."""
        for seq in seqs:
            self._pushes.pop(seq, None)

    async def wait(self, seconds: float) -> None:
        """Wait until there is something to give, or another request waits; at most so long."""
        self._wake()
        self._turn += 1
        turn = self._turn
        with trio.move_on_after(seconds):
            while self.is_open and turn == self._turn and not self._pushes and not self._tokens:
                await self._arrival.wait()

    def pending(self) -> list[PushNotification]:
        """Return the first of what is not acknowledged, in the order in which the relay got it."""
        found: list[PushNotification] = []
        size_bytes = 0
        for seq in sorted(self._pushes):
            size_bytes += len(self._pushes[seq].envelope)
            if found and size_bytes > ANSWER_BYTES:
                break
            found.append(self._pushes[seq])
        return found

    def take_tokens(self, *, keep: bool = False) -> list[TokenNotification]:
        """Return ack tokens that were not given yet; with `keep` they still count as not given."""
        tokens = list(self._tokens)
        if not keep:
            self._tokens.clear()
        return tokens
