"""Puts together what a node does with files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from zentalk.config.settings import ApiSettings
from zentalk.media.preview import preview_of
from zentalk.net.runtime import Runtime
from zentalk.node.files.care.parts import FileSurroundings, build_care
from zentalk.node.files.deletes import Deletes
from zentalk.node.files.download.cache import FileCache
from zentalk.node.files.download.opening import FileOpener
from zentalk.node.files.download.sources import FileSource
from zentalk.node.files.holders.calls import HolderCalls
from zentalk.node.files.holders.links import DIRECT_LINKS, TUNNELS, HolderLinks
from zentalk.node.files.holders.relays import StorageRelays
from zentalk.node.files.library import FileLibrary
from zentalk.node.files.looks import FileCleaner, no_preview
from zentalk.node.files.moves import Moves
from zentalk.node.files.transfers import Transfers
from zentalk.node.files.upload.sending import FileSender
from zentalk.node.files.upload.uploads import Uploads
from zentalk.node.network import NodeNetwork
from zentalk.store.file_folder import FileFolder
from zentalk.store.history import files
from zentalk.store.history.database import HistoryDatabase

FOLDER_NAME: Final = "files"

Task = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class FileParts:
    """What the rest of the node sees of files; `tasks` must be running."""

    library: FileLibrary
    tasks: tuple[Task, ...]


def build_files(
    settings: ApiSettings,
    runtime: Runtime,
    databases: tuple[HistoryDatabase, HistoryDatabase],
    network: NodeNetwork,
) -> FileParts:
    """Put together what a node over `settings.directory` does with files.

    `databases` are the node's own, and the history that its owner is shown. What a crash left in
    the folder goes. Raises StorageError.
    """
    own = runtime.for_part("files")
    database, history = databases
    folder = FileFolder(settings.directory / FOLDER_NAME)
    folder.remove_left(database.read_now(files.elsewhere))  # Before anything is written there.
    relays = StorageRelays(network.descriptors)
    if settings.files_direct:
        links = HolderLinks(network.dialled.open, DIRECT_LINKS)
    else:
        links = HolderLinks(network.tunnels.short, TUNNELS)
    calls = HolderCalls(own, links)
    moves = Moves()
    opener = FileOpener(database, calls, relays)
    cache = FileCache(own, database, folder, settings.files_cache_bytes)
    source = FileSource(own, opener, cache)
    sender = FileSender(own, database, folder, calls, moves.tell)
    uploads = Uploads(own, database, relays, sender, cache.trim)
    deletes = Deletes(own, database, calls, moves.tell)
    around = FileSurroundings(database, folder, calls, relays, source)
    care = build_care(own, around, (uploads.poked, deletes.poked))
    transfers = Transfers(
        opener,
        source,
        uploads,
        deletes,
        moves,
        care,
    )
    cleaner = FileCleaner(folder, own.run_blocking, preview_of if own.seed is None else no_preview)
    library = FileLibrary(
        own, database, history, cleaner, transfers, is_direct=settings.files_direct
    )
    return FileParts(library, (links.run, transfers.run))
