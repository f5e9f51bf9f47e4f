"""Takes deposits in: whose they are, whether they are repeats, and where they go.

Spec: docs/spec/mailbox.md section 5. One deposit for an unknown send id costs one
look-up in the store and nothing else: no write, no answer, no ack. One with too little work
costs one hash more. Nothing that strangers can see here may depend on whether an owner is
connected.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from zentalk.crypto.types import Entropy
from zentalk.mailbox.acks import AckSchedule
from zentalk.mailbox.commands import PushToken
from zentalk.mailbox.delivery import Delivery
from zentalk.mailbox.events import DepositArrived, TokenArrived
from zentalk.mailbox.part import Context, CorePart
from zentalk.mailbox.postage import Postage
from zentalk.mailbox.state import Held, Letter, Listed, Mail, SendIdRecord
from zentalk.mailbox.stored import CONTACT, SINK
from zentalk.mailbox.waking import Waking
from zentalk.mailbox.writing import Writing
from zentalk.wire.deposit import Deposit
from zentalk.wire.rpc_send_ids import SendIdKind


class Deposits(CorePart):
    """The way in, for envelopes and for ack tokens; `acks` are those that wait for their time."""

    __slots__ = (
        "_delivery",
        "_postage",
        "_waking",
        "_writing",
        "acks",
    )

    def __init__(
        self,
        context: Context,
        waking: Waking,
        postage: Postage,
        writing: Writing,
        delivery: Delivery,
        entropy: Entropy,
    ) -> None:
        super().__init__(context)
        self._waking = waking
        self._postage = postage
        self._writing = writing
        self._delivery = delivery
        self.acks = AckSchedule(context.settings, entropy)

    def arrived(self, event: DepositArrived, now: float) -> None:
        """Find the mailbox; until then an envelope counts among those that are not committed."""
        deposit = event.deposit
        size_bytes = len(deposit.envelope)
        has_room = self._writing.held_bytes + size_bytes <= self._settings.max_held_bytes
        if not has_room or self._waking.is_crowded:
            self._registry.counters["refused_busy"] += 1
            return
        self._writing.held_bytes += size_bytes
        self._waking.owner(deposit.send_id, partial(self._looked_up, deposit, now), now)

    def _looked_up(self, deposit: Deposit, arrived: float, is_known: bool, now: float) -> None:
        """Push, write or drop an envelope, and draw the time of its ack from its arrival on."""
        self._writing.held_bytes -= len(deposit.envelope)
        counters = self._registry.counters
        if not is_known:
            counters["refused_storage"] += 1
            return
        send = self._registry.send_ids.get(deposit.send_id)
        if send is None or not send.accepts_deposits(self._clock.day(arrived)):
            counters["refused_unknown"] += 1
            return
        if send.entry.kind is SendIdKind.SINK:
            taken: Mail | Listed | None = self._into_sink(send, deposit, now)
        elif send.public:
            taken = self._of_stranger(send, deposit, now)
        else:
            taken = self._of_contact(send, deposit, now)
        if taken is None:
            return
        send.used_day = self._clock.aged_day(now)
        if deposit.ack is not None and self._settings.sends_acks:
            if not self.acks.add(deposit.ack, taken, arrived, now):
                counters["acks_dropped"] += 1
            elif isinstance(taken, Listed):
                send.mailbox.acks_until = now + self._settings.longest_ack_seconds

    def _of_contact(self, send: SendIdRecord, deposit: Deposit, now: float) -> Mail:
        """Push or write new mail, or put a repeat in the place of what is there."""
        mail = send.mailbox.live.get(deposit.send_id + deposit.deposit_id)
        if mail is not None and mail.work == CONTACT:
            self._replace(mail, deposit, now)
            return mail
        mail = self._new(send, deposit, now)
        if not self._delivery.push_first(mail, now):
            self._write(mail, now)
        return mail

    def _of_stranger(self, send: SendIdRecord, deposit: Deposit, now: float) -> Listed | None:
        """Write what gets a place in the list, None if it is to be dropped.

        It is written whether its owner is there or not: so the list survives a restart, and
        the disk, which strangers may feel, has the same to do. A repeat changes nothing.
        """
        if deposit.deposit_id in send.arrivals:
            self._registry.counters["repeats"] += 1
        elif send.arrivals.is_undecided(deposit.deposit_id):
            self._registry.counters["refused_busy"] += 1
            return None
        else:
            change = self._postage.admit(send, deposit, now)
            if change is None:
                return None
            mail = self._new(send, deposit, now)
            mail.work, mail.stamp, mail.change = change.arrival.work, deposit.stamp, change
            self._write(mail, now)
        return Listed(send.arrivals, deposit.deposit_id)

    def _into_sink(self, send: SendIdRecord, deposit: Deposit, now: float) -> Mail:
        """Write that it came, and nothing of it: so its sender sees an owner who is away."""
        mail = send.mailbox.live.get(deposit.send_id + deposit.deposit_id)
        if mail is not None:
            self._registry.counters["repeats"] += 1
            return mail
        mail = self._new(send, replace(deposit, envelope=b""), now)
        mail.work = SINK
        self._writing.write(mail, now)
        return mail

    def _new(self, send: SendIdRecord, deposit: Deposit, now: float) -> Mail:
        """Give new mail its place in the order."""
        mailbox = send.mailbox
        seq = mailbox.take_seq()
        ttl_seconds = min(deposit.ttl_seconds, self._settings.ttl_seconds)
        letter = Letter(
            send_id=deposit.send_id,
            deposit_id=deposit.deposit_id,
            arrived_hour=self._clock.hour(now),
            expires_hour=self._clock.hour_after(now, ttl_seconds),
        )
        mail = Mail(mailbox, send, letter, seq, deposit.envelope, Held.WRITING)
        mailbox.live[mail.key] = mail
        return mail

    def _write(self, mail: Mail, now: float) -> None:
        """Write mail, to be pushed when what came before it is."""
        mail.mailbox.leave_unpushed(mail.seq, public=mail.public)
        self._writing.write(mail, now)
        self._delivery.pump(mail.mailbox, now)

    def _replace(self, mail: Mail, deposit: Deposit, now: float) -> None:
        """A repeat: the copy in memory or in the store becomes this one; nothing is pushed."""
        if mail.held is Held.MEMORY:
            self._registry.counters["repeats"] += 1
            self._writing.held_bytes += len(deposit.envelope) - len(mail.sealed)
            mail.sealed = deposit.envelope
        else:
            mail.sealed = deposit.envelope
            self._writing.write(mail, now)

    def token_arrived(self, event: TokenArrived, now: float) -> None:
        """Find the mailbox of an ack token."""
        if self._waking.is_crowded:
            self._registry.counters["refused_busy"] += 1
        else:
            self._waking.owner(event.send_id, partial(self._token_looked_up, event), now)

    def _token_looked_up(self, event: TokenArrived, _is_known: bool, now: float) -> None:
        """Push an ack token to its owner, or keep it in memory until one collects."""
        send = self._registry.send_ids.get(event.send_id)
        if send is None or send.entry.kind is not SendIdKind.ACK:
            self._registry.counters["refused_unknown"] += 1
            return
        self._registry.counters["tokens"] += 1
        send.used_day = self._clock.aged_day(now)
        mailbox = send.mailbox
        if mailbox.session is not None:
            collector = mailbox.session.collector
            self._effects.emit(PushToken(collector, event.send_id, event.token))
        else:
            settings = self._settings
            self._registry.tokens.keep(
                mailbox.key,
                event.send_id,
                event.token,
                most=settings.max_tokens,
                most_in_all=settings.max_total_tokens,
            )
