"""A person's database, ratchets, inbox and composer without any network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from zentalk.crypto import mlkem, x25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.ids import MailboxId, NodeId, SendId, UserAddress
from zentalk.net.runtime import seeded_entropy
from zentalk.node.messages.commands import Draft, MessageCommands
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.groups.jobs import group_jobs
from zentalk.node.messages.people import ContactCommands
from zentalk.node.messages.receive import Inbox
from zentalk.node.messages.routes import Collected, DepositTarget, contact_targets, raise_version
from zentalk.node.sessions.sessions import Sessions
from zentalk.store.history import contacts, events, mailboxes, prekeys
from zentalk.store.history.models import OwnMailbox, OwnSendId, RequestKey, StoredMessage
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.sqlite import Transaction, open_database, transaction
from zentalk.wire.prekeys import OneTimePrekey, PqPrekey, PrekeyBundle, SignedPrekey
from zentalk.wire.rpc_send_ids import SendIdKind

T = TypeVar("T")
DAY = 20_000
NOW = DAY * 86_400.0
Deposit = tuple[SendId, bytes]


class Person:
    """Everything of one API node that lives inside transactions."""

    def __init__(self, folder: Path, name: str, *, accept_introduced: bool = False) -> None:
        self.entropy = seeded_entropy(name.encode())
        self.identity = SigningKey.generate(self.entropy)
        self.address = UserAddress(self.identity.public)
        self.connection = open_database(folder / f"{name}.db", MIGRATIONS)
        self.sessions = Sessions(self.identity, self.entropy)
        self.composer = Composer(self.sessions, self.entropy, 3600.0)
        self.contacts = ContactCommands(self.composer)
        self.groups = group_jobs(self.identity, self.composer, self.entropy)
        self.messages = MessageCommands(self.composer, self.address, self.groups.speech)
        self.inbox = Inbox(
            self.sessions,
            self.composer,
            self.groups.inbox,
            accept_introduced=accept_introduced,
        )
        self.relay = NodeId(self.entropy(32))
        self.tx(self._furnish)

    def close(self) -> None:
        """Close the database."""
        self.connection.close()

    def tx(self, job: Callable[[Transaction], T]) -> T:
        """Run a job in a committed transaction."""
        with transaction(self.connection) as connection:
            return job(connection)

    def _furnish(self, tx: Transaction) -> None:
        mailbox = MailboxId(self.entropy(32))
        mailboxes.add(tx, OwnMailbox(mailbox, self.relay, 0, self.entropy(32), 1, NOW, None))
        rows = [
            OwnSendId(SendId(self.entropy(16)), mailbox, kind, None, self.entropy(32), day)
            for kind, day in [(SendIdKind.PUBLIC, DAY)] + [(SendIdKind.CONTACT, None)] * 8
        ]
        mailboxes.add_send_ids(tx, rows)
        self.public = rows[0]
        raise_version(tx)
        prekeys.add(tx, "signed", x25519.generate(self.entropy).secret, NOW)
        prekeys.add(tx, "pq", mlkem.generate(self.entropy).seed, NOW)

    def bundle(self) -> PrekeyBundle:
        """Publish a bundle with a fresh one-time key."""

        def job(tx: Transaction) -> PrekeyBundle:
            signed, last = prekeys.serving(tx, "signed", NOW), prekeys.serving(tx, "pq", NOW)
            assert signed is not None
            assert last is not None
            curve, kem = x25519.generate(self.entropy), mlkem.generate(self.entropy)
            number = prekeys.add(tx, "once", bytes(curve.secret) + bytes(kem.seed), NOW)
            return PrekeyBundle(
                identity=self.identity.public,
                signed_prekey=SignedPrekey.create(
                    self.identity, signed[0], x25519.from_secret(signed[1]).public
                ),
                pq_prekey=PqPrekey.create(self.identity, last[0], mlkem.public_of(last[1])),
                one_time=OneTimePrekey.create(self.identity, number, curve.public, kem.public),
            )

        return self.tx(job)

    def meet(self, other: Person) -> None:
        """Add a contact and make a ratchet from its bundle."""
        bundle = other.bundle()
        self.tx(lambda tx: self.contacts.add(tx, other.address, "", NOW))
        self.tx(lambda tx: self.sessions.start(tx, other.address, bundle, NOW))

    def write(
        self, other: Person, text: str, key: str | None = None, device: str = "owner"
    ) -> tuple[StoredMessage, list[bytes]]:
        """Write a text; return the message and the inners to deliver."""
        request = None if key is None else RequestKey(key, device)
        message, effects = self.tx(
            lambda tx: self.messages.write(other.address, Draft(text), request, NOW, tx)
        )
        inners = [entry.item.envelope for entry in effects.send if entry.item.envelope]
        return message, inners + [inner for entry in effects.send for inner in entry.extra]

    def seal(self, other: Person, inner: bytes) -> Deposit:
        """Seal an inner for the mailbox of `other` that this person knows."""
        row = self.tx(lambda tx: contacts.get(tx, other.address))
        assert row is not None
        known = contact_targets(row)
        public = DepositTarget(
            other.relay,
            other.public.send_id,
            x25519.from_secret(other.public.secret).public,
            public=True,
        )
        target = known[0] if known else public
        return target.send_id, target.seal(inner, self.entropy)

    def receive(self, *deposits: Deposit, now: float = NOW) -> CommitEffects:
        """Process a batch of deposits."""
        return self.tx(
            lambda tx: self.inbox.process(tx, [Collected(*one) for one in deposits], now)
        )

    def answers(self, effects: CommitEffects, other: Person) -> list[Deposit]:
        """Seal what is to be sent without being stored."""
        return [self.seal(other, one.inner) for one in effects.best_effort]

    def logged(self) -> int:
        """Return how many events there were."""
        return self.tx(events.last_seq)


Newcomer = Callable[[str], Person]
"""Makes somebody of a name."""
