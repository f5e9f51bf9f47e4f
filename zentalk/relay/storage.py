"""A relay's databases: where they lie, and what the settings mean for them.

Queue and directory are separate files, so that deleting the one never costs the other. Shards have
a folder of their own, perhaps on another disk; what is wrong there keeps no relay from starting.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from zentalk.config import RelaySettings
from zentalk.errors import RemoteProtocolError, StorageError
from zentalk.ids import NodeId
from zentalk.logs import quiet_logger
from zentalk.mailbox.settings import MailboxProfile, MailboxSettings
from zentalk.mailbox.storage import MailboxStore
from zentalk.relay.machine import free_bytes
from zentalk.store.blocking import RunBlocking
from zentalk.store.directory_store import FILE_NAME as DIRECTORY_FILE
from zentalk.store.directory_store import MIGRATIONS as DIRECTORY_TABLES
from zentalk.store.directory_store import DirectoryStore
from zentalk.store.mailbox.count import count_envelopes
from zentalk.store.mailbox.earlier_files import QUEUE_FILE, earlier_files, take_over
from zentalk.store.mailbox.memory import MemoryMailboxStore
from zentalk.store.mailbox.schema import MIGRATIONS as QUEUE_TABLES
from zentalk.store.mailbox.sqlite import SqliteMailboxStore
from zentalk.store.shards.schema import MIGRATIONS as SHARD_TABLES
from zentalk.store.shards.sentinel import ShardFolder
from zentalk.store.shards.shelf import ShardShelf
from zentalk.store.shards.store import INDEX_FILE as SHARD_INDEX
from zentalk.store.sqlite import check_database
from zentalk.wire.descriptor import decode_descriptor
from zentalk.wire.text import RelayUri

_KNOWN: Final = 4
_MIB: Final = 2**20
_LOG: Final = quiet_logger("zentalk.relay")


@dataclass(frozen=True, slots=True)
class Stores:
    """The open databases of one relay."""

    directory: DirectoryStore
    mailboxes: MailboxStore
    shards: ShardShelf

    def close(self) -> None:
        """Close all."""
        self.directory.close()
        self.mailboxes.close()
        self.shards.close()


def open_stores(settings: RelaySettings, relay: NodeId, run_blocking: RunBlocking) -> Stores:
    """Open or make the databases; raises StorageError naming the file that is bad."""
    directory = DirectoryStore(settings.directory)
    try:
        mailboxes = _open_mailboxes(settings)
    except BaseException:
        directory.close()
        raise
    shelf = ShardShelf(shard_folder(settings, relay), run_blocking)
    shelf.open_if_used()
    return Stores(directory, mailboxes, shelf)


def shard_folder(settings: RelaySettings, relay: NodeId) -> ShardFolder:
    """Return where a relay's shards are."""
    return ShardFolder(settings.storage_folder, settings.directory, relay)


def check_databases(settings: RelaySettings) -> None:
    """Look at the databases without changing any; raises StorageError naming the bad one."""
    folder = settings.directory
    tables = {folder / DIRECTORY_FILE: DIRECTORY_TABLES, folder / QUEUE_FILE: QUEUE_TABLES}
    tables |= dict.fromkeys(earlier_files(folder), QUEUE_TABLES)
    for path, migrations in tables.items():
        if path.exists():
            check_database(path, migrations)


def storage_warnings(settings: RelaySettings, relay: NodeId) -> list[str]:
    """Return what keeps a relay from storing shards, a sentence each; nothing is changed."""
    place = shard_folder(settings, relay)
    index = place.folder / SHARD_INDEX
    found = []
    try:
        place.check(has_index=index.exists())
        if index.exists():
            check_database(index, SHARD_TABLES)
    except StorageError as error:
        found.append(str(error))
    if settings.storage_bytes and not place.is_in_use:
        free = free_bytes(place.folder)
        if free is not None and free < settings.storage_bytes:
            found.append(
                f"`storage_bytes` is {settings.storage_bytes // _MIB} MiB, and the disk of"
                f" {place.folder} has {free // _MIB} MiB free: set it lower, or make room"
            )
    return found


def known_relays(stores: Stores) -> list[RelayUri]:
    """Return where some relays were when this one last ran, newest boots of them unknown."""
    found: list[tuple[RelayUri, ...]] = []
    for raw in stores.directory.descriptors():
        try:
            found.append(decode_descriptor(raw).uris())
        except RemoteProtocolError:
            continue  # the file was edited; the network will tell again
        if len(found) == _KNOWN:
            break
    return list(chain.from_iterable(found))


def mailbox_settings(settings: RelaySettings) -> MailboxSettings:
    """Return the mailbox limits; raises ConfigError if the settings allow none."""
    return MailboxSettings(
        profile=MailboxProfile(settings.mailbox_profile),
        ttl_seconds=settings.queue_ttl_seconds,
        sweep_seconds=settings.sweep_seconds,
    )


def _open_mailboxes(settings: RelaySettings) -> MailboxStore:
    folder = settings.directory
    taken = take_over(folder)
    if taken:
        _LOG.info("queue_files_taken_over", count=taken)
    path = folder / QUEUE_FILE
    if settings.mailbox_profile == "memory":
        if not _mail_waits(path):
            return MemoryMailboxStore()
        # What was acknowledged must still be collectable after the profile was changed.
        _LOG.warning("mail_of_profile_durable_waits", profile="durable")
    return SqliteMailboxStore(path)


def _mail_waits(path: Path) -> bool:
    return path.exists() and count_envelopes(path) > 0
