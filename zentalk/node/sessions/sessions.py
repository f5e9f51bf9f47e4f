"""The ratchets of our contacts inside one database transaction.

Everything here is plain synchronous code that runs in a write job: load, step, store.
An await between loading and storing a ratchet would let one key serve twice. A failed
decryption changes no row.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from zentalk.crypto import mlkem, x25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.types import Entropy, Secret
from zentalk.errors import AuthenticationError, RemoteProtocolError
from zentalk.ids import DAY_SECONDS, UserAddress
from zentalk.session import pqxdh
from zentalk.session.ratchet import ENVELOPE_OVERHEAD_BYTES, Ratchet
from zentalk.session.renewal import RatchetSummary, RatchetVerdict, SessionSet
from zentalk.store.history import group_prekeys, prekeys, ratchets, verification
from zentalk.store.history.models import RatchetRow
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import decode_content
from zentalk.wire.prekeys import PrekeyBundle
from zentalk.wire.ratchet import (
    INNER_KIND_BYTES,
    INNER_LARGE_BYTES,
    INNER_SMALL_BYTES,
    InitialHeader,
    Inner,
    decode_inner,
    encode_inner,
)

RATCHET_ID_BYTES: Final = 16
FIRST_MESSAGE_MEMORY_SECONDS: Final = 365 * DAY_SECONDS
"""How long a first message's ephemeral key is refused a second time."""
_CACHE_SIZE: Final = 1024


class Encrypted(NamedTuple):
    """An inner ready to be sealed; `pq_overdue` asks for one more, empty message."""

    inner: bytes
    ratchet_id: bytes
    pq_overdue: bool


class SessionChange(NamedTuple):
    """A ratchet has become usable: the other side has proved to hold its keys.

    `is_own` says who initiated it, `is_renewal` that there was one that worked before, and
    `moves` that what was encrypted in another one is better encrypted again.
    """

    is_own: bool
    is_renewal: bool
    moves: bool
    created_at: float


class Decrypted(NamedTuple):
    """Whose content it is, the content's bytes, and what its ratchet is now.

    `is_current` says that it came in the ratchet that we send with.
    """

    contact: UserAddress
    content: bytes
    is_current: bool
    change: SessionChange | None = None

    def __repr__(self) -> str:
        return "<decrypted content>"


class OutdatedError(AuthenticationError):
    """A contact's own first message, of a generation that is over: it may have lost others."""

    def __init__(self, contact: UserAddress) -> None:
        super().__init__("a first message has a generation that is over")
        self.contact = contact


class LowerTermError(AuthenticationError):
    """A first message of a node that the contact has replaced by another one."""


class Sender:
    """A ratchet with one contact, for writing in one transaction."""

    def __init__(self, tx: Transaction, sessions: Sessions, row: RatchetRow, ratchet: Ratchet):
        self._tx = tx
        self._sessions = sessions
        self._row = row
        self._ratchet = ratchet
        self._header = row.initial_header or b""
        self._small_bytes = INNER_SMALL_BYTES - INNER_KIND_BYTES - len(self._header)

    @property
    def ratchet_id(self) -> bytes:
        """Which ratchet this is."""
        return self._row.ratchet_id

    @property
    def initial_header(self) -> bytes | None:
        """What goes along until the contact has answered, None once it has."""
        return self._row.initial_header

    @property
    def unanswered(self) -> int:
        """The envelopes that the contact has not proved to have read since its last step.

        What that allows stands in `running_ahead.py`.
        """
        return self._ratchet.unanswered

    @property
    def finished(self) -> int:
        """The envelopes of the step before: the contact has read one of them, at least."""
        return self._ratchet.finished

    def small_capacity(self) -> int:
        """Return how many content bytes a message of the small class may have."""
        return self._small_bytes - ENVELOPE_OVERHEAD_BYTES

    def encrypt(self, content: bytes) -> Encrypted:
        """Advance the ratchet, store it and return the ciphertext, in the class that it needs.

        Raises LocalProtocolError if the content fits neither class.
        """
        size = self._small_bytes
        if len(content) > size - ENVELOPE_OVERHEAD_BYTES:
            size += INNER_LARGE_BYTES - INNER_SMALL_BYTES
        self._ratchet, envelope = self._ratchet.encrypt(content, self._sessions.entropy, size)
        self._sessions.store(self._tx, self._row.ratchet_id, self._ratchet)
        inner = encode_inner(Inner(self._header, envelope))
        return Encrypted(inner, self._row.ratchet_id, self._ratchet.pq_overdue)


