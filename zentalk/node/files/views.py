"""Files as their owner is shown them."""

from __future__ import annotations

from typing import Any, NamedTuple

from zentalk.store.history.files import FileState, StoredFile
from zentalk.wire.head import segment_bytes_of


class FileView(NamedTuple):
    """One file; `cid` is empty until all of it is kept, `sent` is in bytes."""

    id: str
    cid: str
    name: str
    media_type: str
    size: int
    state: FileState
    reason: str
    sent: int
    here: bool
    created_at: float

    def __repr__(self) -> str:
        return f"<file, {self.state}>"


class HealthView(NamedTuple):
    """What the holders of a file were found to have, now and when the node looked last."""

    cid: str
    state: FileState
    shards_live: int
    shards_total: int
    survives_node_losses: int
    holders: int
    silent: int
    kept_until: float | None
    checked_at: float | None = None
    """When the node looked after it last, of an own file; what it found then follows."""
    found_missing: int = 0
    found_corrupt: int = 0
    found_silent: int = 0

    def __repr__(self) -> str:
        return "<health of a file>"


class MeshView(NamedTuple):
    """What is known of the relays that keep files."""

    holders: int
    files: int
    bytes: int
    direct: bool


def shown(file: StoredFile) -> FileView:
    """Return a file as its owner is shown it."""
    is_going = file.state is FileState.UPLOADING
    done = file.segments_done * segment_bytes_of(file.size)
    sent = min(done, file.size) if is_going else file.size
    return FileView(
        id=file.id.hex(),
        cid="" if file.cid is None else file.cid.hex(),
        name=file.name,
        media_type=file.media_type,
        size=file.size,
        state=file.state,
        reason=file.reason,
        sent=sent,
        here=file.is_here,
        created_at=file.created_at,
    )


def event_data(file: StoredFile) -> dict[str, Any]:
    """Return what an event tells of a file."""
    view = shown(file)
    return {
        "id": view.id,
        "cid": view.cid,
        "state": view.state,
        "size": view.size,
        "sent": view.sent,
        "reason": view.reason,
    }
