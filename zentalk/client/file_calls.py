"""The calls of REST about files; see `zentalk.client.calls`. Their bytes go another way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from zentalk.client.calls import Call
from zentalk.client.parsing import parse
from zentalk.rest.files import File, FileHealth, Files, MeshReport
from zentalk.web.file_names import safe_name
from zentalk.web.file_pieces import ending_of


def listing() -> Call[list[File]]:
    """Ask for all files."""
    return Call("GET", "/v1/files", lambda answer: parse(Files, answer).files)


def add(name: str, headers: Mapping[str, str], *, keep_metadata: bool) -> Call[File]:
    """Give the node a file."""
    params = {"name": name} | ({"keep_metadata": "true"} if keep_metadata else {})
    return Call("POST", "/v1/files", _file, params=params, headers=headers)


def upload(name: str, headers: Mapping[str, str]) -> Call[File]:
    """Give the node a file, and wait until relays have it."""
    return Call("POST", "/v1/mesh/upload", _file, params={"name": name}, headers=headers)


def one(cid: str) -> Call[File]:
    """Ask for one file."""
    return Call("GET", f"/v1/files/{quote(cid, safe='')}", _file)


def health(cid: str) -> Call[FileHealth]:
    """Ask what the holders of a file have."""
    return Call("GET", _mesh("status", cid), lambda answer: parse(FileHealth, answer))


def delete(cid: str) -> Call[File]:
    """Delete a file."""
    return Call("DELETE", _mesh("delete", cid), _file)


def rotate(cid: str) -> Call[File]:
    """Give a file another secret and CID."""
    return Call("POST", _mesh("rotate", cid), _file)


def mesh() -> Call[MeshReport]:
    """Ask what is known of the relays that keep files."""
    return Call("GET", "/v1/mesh/network", lambda answer: parse(MeshReport, answer))


def download(cid: str, headers: Mapping[str, str]) -> Call[None]:
    """Ask for the bytes of a file, or the range that `headers` name."""
    return Call("GET", _mesh("download", cid), lambda _answer: None, headers=headers)


def from_byte(cid: str, start: int) -> Call[None]:
    """Ask for the bytes of a file from one on."""
    tag = {"Range": f"bytes={start}-", "If-Range": f'"{cid}"'} if start else {}
    return download(cid, tag)


def target_of(to: Path, file: File) -> Path:
    """Return where a file goes: into a folder under its own name, made safe."""
    return to / safe_name(file.name, file.cid, ending_of(file.media_type)) if to.is_dir() else to


def _mesh(what: str, cid: str) -> str:
    return f"/v1/mesh/{what}/{quote(cid, safe='')}"


def _file(answer: Any) -> File:
    return parse(File, answer)