class Sessions:
    """Encrypts for and decrypts from contacts, with the newest usable ratchet."""

    def __init__(self, identity: SigningKey, entropy: Entropy) -> None:
        self._identity = identity
        self.entropy = entropy
        self._parsed: dict[bytes, tuple[bytes, Ratchet]] = {}

    def sender(
        self, tx: Transaction, contact: UserAddress, ratchet_id: bytes | None = None
    ) -> Sender | None:
        """Return what encrypts for a contact; None without a ratchet.

        `ratchet_id` names another one than the ratchet that is to be used in general.
        """
        rows = {row.ratchet_id: row for row in ratchets.of_contact(tx, contact)}
        if ratchet_id is None and len(rows) == 1:
            [ratchet_id] = rows  # as nearly always: there is nothing to choose
        elif ratchet_id is None:
            ratchet_id = _sending_id(self._load_set(list(rows.values()), contact))
        if ratchet_id is None or ratchet_id not in rows:
            return None
        row = rows[ratchet_id]
        return Sender(tx, self, row, self._parse(row))

    def start(
        self, tx: Transaction, contact: UserAddress, bundle: PrekeyBundle, now: float
    ) -> bytes:
        """Initiate a new ratchet with a contact; return its id.

        Raises AuthenticationError if the bundle does not verify.
        """
        before = self._load_set(ratchets.of_contact(tx, contact), contact)
        generation, term = before.next_generation(now), verification.term(tx, contact)
        made = pqxdh.initiate(self._identity, bundle, self.entropy, generation=generation)
        ratchet = Ratchet.initiate(made.root, made.peer_ratchet_public, made.associated_data)
        ratchet_id = made.header.replay_key()[:RATCHET_ID_BYTES]
        ratchets.insert(
            tx,
            RatchetRow(
                ratchet_id=ratchet_id,
                contact=contact,
                generation=generation,
                initiator=self._identity.public,
                confirmed=False,
                initial_header=made.header.to_bytes(),
                state=ratchet.to_bytes(),
                created_at=now,
                retired_at=None,
                term=term,
            ),
        )
        _store_changes(tx, before, before.initiated(ratchet_id, generation, now, term))
        return ratchet_id

    def decrypt(
        self, tx: Transaction, contact: UserAddress | None, data: bytes, now: float
    ) -> Decrypted:
        """Decrypt an inner that came to a contact's send id, or to a public one (None).

        Raises RemoteProtocolError (DecodeError, AuthenticationError) if no ratchet reads
        it or a first message is refused; nothing is changed then.
        """
        inner = decode_inner(data)
        if inner.initial_header:
            return self._decrypt_first(tx, contact, inner, now)
        if contact is None:
            raise AuthenticationError("a message to a public send id has no initial header")
        rows = {row.ratchet_id: row for row in ratchets.of_contact(tx, contact)}
        known = self._load_set(list(rows.values()), contact)
        for session in known.receiving():
            try:
                ratchet, content = self._parse(rows[session.ratchet_id]).decrypt(
                    inner.ratchet_envelope
                )
            except RemoteProtocolError:
                continue
            self.store(tx, session.ratchet_id, ratchet)
            after = known.confirmed(session.ratchet_id, now)
            _store_changes(tx, known, after)
            change = None
            if not session.confirmed:
                created_at = rows[session.ratchet_id].created_at
                change = _change(known, after, is_own=True, created_at=created_at)
            return Decrypted(contact, content, _sending_id(after) == session.ratchet_id, change)
        raise AuthenticationError("no ratchet of this contact reads this message")

    def _decrypt_first(
        self, tx: Transaction, contact: UserAddress | None, inner: Inner, now: float
    ) -> Decrypted:
        header = InitialHeader.from_bytes(inner.initial_header)
        peer = UserAddress(header.identity)
        if contact not in (None, peer):
            raise AuthenticationError("a first message came to another contact's send id")
        ratchet_id = header.replay_key()[:RATCHET_ID_BYTES]
        row = ratchets.get(tx, ratchet_id)
        if row is not None:
            if row.contact != peer:
                # Our own header, shown back by the contact who got it: it is no word of ours.
                raise AuthenticationError("a first message is not of the one it names")
            ratchet, content = self._parse(row).decrypt(inner.ratchet_envelope)
            self.store(tx, ratchet_id, ratchet)
            known = self._load_set(ratchets.of_contact(tx, peer), peer)
            return Decrypted(peer, content, _sending_id(known) == ratchet_id)
        if ratchets.seen(tx, header.replay_key()) is not None:
            raise AuthenticationError("a first message was shown a second time")
        return self._accept_new(tx, peer, header, inner.ratchet_envelope, now)

    def _accept_new(
        self,
        tx: Transaction,
        peer: UserAddress,
        header: InitialHeader,
        envelope: bytes,
        now: float,
    ) -> Decrypted:
        """Authenticate first: prekeys and rows are touched only after it has decrypted."""
        keys = _responder_keys(tx, header)
        made = pqxdh.respond(self._identity, header, keys)
        fresh = Ratchet.respond(made.root, keys.signed_prekey, made.associated_data)
        ratchet, content = fresh.decrypt(envelope)
        term = decode_content(content).term
        if term < verification.term(tx, peer):
            raise LowerTermError("a first message comes from a node that was replaced")
        before = self._load_set(ratchets.of_contact(tx, peer), peer)
        ratchet_id = header.replay_key()[:RATCHET_ID_BYTES]
        after, verdict = before.offered(ratchet_id, header.generation, now, term)
        if verdict is RatchetVerdict.REFUSED:
            raise OutdatedError(peer)
        ratchets.insert(
            tx,
            RatchetRow(
                ratchet_id=ratchet_id,
                contact=peer,
                generation=header.generation,
                initiator=peer,
                confirmed=True,
                initial_header=None,
                state=ratchet.to_bytes(),
                created_at=now,
                retired_at=None,
                term=term,
            ),
        )
        _store_changes(tx, before, after)
        ratchets.remember(tx, header.replay_key(), peer, None, now + FIRST_MESSAGE_MEMORY_SECONDS)
        if header.one_time_id is not None:
            prekeys.use_up(tx, header.one_time_id)
        change = _change(before, after, is_own=False, created_at=now)
        return Decrypted(peer, content, verdict is RatchetVerdict.SENDS, change)

    def _load_set(self, rows: list[RatchetRow], contact: UserAddress) -> SessionSet:
        sessions = tuple(
            RatchetSummary(
                row.generation,
                row.initiator,
                row.ratchet_id,
                row.confirmed,
                row.retired_at,
                row.term,
            )
            for row in rows
        )
        return SessionSet(self._identity.public, contact, sessions)

    def _parse(self, row: RatchetRow) -> Ratchet:
        """Decode a state, or reuse the object if it still stands for these very bytes."""
        cached = self._parsed.get(row.ratchet_id)
        if cached is not None and cached[0] == row.state:
            return cached[1]
        return Ratchet.from_bytes(row.state)

    def store(self, tx: Transaction, ratchet_id: bytes, ratchet: Ratchet) -> None:
        """Write a ratchet's new state, and keep the object for the next time."""
        state = ratchet.to_bytes()
        ratchets.set_state(tx, ratchet_id, state)
        if len(self._parsed) >= _CACHE_SIZE:
            self._parsed.clear()
        self._parsed[ratchet_id] = (state, ratchet)


