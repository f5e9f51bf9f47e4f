"""The two errors of the onion core.

Neither may carry anything of the packet: a refusal is one word, and it is counted at the relay,
never sent back.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from zentalk.errors import RemoteProtocolError, UnavailableError

Reason: TypeAlias = Literal[
    "malformed",  # size, suite, reserved bytes or a length that cannot be
    "epoch",  # not an epoch that a sender may use now
    "key",  # an ephemeral key of low order
    "replay",  # seen before under this mix key
    "undecryptable",  # tampered with, or encrypted to a key that this relay no longer has
    "delay",  # longer than a packet may be held
    "command",  # neither forward nor a service that exists
    "full",  # the replay filter holds no more
]

REASONS: Final[tuple[Reason, ...]] = get_args(Reason)
"""Every word that `PacketRefusedError.reason` can be, for counters."""


class PacketRefusedError(RemoteProtocolError):
    """A packet was dropped, for the reason given as one word (spec: onion, section 6)."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"a packet was refused: {reason}")
        self.reason: Reason = reason


class NoPathError(UnavailableError):
    """The relays known now do not make a path; a path is never shortened instead."""
