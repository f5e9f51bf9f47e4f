"""What public send ids ask for under flood: proof of work, more the fuller they are.

Spec: docs/spec/mailbox.md section 13. Decides before anything is pushed or written, at the
price of one hash. Contacts' send ids never ask: their quotas are their own.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from zentalk.ids import Day, MailboxId, NodeId, SendId
from zentalk.mailbox.part import Context, CorePart
from zentalk.mailbox.state import MailboxState, SendIdRecord
from zentalk.mailbox.storage import CONTACT, Room
from zentalk.mailbox.work import challenge, stamped_epoch, worth
from zentalk.mailbox.writing import Writing
from zentalk.wire.deposit import ENVELOPE_SMALL_BYTES, NO_STAMP, Deposit
from zentalk.wire.rpc_send_ids import SendIdEntry, SendIdKind, SendIdState, StateResponse

_SPENT_BYTES: Final = 16
"""Of a challenge: enough that nobody finds two envelopes with the same ones."""
_ACCEPTING: Final = StateResponse(SendIdState.ACCEPTING, 0)
_FULL: Final = StateResponse(SendIdState.FULL, 0)


class Postage(CorePart):
    """The price of a deposit, and the memory of what was paid with."""

    __slots__ = ("_nobody", "_relay", "_spent", "_writing")

    def __init__(self, context: Context, writing: Writing, relay: NodeId) -> None:
        super().__init__(context)
        self._writing = writing
        self._relay = relay
        self._spent: OrderedDict[bytes, int] = OrderedDict()
        entry = SendIdEntry(SendId(bytes(16)), SendIdKind.CONTACT, Day(0), Day(2**32 - 1))
        self._nobody = SendIdRecord(MailboxState(MailboxId(bytes(32))), entry, active=True)

    def asked(self, send: SendIdRecord, now: float) -> int:
        """Return the bits of work that a deposit must show now, 0 for none.

        Half of a public quota is free. From there on the price rises with what waits and
        with what came lately, so that an owner who is online, whose mail never waits, is
        not flooded either.
        """
        settings = self._settings
        if not send.public:
            return 0
        quota, free = settings.public_quota, settings.public_quota // 2
        waiting = send.stored + send.writing
        load = max(float(waiting), self._level(send, now))
        if load < free:
            return 0
        rise = settings.full_work_bits - settings.work_bits
        bits = settings.work_bits + int(rise * (load - free) / (quota - free))
        return max(min(bits, settings.max_work_bits), self._outbidding(send))

    def _outbidding(self, send: SendIdRecord) -> int:
        """Return what it takes to displace something, if that is the only way in."""
        room = self._writing.room(send.mailbox, send, ENVELOPE_SMALL_BYTES)
        if room is Room.EVICT_LESS_WORK:
            return send.lowest_work + 1
        return send.mailbox.lowest_work + 1 if room is Room.EVICT_LESS_PUBLIC_WORK else 0

    def _level(self, send: SendIdRecord, now: float) -> float:
        passed = (now - send.level_at) / self._settings.public_refill_seconds
        return max(0.0, send.level - passed)

    def accept(self, send: SendIdRecord, deposit: Deposit, now: float) -> int | None:
        """Return what a deposit's work counts for, CONTACT under a contact's send id.

        None if it is to be dropped: it shows too little, or work that was used before.
        """
        if not send.public:
            return CONTACT
        asked = self.asked(send, now)
        task, epoch = self._task(deposit, now)
        bits = 0 if task is None else worth(task, deposit.stamp.nonce)
        if bits < self._settings.work_bits:
            bits = 0
        counters = self._registry.counters
        if bits < asked:
            counters["refused_work"] += 1
            return None
        if bits and task is not None and not self._spend(task[:_SPENT_BYTES], epoch, now):
            counters["refused_spent"] += 1
            return None
        send.level, send.level_at = self._level(send, now) + 1, now
        return bits

    def _task(self, deposit: Deposit, now: float) -> tuple[bytes | None, int]:
        epoch = stamped_epoch(deposit.stamp, self._clock.epoch(now))
        if epoch is None or deposit.stamp == NO_STAMP:
            return None, 0
        return challenge(self._relay, deposit, epoch), epoch

    def _spend(self, proof: bytes, epoch: int, now: float) -> bool:
        """Remember a proof; False if it is known. Which nonce proves it does not matter."""
        spent, over = self._spent, self._clock.epoch(now) - 1
        while spent and (
            next(iter(spent.values())) < over or len(spent) >= self._settings.max_spent_work
        ):
            spent.popitem(last=False)
        if proof in spent:
            return False
        spent[proof] = epoch
        return True

    def state(self, send: SendIdRecord | None, now: float) -> StateResponse:
        """Return the response to `mail.state`; one that does not exist is accepting.

        Nothing is left out for an id that is missing or takes no deposits: a stand-in is
        looked at in its place, so that the time of the response tells nothing either.
        """
        day = self._clock.day(now)
        takes = (send or self._nobody).accepts_deposits(day)
        if send is None or not takes:
            send = self._nobody
        room = self._writing.room(send.mailbox, send, ENVELOPE_SMALL_BYTES)
        if room is Room.REPLACE_ONLY:
            return _FULL
        asked = self.asked(send, now)
        return StateResponse(SendIdState.WORK, min(asked, 255)) if asked else _ACCEPTING
