"""Our probes that wait for an answer: an answer counts once, from where its probe went."""

from __future__ import annotations

from typing import Final, NamedTuple

from zentalk.wire.direct import ProbeKind
from zentalk.wire.ip_address import Place

MOST: Final = 256
"""Probes that are remembered: all of some seconds of a search."""


class AskedProbe(NamedTuple):
    """A probe that went out."""

    kind: ProbeKind
    place: Place


class AskedProbes:
    """The last ones that went out, by their transactions."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[bytes, AskedProbe] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._waiting)

    def add(self, transaction: bytes, kind: ProbeKind, place: Place) -> None:
        """Remember one; the oldest is forgotten where there are too many."""
        self._waiting[transaction] = AskedProbe(kind, place)
        if len(self._waiting) > MOST:
            del self._waiting[next(iter(self._waiting))]

    def take(self, transaction: bytes, source: Place) -> AskedProbe | None:
        """Return what an answer from `source` is to, once; None if it is to nothing."""
        asked = self._waiting.get(transaction)
        if asked is None or asked.place != source:
            return None
        return self._waiting.pop(transaction)
