"""Makes a folder that of the first of a higher term; its node must not run.

A replica needs the recovery phrase for it: the owner's identity lies in the copy, sealed. A folder
that has the identity needs none: it is a copy of another one, or was outdone and is wanted again.
What cannot be copied (ratchets, mailboxes, prekeys) is made anew by the node when it starts. The
identity is written last, so that a crash before leaves a replica, which can be promoted again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.phrase import phrase_secret
from zentalk.errors import AuthenticationError, ConflictError, RemoteProtocolError
from zentalk.linked.terms import next_term
from zentalk.node.linked.replica_links import NO_PHRASE
from zentalk.node.replica.invitation import (
    forget_link,
    is_replica,
    linked_folder,
    load_invitation,
)
from zentalk.node.wiring import DATABASE_NAME
from zentalk.store.history import (
    events,
    feed,
    mailboxes,
    pending,
    resumption,
    settings,
    terms,
)
from zentalk.store.history.pending import PendingWrite
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.key_file import load_identity, write_identity
from zentalk.store.sqlite import Transaction, open_database, transaction
from zentalk.wire.devices import DeviceEntry, decode_devices, encode_devices
from zentalk.wire.recovery import open_identity

WRONG_PHRASE: Final = (
    "this is a recovery phrase, but not the one of this owner, or a later one was made: nothing was"
    " changed"
)
PROMOTED: Final = (
    "this node was promoted: it speaks for your address now. Your contacts are told one after the"
    " other, and see that your conversation is on another node"
)
_DEVICES: Final = "devices"
_PLACES_LEFT_FREE: Final = 1_000
"""Numbers of rows that the other node may have used after its last word: none is used twice."""


class _Link(NamedTuple):
    """What a replica's own database holds for the time after."""

    pending: list[PendingWrite]
    devices: tuple[DeviceEntry, ...]


def needs_phrase(directory: Path) -> bool:
    """Tell whether a folder can be promoted by its owner's recovery phrase only."""
    return is_replica(directory)


def promote(directory: Path, phrase: str, now: float) -> int:
    """Make a folder the first's; return its term. The phrase counts for a replica only.

    Raises DecodeError for a phrase that is none, ConflictError if it is another one's or there is
    none, and StorageError or ConfigError.
    """
    if not is_replica(directory):
        load_identity(directory)  # a folder that is set up for nothing has nothing to promote
        with _database(directory) as tx:
            term = _raise_term(tx, now)
            mailboxes.raise_generations(tx)
        return term
    link = _read_link(directory)
    with _database(directory) as tx:
        identity = _open(settings.get(tx, terms.RECOVERY), phrase)
        if identity.public != load_invitation(directory).address:
            raise ConflictError(WRONG_PHRASE)
        _take_over(tx, identity, link)
        term = _raise_term(tx, now)
    write_identity(directory, identity)
    forget_link(directory)
    return term


def _open(sealed: bytes | None, phrase: str) -> SigningKey:
    secret = phrase_secret(phrase)
    if sealed is None:
        raise ConflictError(NO_PHRASE)
    try:
        return open_identity(sealed, secret)
    except AuthenticationError:
        raise ConflictError(WRONG_PHRASE) from None


def _raise_term(tx: Transaction, now: float) -> int:
    term = next_term(max(terms.own(tx), terms.outdone_by(tx)))
    terms.put_own(tx, term)
    terms.put_outdone(tx, 0)
    events.append(tx, "node.promoted", now, {"note": PROMOTED})
    return term


def _take_over(tx: Transaction, identity: SigningKey, link: _Link) -> None:
    """Make the copy a history that a node goes on with."""
    feed.stop_following(tx)
    feed.leave_room(tx, _PLACES_LEFT_FREE)
    resumption.begin_anew(tx)
    resumption.put_all(tx, resumption.by_activity(tx))
    for write in link.pending:
        pending.add(tx, write)
    if link.devices:
        settings.put(tx, _DEVICES, encode_devices(link.devices, identity))


def _read_link(directory: Path) -> _Link:
    folder = linked_folder(directory)
    own = load_identity(folder).public
    with _database(folder) as tx:
        waiting = [write for write in pending.every(tx) if not write.reason]
        saved = settings.get(tx, _DEVICES)
    try:
        devices = () if saved is None else decode_devices(saved, own)
    except RemoteProtocolError:
        devices = ()  # nobody who was not admitted by this replica is admitted now
    return _Link(waiting, devices)


@contextmanager
def _database(folder: Path) -> Iterator[Transaction]:
    with (
        closing(open_database(folder / DATABASE_NAME, MIGRATIONS)) as connection,
        transaction(connection) as tx,
    ):
        yield tx
