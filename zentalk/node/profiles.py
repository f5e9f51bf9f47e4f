"""What each privacy profile means in numbers, in one table.

Spec: docs/spec/onion.md section 13. Nothing here runs; a profile never changes which
relays a path may have, only when things are sent and what is sent besides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zentalk.onion.draw import DELAY_MEAN_MS
from zentalk.onion.geometry import DEFAULT_HOPS


@dataclass(frozen=True, slots=True)
class Shape:
    """How often a shaped node sends and polls, whatever there is to send: means in seconds.

    The gaps are exponential and drawn from nothing but chance. One in `loop_every` small
    packets is a loop, whether mail waits or not.
    """

    packet_seconds: float = 2.0
    large_packet_seconds: float = 60.0
    loop_every: int = 4
    poll_seconds: float = 4.0
    large_poll_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class PrivacyProfile:
    """One profile.

    `hop_delay_ms` and `confirmation_seconds` are means of exponential delays;
    `round_trip_seconds` is how long a confirmed message takes before this was measured;
    `probe_seconds` is after how long a packet without any sign counts as lost; `path_hops` is
    what the owner configured; for half to all of `wake_seconds` the wake-up of a device is held
    back. Without `shape` a node sends what it has when it has it, and nothing else.
    """

    hop_delay_ms: int
    confirmation_seconds: float
    round_trip_seconds: float
    probe_seconds: float
    shape: Shape | None = None
    path_hops: int = DEFAULT_HOPS
    wake_seconds: float = 4.0


PROFILES: Final = {
    "fast": PrivacyProfile(DELAY_MEAN_MS["fast"], 0.0, 0.5, 30.0),
    "balanced": PrivacyProfile(DELAY_MEAN_MS["balanced"], 0.5, 1.5, 30.0),
    "strong": PrivacyProfile(
        DELAY_MEAN_MS["strong"], 5.0, 25.0, 180.0, Shape(), wake_seconds=300.0
    ),
}