def _sending_id(sessions: SessionSet) -> bytes | None:
    sending = sessions.sending()
    return None if sending is None else sending.ratchet_id


def _change(
    before: SessionSet, after: SessionSet, *, is_own: bool, created_at: float
) -> SessionChange:
    earlier, sending = _sending_id(before), _sending_id(after)
    return SessionChange(
        is_own=is_own,
        is_renewal=any(session.confirmed for session in before.sessions),
        moves=earlier is not None and earlier != sending,
        created_at=created_at,
    )


def _responder_keys(tx: Transaction, header: InitialHeader) -> pqxdh.ResponderKeys:
    signed = _medium_term(tx, "signed", header.signed_prekey_id)
    last_resort = _medium_term(tx, "pq", header.pq_prekey_id)
    if signed is None or last_resort is None:
        raise AuthenticationError(
            "a first message names prekeys whose time is over: its sender used an old user record"
        )
    one_time = None
    if header.one_time_id is not None:
        secret = prekeys.get(tx, "once", header.one_time_id)
        if secret is None:
            raise AuthenticationError("a first message names a one-time prekey that is used up")
        one_time = one_time_secrets(secret)
    return pqxdh.ResponderKeys(
        signed_prekey=x25519.from_secret(signed),
        pq_prekey=mlkem.KemKeyPair(Secret(last_resort), mlkem.public_of(last_resort)),
        one_time=one_time,
    )


def _medium_term(tx: Transaction, kind: str, number: int) -> bytes | None:
    """Return a key of a user record or, by its id, of a card for a group."""
    if number >= group_prekeys.FIRST_ID:
        return group_prekeys.get(tx, kind, number)
    return prekeys.get(tx, kind, number)


def one_time_secrets(secret: bytes) -> pqxdh.OneTimeSecrets:
    """Read the stored form of a one-time prekey: X25519 secret 32 || ML-KEM seed 64."""
    curve, seed = secret[: x25519.KEY_BYTES], secret[x25519.KEY_BYTES :]
    kem = mlkem.KemKeyPair(Secret(seed), mlkem.public_of(seed))
    return pqxdh.OneTimeSecrets(x25519.from_secret(curve), kem)


def _store_changes(tx: Transaction, before: SessionSet, after: SessionSet) -> None:
    """Write what a step changed in the bookkeeping of a contact's ratchets."""
    old = {session.ratchet_id: session for session in before.sessions}
    for session in after.sessions:
        known = old.pop(session.ratchet_id, None)
        if session != (known or replace(session, superseded_at=None)):
            ratchets.set_bookkeeping(
                tx, session.ratchet_id, session.confirmed, session.superseded_at
            )
    for dropped in old:
        ratchets.forget(tx, dropped)
