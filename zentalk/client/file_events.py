"""The classes of events about files; `typed_events` has the table of all."""

from __future__ import annotations

from zentalk.rest.events import Event
from zentalk.rest.files import FileProgressBody, FileRemovedBody, FileStates


class FileEvent(Event):
    """An event about a file."""

    @property
    def file_id(self) -> str:
        """The id that it has at this node, also before it has a CID."""
        return FileRemovedBody.model_validate(self.data).id

    @property
    def cid(self) -> str:
        """Its CID; empty until all of it is kept."""
        return FileRemovedBody.model_validate(self.data).cid


class FileProgressEvent(FileEvent):
    """An event that says how far a file is."""

    @property
    def state(self) -> FileStates:
        """What it is now: `uploading`, `kept`, `deleting` or `received`."""
        return FileProgressBody.model_validate(self.data).state

    @property
    def size(self) -> int:
        """How long it is, in bytes."""
        return FileProgressBody.model_validate(self.data).size

    @property
    def sent(self) -> int:
        """How many of its bytes relays have."""
        return FileProgressBody.model_validate(self.data).sent

    @property
    def reason(self) -> str:
        """Why it does not go on, or empty."""
        return FileProgressBody.model_validate(self.data).reason


class FileAdded(FileProgressEvent):
    """`file.added`: the node has taken in a file of the owner."""


class FileChanged(FileProgressEvent):
    """`file.changed`: a file has come further, does not go on, or is being deleted."""


class FileRemoved(FileEvent):
    """`file.removed`: nothing of a file is left here, nor of the owner's own at relays."""
