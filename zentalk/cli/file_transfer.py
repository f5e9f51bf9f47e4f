"""Files to the node and from it, piece by piece, and the wait until relays have them.

What the node has taken in it brings to relays by itself, whether or not a command waits for that.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from zentalk.cli.node_client import NodeClient
from zentalk.cli.output import harmless, size_text
from zentalk.cli.progress import ProgressLine
from zentalk.errors import ConflictError, DeadlineError, UnavailableError, ZentalkError
from zentalk.web.file_pieces import PIECE_BYTES, SentFile, media_type_of
from zentalk.web.part_file import PartFile

FILES: Final = "/v1/files"
_UPLOADING: Final = "uploading"
_KEPT: Final = "kept"
_FIRST_PAUSE_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 1.0


def upload(
    node: NodeClient, file: SentFile, name: str, progress: ProgressLine, *, keep_metadata: bool
) -> dict[str, Any]:
    """Give the node a file; return it as the node has it."""

    def pieces() -> Iterator[bytes]:
        sent = 0
        for piece in file.pieces():
            yield piece
            sent += len(piece)
            progress.show("to the node", sent, file.size)

    query = {"name": name} | ({"keep_metadata": "true"} if keep_metadata else {})
    path = f"{FILES}?{urlencode(query)}"
    taken: dict[str, Any] = node.upload(path, file.headers(media_type_of(name)), pieces())
    return taken


def kept(
    node: NodeClient, file: dict[str, Any], patience_seconds: float, progress: ProgressLine
) -> dict[str, Any]:
    """Wait until relays have all of a file; return it as it is then.

    Raises DeadlineError once nothing has gone on for so long: the node keeps trying. Raises
    ConflictError if it is deleted meanwhile.
    """
    pause, until = _FIRST_PAUSE_SECONDS, _now() + patience_seconds
    while file["state"] == _UPLOADING:
        progress.show("to relays", file["sent"], file["size"])
        if _now() >= until:
            raise DeadlineError(_stuck(file, patience_seconds))
        time.sleep(pause)  # noqa: TID251
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
        before, file = file, node.get(f"{FILES}/{file['id']}")
        if file["sent"] != before["sent"]:
            until = _now() + patience_seconds
    if file["state"] != _KEPT:
        raise ConflictError("the file was deleted meanwhile")
    return file


def download(
    node: NodeClient, file: dict[str, Any], target: Path, progress: ProgressLine, *, overwrite: bool
) -> Path:
    """Fetch what is not here yet of a file; return where it is.

    Raises ConflictError if there is a file already, UnavailableError if it does not all come: what
    came is kept.
    """
    cid = file["cid"] or file["id"]
    with PartFile(target, cid, file["size"], overwrite=overwrite) as part:
        try:
            if not part.is_whole:
                _fetch(node, part, f"/v1/mesh/download/{cid}", progress)
            return part.finish()
        except ConflictError:
            raise
        except ZentalkError as error:
            if not part.have:
                raise
            raise UnavailableError(
                f"{error}; {size_text(part.have)} of {size_text(part.size)} are here:"
                " the same command goes on from there"
            ) from None


def _fetch(node: NodeClient, part: PartFile, path: str, progress: ProgressLine) -> None:
    with node.download(path, part.headers()) as response:
        part.answered(response.status, response.getheader("Content-Range"))
        while piece := response.read(PIECE_BYTES):
            part.write(piece)
            progress.show("here are", part.have, part.size)


def _stuck(file: dict[str, Any], patience_seconds: float) -> str:
    reason = f" ({harmless(file['reason'])})" if file["reason"] else ""
    return (
        f"nothing has gone to relays for {patience_seconds:g} s{reason}: they have"
        f" {size_text(file['sent'])} of {size_text(file['size'])}; the API node keeps trying,"
        " see: zentalk file list"
    )


def _now() -> float:
    return time.monotonic()  # noqa: TID251 - the edge
