"""The best arrivals under one public send id: what a place there costs follows from it alone.

Spec: docs/spec/mailbox.md section 13. An arrival stays listed whether its envelope still waits or
its owner has it, so nothing here tells whether there is an owner. Nothing fades: the list ends
with its send id. Only arithmetic; what is asked for and what is stored is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from zentalk.ids import DEPOSIT_ID_BYTES, DepositId
from zentalk.wire.deposit import ENVELOPE_SMALL_BYTES

PLACES_LARGE: Final = 16
"""The places that an envelope of class L takes: it is a little longer than sixteen of class S."""
MAX_WORK: Final = 255
_WORK_AT: Final = DEPOSIT_ID_BYTES
_PLACES_AT: Final = _WORK_AT + 1
_ROW_BYTES: Final = _PLACES_AT + 1
"""Lists are packed, because every public send id of every mailbox may have a full one."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One deposit that came in: the bits of work that count for each place, and its places."""

    deposit_id: DepositId = field(repr=False)
    work: int
    places: int = 1


@dataclass(frozen=True, slots=True)
class ListChange:
    """An arrival that was let in, and those that gave way to it."""

    arrival: Arrival
    displaced: tuple[Arrival, ...] = ()


def places_of(envelope_bytes: int, most: int) -> int:
    """Return how many places an envelope takes, never more than there are."""
    return 1 if envelope_bytes <= ENVELOPE_SMALL_BYTES else min(PLACES_LARGE, most)


def extra_bits(places: int) -> int:
    """Return how many bits of work it takes to have so many places: one for each doubling."""
    return places.bit_length() - 1


class ArrivalList:
    """Arrivals in the order in which they came.

    A deposit is listed when it is let in, and its commit may fail later: `_unsaved` are those
    whose commit is under way, listed or displaced again, and `_lost` those among the displaced
    that were never committed.
    """

    __slots__ = ("_lost", "_rows", "_unsaved")

    def __init__(self, arrivals: Iterable[Arrival] = ()) -> None:
        self._rows = b"".join(map(_pack, arrivals))
        self._unsaved: dict[DepositId, ListChange] = {}
        self._lost: frozenset[DepositId] = frozenset()

    def __contains__(self, deposit_id: DepositId) -> bool:
        return self._find(deposit_id) >= 0

    def __len__(self) -> int:
        return len(self._rows) // _ROW_BYTES

    @property
    def places(self) -> int:
        """The places that are taken: one by an envelope of class S, sixteen by one of class L."""
        return sum(self._rows[_PLACES_AT::_ROW_BYTES])

    def is_kept(self, deposit_id: DepositId) -> bool:
        """Tell whether a deposit is listed, and committed: only then it is acknowledged."""
        return deposit_id in self and deposit_id not in self._unsaved

    def is_undecided(self, deposit_id: DepositId) -> bool:
        """Tell whether a deposit that is not listed may still turn out to be committed or listed.

        It must not be let in again before that, or what is undone could be the wrong one.
        """
        changes = self._unsaved.values()
        displaced = (gone.deposit_id for change in changes for gone in change.displaced)
        return deposit_id in self._unsaved or deposit_id in self._lost or deposit_id in displaced

    def giving_way(self, places: int) -> tuple[Arrival, ...]:
        """Return what goes first so that so many places are free: least work, newest first."""
        works = self._rows[_WORK_AT::_ROW_BYTES]
        chosen: list[Arrival] = []
        for at in sorted(range(len(works)), key=lambda row: (works[row], -row)):
            if places <= 0:
                break
            chosen.append(self._row(at))
            places -= chosen[-1].places
        return tuple(chosen)

    def admit(self, arrival: Arrival, quota: int) -> ListChange:
        """Let a deposit in before it is committed; whatever gives way is no longer listed."""
        displaced = self.giving_way(self.places + arrival.places - quota)
        self._remove(displaced)
        self._rows += _pack(arrival)
        change = self._unsaved[arrival.deposit_id] = ListChange(arrival, displaced)
        return change

    def settle(self, deposit_id: DepositId) -> None:
        """Note that a deposit which was let in is committed."""
        self._unsaved.pop(deposit_id, None)
        if not self._unsaved:
            self._lost = frozenset()

    def undo(self, change: ListChange, quota: int) -> tuple[Arrival, ...]:
        """Take back what could not be committed; return what lost its place in the meantime.

        What it had displaced is listed again, as far as nobody else has taken the place.
        """
        if change.arrival.deposit_id not in self:
            self._lost |= {change.arrival.deposit_id}
        self._remove((change.arrival,))
        back = (gone for gone in change.displaced if gone.deposit_id not in self._lost)
        self._rows = b"".join(map(_pack, back)) + self._rows
        self.settle(change.arrival.deposit_id)
        crowded_out = self.giving_way(self.places - quota)
        self._remove(crowded_out)
        return crowded_out

    def _remove(self, arrivals: Iterable[Arrival]) -> None:
        for arrival in arrivals:
            at = self._find(arrival.deposit_id)
            if at >= 0:
                self._rows = self._rows[:at] + self._rows[at + _ROW_BYTES :]

    def _find(self, deposit_id: DepositId) -> int:
        at = self._rows.find(deposit_id)
        while at > 0 and at % _ROW_BYTES:
            at = self._rows.find(deposit_id, at + 1)
        return at

    def _row(self, number: int) -> Arrival:
        row = self._rows[number * _ROW_BYTES : (number + 1) * _ROW_BYTES]
        return Arrival(DepositId(row[:DEPOSIT_ID_BYTES]), row[_WORK_AT], row[_PLACES_AT])


def _pack(arrival: Arrival) -> bytes:
    return arrival.deposit_id + bytes((arrival.work, arrival.places))
