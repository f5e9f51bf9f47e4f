"""The part of a node that REST uses for files; `zentalk.node.files.library.FileLibrary` is it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Protocol

from zentalk.node.files.views import FileView, HealthView, MeshView
from zentalk.wire.chat import FileCard


class FileFacade(Protocol):
    """Files in the mesh. A CID that names none raises NotFoundError."""

    async def upload(
        self,
        name: str,
        media_type: str,
        pieces: AsyncGenerator[bytes, None],
        *,
        wait: bool,
        clean: bool = False,
    ) -> FileView:
        """Take a file in, and with `wait` return only once relays have all of it.

        With `clean`, what a picture tells beside what it shows is taken out of it before. Raises
        TooLargeError, StorageError, and ConfigError for a name, type or picture that is none.
        """

    async def listing(self) -> list[FileView]:
        """Return all files, the newest first."""

    async def view(self, cid: str) -> FileView:
        """Return one file."""

    async def health(self, cid: str) -> HealthView:
        """Ask the holders of a file what they have."""

    def pieces(self, file: FileView, start: int, length: int) -> AsyncIterator[bytes]:
        """Yield bytes of a file; raises UnavailableError if too few holders answer."""

    async def card(self, cid: str) -> FileCard:
        """Return how others get a file; raises ConflictError while it is not kept."""

    async def delete(self, cid: str) -> FileView:
        """Delete an own file at all its holders, or forget somebody else's here."""

    async def rotate(self, cid: str) -> FileView:
        """Give an own file another share secret and CID.

        Raises ConflictError if it is not an own one that is kept, UnavailableError if no relay
        takes its head now.
        """

    async def mesh(self) -> MeshView:
        """Return what is known of the mesh."""
