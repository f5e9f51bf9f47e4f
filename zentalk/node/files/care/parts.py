"""Puts together what looks after a node's files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.files.care.checking import FileChecker
from zentalk.node.files.care.contents import ShardMaker
from zentalk.node.files.care.leftovers import Leftovers
from zentalk.node.files.care.newer import VersionSweep
from zentalk.node.files.care.repairing import FileRepairer
from zentalk.node.files.care.rotation import FileRotation
from zentalk.node.files.care.rounds import FileCare
from zentalk.node.files.care.visits import FileVisits
from zentalk.node.files.download.sources import FileSource
from zentalk.node.files.holders.calls import HolderCalls
from zentalk.node.files.holders.relays import StorageRelays
from zentalk.store.file_folder import FileFolder
from zentalk.store.history.database import HistoryDatabase


@dataclass(frozen=True, slots=True)
class FileSurroundings:
    """What care needs of the rest of a node's files."""

    database: HistoryDatabase
    folder: FileFolder
    calls: HolderCalls
    relays: StorageRelays
    source: FileSource


def build_care(runtime: Runtime, around: FileSurroundings, poked: Sequence[Signal]) -> FileCare:
    """Return what looks after files; `poked` are set when there is something to send or delete."""
    own = runtime.for_part("care")
    database, calls = around.database, around.calls
    maker = ShardMaker(own, around.folder, calls)
    repairer = FileRepairer(own, database, maker, calls, around.relays)

    def look_again() -> None:
        for signal in poked:
            signal.set()

    return FileCare(
        own,
        database,
        FileVisits(own, database, FileChecker(own, calls), repairer),
        Leftovers(own, database, calls),
        VersionSweep(own, database, around.folder, around.source, look_again),
        FileRotation(own, database, calls, around.relays),
    )
