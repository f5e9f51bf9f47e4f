"""Files before they are shown to others: what a picture says by the way is taken out of it.

What is kept about a file for its card is read from what is left: its type, sides and length, and a
small picture of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import trio

from zentalk.errors import ConfigError, NotFoundError
from zentalk.media.facts import MediaFacts, facts_of
from zentalk.media.formats.parts import MalformedPictureError
from zentalk.media.metadata import without_metadata
from zentalk.media.preview import Preview
from zentalk.store.blocking import RunBlocking
from zentalk.store.file_folder import FileFolder

MAX_CLEANED_BYTES: Final = 64 * 2**20
"""A larger file is no picture that anybody wants to look at, and stays as it is."""
EDGE_BYTES: Final = 256 * 1024
"""Of the beginning and of the end of a file, which say what it is."""

_DAMAGED: Final = (
    "this picture is damaged, so that what it tells beside what it shows cannot be taken out of it:"
    " save it anew, or keep what it tells (`keep_metadata`, on the command line --keep-metadata)"
)

PreviewMaker: TypeAlias = Callable[[bytes], Awaitable[Preview | None]]


@dataclass(frozen=True, slots=True)
class FileLooks:
    """How a file is shown before anybody fetches it; 0 and nothing where it is not known."""

    media_type: str = field(default="", repr=False)
    preview: bytes = field(default=b"", repr=False)
    width: int = field(default=0, repr=False)
    height: int = field(default=0, repr=False)
    milliseconds: int = field(default=0, repr=False)


async def no_preview(_picture: bytes) -> Preview | None:
    """Make none: a program of its own would take real time in a simulation."""
    await trio.lowlevel.checkpoint()
    return None


class FileCleaner:
    """Cleans and looks at files in a node's folder."""

    def __init__(
        self, folder: FileFolder, run_blocking: RunBlocking, preview_of: PreviewMaker
    ) -> None:
        self.folder = folder
        self._run_blocking = run_blocking
        self._preview_of = preview_of

    async def clean(self, file_id: bytes) -> FileLooks:
        """Take out of a picture what it says beside its pixels, and return how a file looks.

        Whether it is one, its bytes say. Raises ConfigError for a damaged one, StorageError.
        """
        await self._run_blocking(lambda: self._clean(file_id))
        return await self.look(file_id)

    async def look(self, file_id: bytes) -> FileLooks:
        """Return how a file looks; raises StorageError."""
        size = self.folder.size(file_id) or 0
        facts, picture = await self._run_blocking(lambda: self._facts(file_id, size))
        preview = await self._preview_of(picture) if picture else None
        return FileLooks(
            facts.media_type,
            b"" if preview is None else preview.data,
            facts.width,
            facts.height,
            facts.milliseconds,
        )

    def _facts(self, file_id: bytes, size: int) -> tuple[MediaFacts, bytes]:
        """Return what a file is, and all of it if it is a picture."""
        head = self.folder.read(file_id, 0, EDGE_BYTES)
        facts = facts_of(head, self.folder.read(file_id, max(0, size - EDGE_BYTES), EDGE_BYTES))
        if not facts.media_type.startswith("image/") or size > MAX_CLEANED_BYTES:
            return facts, b""
        whole = self.folder.read(file_id, 0, size)
        return facts_of(whole), whole

    def _clean(self, file_id: bytes) -> None:
        size = self.folder.size(file_id)
        if size is None:
            raise NotFoundError("the file is not in this node's folder")
        if size > MAX_CLEANED_BYTES:
            return
        data = self.folder.read(file_id, 0, size)
        try:
            cleaned = without_metadata(data)
        except MalformedPictureError:
            raise ConfigError(_DAMAGED) from None
        if cleaned is not None and cleaned != data:
            self._replace(file_id, cleaned)

    def _replace(self, file_id: bytes, data: bytes) -> None:
        draft = self.folder.draft(file_id)
        try:
            draft.write(data)
            draft.finish()
        except BaseException:
            draft.discard()
            raise
