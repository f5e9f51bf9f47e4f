"""The routes about files: bytes in, bytes out, and how they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from zentalk.api.answers import MISSING, MISSING_OR_CONFLICT, answers, image
from zentalk.api.facade import NodeFacade
from zentalk.rest.files import File, FileHealth, Files, MeshReport
from zentalk.web.file_names import safe_name
from zentalk.web.json_response import JsonResponse
from zentalk.web.ranges import DownloadedFile, file_answer
from zentalk.wire.head import MAX_FILE_BYTES

FILES_PATH: Final = "/v1/files"
UPLOAD_PATH: Final = "/v1/mesh/upload"
UPLOADS: Final = {FILES_PATH: MAX_FILE_BYTES, UPLOAD_PATH: MAX_FILE_BYTES}
"""Paths whose bodies are files, and how long these may be."""
_ANY_TYPE: Final = "application/octet-stream"
"""Any other is taken as well, and given back: generators of clients know no type for all."""
_BYTES: Final = {"schema": {"type": "string", "format": "binary"}}
_BODY: Final = {
    "requestBody": {
        "required": False,  # A file may be empty.
        "content": {_ANY_TYPE: {**_BYTES, "example": "the bytes of a file"}},
    }
}

Cid = Annotated[
    str,
    Path(
        description="the CID of a file, 64 hexadecimal digits, or its id at this node, 32 of them",
        max_length=100,
        json_schema_extra={"pattern": "^([0-9a-f]{32}){1,2}$"},
    ),
]
Name = Annotated[str, Query(description="What the file is called; it is never seen by relays.")]

KeepMetadata = Annotated[
    bool, Query(description="Whether a picture is sent with all that it tells by the way.")
]


def _uploaded(wait: str) -> dict[str, Any]:
    status = HTTPStatus.CREATED if wait else HTTPStatus.ACCEPTED
    return {**answers("files", File, status), "openapi_extra": _BODY}


def _downloaded() -> dict[str, Any]:
    part = {"description": "The range that was asked for.", "content": {_ANY_TYPE: _BYTES}}
    route = image("files", _ANY_TYPE, fails=MISSING)
    return {
        **route,
        "responses": route["responses"] | {HTTPStatus.PARTIAL_CONTENT.value: part},
        "openapi_extra": {
            "parameters": [
                _header("Range", "one range of bytes, such as `bytes=1000-`"),
                _header("If-Range", "the `ETag` of the answer that the range continues"),
            ]
        },
    }


def _header(name: str, about: str) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"name": name, "in": "header", "required": False, "description": about, "schema": schema}


def add_file_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about the owner's list of files."""

    @router.get(FILES_PATH, **answers("files", Files))
    async def files() -> Response:
        """Return your files, and those that others gave you, the newest first."""
        listed = await node.files.listing()
        return JsonResponse(Files(files=[File.model_validate(one) for one in listed]))

    @router.post(FILES_PATH, **_uploaded(""))
    async def take(
        request: Request, name: Name = "", keep_metadata: KeepMetadata = False
    ) -> Response:
        """Take a file in and bring it to relays meanwhile; events tell how far it is.

        The body is the file, and `Content-Type` says what it is. What a picture tells beside what
        it shows, such as where it was taken, is taken out of it.
        """
        return await _upload(request, name, wait=False, clean=not keep_metadata)

    @router.get(FILES_PATH + "/{cid}", **answers("files", File, fails=MISSING))
    async def one(cid: Cid) -> Response:
        """Return one file."""
        return JsonResponse(File.model_validate(await node.files.view(cid)))

    async def _upload(request: Request, name: str, *, wait: bool, clean: bool = False) -> Response:
        media_type = request.headers.get("content-type", _ANY_TYPE)
        body = request.stream()
        made = await node.files.upload(name, media_type, body, wait=wait, clean=clean)
        status = HTTPStatus.CREATED if wait else HTTPStatus.ACCEPTED
        return JsonResponse(File.model_validate(made), status)

    @router.post(UPLOAD_PATH, **_uploaded("wait"))
    async def upload(request: Request, name: Name = "") -> Response:
        """Put a file into the mesh; the answer comes once relays have all of it.

        The body is the file, every byte of which stays, and `Content-Type` says what it is.
        """
        return await _upload(request, name, wait=True)


def add_mesh_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about the mesh."""

    @router.get("/v1/mesh/download/{cid}", **_downloaded())
    async def download(request: Request, cid: Cid) -> Response:
        """Return a file, or the range of it that `Range` names."""
        file = await node.files.view(cid)

        def pieces(start: int, length: int) -> AsyncIterator[bytes]:
            return node.files.pieces(file, start, length)

        name = safe_name(file.name, file.cid)
        shown = DownloadedFile(name, file.media_type, file.size, file.cid)
        return file_answer(shown, pieces, request.headers)

    @router.get("/v1/mesh/status/{cid}", **answers("files", FileHealth, fails=MISSING))
    async def status(cid: Cid) -> Response:
        """Ask the holders of a file what they have of it."""
        return JsonResponse(FileHealth.model_validate(await node.files.health(cid)))

    @router.delete("/v1/mesh/delete/{cid}", **answers("files", File, fails=MISSING_OR_CONFLICT))
    async def delete(cid: Cid) -> Response:
        """Delete a file of yours at all its holders; of somebody else's, forget what is here."""
        return JsonResponse(File.model_validate(await node.files.delete(cid)))

    @router.post("/v1/mesh/rotate/{cid}", **answers("files", File, fails=MISSING_OR_CONFLICT))
    async def rotate(cid: Cid) -> Response:
        """Give a file of yours another secret and CID: who had the old ones cannot open it now.

        Whoever has opened it already keeps what they have.
        """
        return JsonResponse(File.model_validate(await node.files.rotate(cid)))

    @router.get("/v1/mesh/network", **answers("files", MeshReport))
    async def mesh() -> Response:
        """Return what this node knows of the relays that keep files."""
        return JsonResponse(MeshReport.model_validate(await node.files.mesh()))
