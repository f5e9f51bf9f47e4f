"""One owner who polls over HTTP, as the mailbox of the relay sees a connection.

What was pushed stays here until it is acknowledged, so that an answer that got lost is given
again. How much that can be is bounded by the window that the session was opened with.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import trio

from zentalk.wire.rpc import decode_call
from zentalk.wire.rpc_mailbox import PUSH, TOKEN, PushCall, TokenCall, decode_push, decode_token

WINDOW: Final = 64
"""Envelopes in one answer; the rest comes when these are acknowledged."""
MAX_KEPT_TOKENS: Final = 256


class Session:
    """Implements `zentalk.relay.owner_link.OwnerLink`."""

    def __init__(self, generation: int, now: float) -> None:
        self.generation = generation
        self.used_at = now
        self.is_open = True
        self._pushes: dict[int, PushCall] = {}
        self._tokens: deque[TokenCall] = deque(maxlen=MAX_KEPT_TOKENS)
        self._arrival = trio.Event()

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
        """Wait until there is something to give, at most so long."""
        with trio.move_on_after(seconds):
            while self.is_open and not self._pushes and not self._tokens:
                await self._arrival.wait()

    def pending(self) -> list[PushCall]:
        """Return what is not acknowledged, in the order in which the relay got it."""
        return [self._pushes[seq] for seq in sorted(self._pushes)]

    def take_tokens(self) -> list[TokenCall]:
        """Return ack tokens that were not given yet."""
        tokens = list(self._tokens)
        self._tokens.clear()
        return tokens
