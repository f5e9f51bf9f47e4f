"""Prices a place among the best arrivals of a public send id: in proof of work, if anything.

Spec: docs/spec/mailbox.md section 13. Decides before anything is pushed or written, at the
price of one hash. Everything follows from the list of arrivals, never from what waits: no
stranger may learn here whether an owner collects. Contacts' send ids never ask.
"""

from __future__ import annotations

from typing import Final

from zentalk.ids import Day, MailboxId, NodeId, SendId
from zentalk.mailbox.arrivals import (
    MAX_WORK,
    Arrival,
    ListChange,
    extra_bits,
    places_of,
)
from zentalk.mailbox.part import Context, CorePart
from zentalk.mailbox.state import MailboxState, SendIdRecord
from zentalk.mailbox.work import shown
from zentalk.mailbox.writing import Writing
from zentalk.wire.deposit import ENVELOPE_LARGE_BYTES, ENVELOPE_SMALL_BYTES, Deposit
from zentalk.wire.rpc_send_ids import (
    MAX_DIFFICULTY,
    SendIdEntry,
    SendIdKind,
    SendIdState,
    StateResponse,
)

_ACCEPTING: Final = StateResponse(SendIdState.ACCEPTING, 0, 0)
_FULL: Final = StateResponse(SendIdState.FULL, 0, 0)


class Postage(CorePart):
    """The price of a deposit, and who gets a place."""

    __slots__ = ("_nobody", "_relay", "_writing")

    def __init__(self, context: Context, writing: Writing, relay: NodeId) -> None:
        super().__init__(context)
        self._writing = writing
        self._relay = relay
        entry = SendIdEntry(SendId(bytes(16)), SendIdKind.CONTACT, Day(0), Day(2**32 - 1))
        self._nobody = SendIdRecord(MailboxState(MailboxId(bytes(32))), entry)

    def asked(self, send: SendIdRecord, places: int = 1) -> int:
        """Return the bits of work that a deposit of so many places must show, 0 for none.

        Half of the places are free, then the price rises. When all are taken it is one bit more
        than what has to give way, and never less than the last place cost.
        """
        settings = self._settings
        quota, free = settings.public_quota, settings.public_quota // 2
        last = send.arrivals.places + places - 1
        if last < free:
            return 0
        if last < quota:
            steps = settings.last_work_bits - settings.work_bits + 1
            bits = settings.work_bits + steps * (last - free) // (quota - free)
        else:
            displaced = send.arrivals.giving_way(last + 1 - quota)
            most = max((gone.work for gone in displaced), default=0)
            bits = max(settings.last_work_bits, most + 1)
        return bits + extra_bits(places)

    def admit(self, send: SendIdRecord, deposit: Deposit, now: float) -> ListChange | None:
        """List a deposit under a public send id, None if it shows too little work."""
        quota, counters = self._settings.public_quota, self._registry.counters
        places = places_of(len(deposit.envelope), quota)
        bits = self._shown(deposit, now)
        if bits < self.asked(send, places):
            counters["refused_work"] += 1
            return None
        if not self._writing.has_public_room(send.mailbox, len(deposit.envelope)):
            counters["refused_full"] += 1
            return None
        work = bits - extra_bits(places)
        counted = work if work >= self._settings.work_bits else 0
        return send.arrivals.admit(Arrival(deposit.deposit_id, counted, places), quota)

    def _shown(self, deposit: Deposit, now: float) -> int:
        bits = shown(self._relay, deposit, self._clock.epoch(now))
        return min(bits, MAX_WORK) if bits >= self._settings.work_bits else 0

    def state(self, send: SendIdRecord | None, now: float) -> StateResponse:
        """Return the response to `mail.state`; one that does not exist is accepting.

        So is a contact's: whether it is full would tell if its owner is there. Nothing is left
        out for an id that is missing or takes no deposits: a stand-in is looked at in its place,
        so that the time of the response tells nothing either.
        """
        day = self._clock.day(now)
        takes = (send or self._nobody).accepts_deposits(day)
        if send is None or not takes:
            send = self._nobody
        if not send.public:
            return _ACCEPTING
        if not self._writing.has_public_room(send.mailbox, ENVELOPE_SMALL_BYTES):
            return _FULL
        asked = min(self.asked(send), MAX_DIFFICULTY)
        places = places_of(ENVELOPE_LARGE_BYTES, self._settings.public_quota)
        large = min(self.asked(send, places), MAX_DIFFICULTY)
        state = SendIdState.WORK if asked else SendIdState.ACCEPTING
        return StateResponse(state, asked, large)
