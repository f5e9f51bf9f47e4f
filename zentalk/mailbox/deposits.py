"""Takes deposits in: whose they are, whether they are repeats, and where they go.

Spec: docs/spec/mailbox.md section 5. One deposit for an unknown send id costs one
lookup and nothing else: no disk, no answer, no ack. One with too little work costs one
hash more.
"""

from __future__ import annotations

from zentalk.mailbox.acks import AckSchedule
from zentalk.mailbox.commands import PushToken
from zentalk.mailbox.delivery import Delivery
from zentalk.mailbox.events import DepositArrived, TokenArrived
from zentalk.mailbox.part import Context, CorePart
from zentalk.mailbox.postage import Postage
from zentalk.mailbox.state import Held, Letter, Mail, MailboxState, SendIdRecord
from zentalk.mailbox.writing import Writing
from zentalk.wire.deposit import Deposit
from zentalk.wire.rpc_send_ids import SendIdKind


class Deposits(CorePart):
    """The way in, for envelopes and for ack tokens."""

    __slots__ = (
        "_acks",
        "_delivery",
        "_postage",
        "_writing",
    )

    def __init__(
        self,
        context: Context,
        postage: Postage,
        writing: Writing,
        delivery: Delivery,
        acks: AckSchedule,
    ) -> None:
        super().__init__(context)
        self._postage = postage
        self._writing = writing
        self._delivery = delivery
        self._acks = acks

    def arrived(self, event: DepositArrived, now: float) -> None:
        """Push, write or drop an envelope, and draw the time of its ack."""
        deposit = event.deposit
        counters = self._registry.counters
        send = self._registry.send_ids.get(deposit.send_id)
        if send is None or not send.accepts_deposits(self._clock.day(now)):
            counters["refused_unknown"] += 1
            return
        if self._writing.held_bytes + len(deposit.envelope) > self._settings.max_held_bytes:
            counters["refused_busy"] += 1
            return
        work = self._postage.accept(send, deposit, now)
        if work is None:
            return
        send.used_day = self._clock.aged_day(now)
        mailbox = send.mailbox
        mail = mailbox.live.get(deposit.send_id + deposit.deposit_id)
        if mail is None:
            mail = self._admit(mailbox, send, deposit, work, now)
        else:
            mail.work = max(mail.work, work)
            self._replace(mail, deposit, now)
        if (
            deposit.ack is not None
            and self._settings.sends_acks
            and not self._acks.add(deposit.ack, mail, now)
        ):
            counters["acks_dropped"] += 1

    def _admit(
        self, mailbox: MailboxState, send: SendIdRecord, deposit: Deposit, work: int, now: float
    ) -> Mail:
        """Give new mail its place in the order, then push it or write it."""
        seq = mailbox.take_seq()
        ttl_seconds = min(deposit.ttl_seconds, self._settings.ttl_seconds)
        letter = Letter(
            send_id=deposit.send_id,
            deposit_id=deposit.deposit_id,
            arrived_hour=self._clock.hour(now),
            expires_hour=self._clock.hour_after(now, ttl_seconds),
        )
        mail = Mail(mailbox, send, letter, seq, deposit.envelope, Held.WRITING, work=work)
        mailbox.live[mail.key] = mail
        if not self._delivery.push_first(mail, now):
            mailbox.unpushed_seq = seq
            self._writing.write(mail, now)
            self._delivery.pump(mailbox, now)
        return mail

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
        """Push an ack token to its owner, or keep it in memory until one collects."""
        send = self._registry.send_ids.get(event.send_id)
        if send is None or not send.active or send.entry.kind is not SendIdKind.ACK:
            self._registry.counters["refused_unknown"] += 1
            return
        self._registry.counters["tokens"] += 1
        send.used_day = self._clock.aged_day(now)
        mailbox = send.mailbox
        if mailbox.session is not None:
            collector = mailbox.session.collector
            self._effects.emit(PushToken(collector, event.send_id, event.token))
        else:
            self._keep_token(mailbox, event)

    def _keep_token(self, mailbox: MailboxState, event: TokenArrived) -> None:
        registry = self._registry
        if len(mailbox.tokens) >= self._settings.max_tokens:
            mailbox.tokens.popleft()
            registry.tokens -= 1
        if registry.tokens < self._settings.max_total_tokens:
            mailbox.tokens.append((event.send_id, event.token))
            registry.tokens += 1
