"""`zentalk file`: files that relays keep without being able to read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from zentalk.cli.choosing import Along, fields_of, messages_path
from zentalk.cli.connect import At, running_node
from zentalk.cli.errors import UsageError
from zentalk.cli.file_transfer import FILES, download, kept, upload
from zentalk.cli.message import FILE, say_message
from zentalk.cli.node_client import NodeClient
from zentalk.cli.output import (
    harmless,
    local_time,
    say,
    say_json,
    say_or_json,
    size_text,
    telling,
)
from zentalk.cli.people import check_conversation, conversation_of
from zentalk.cli.progress import ProgressLine
from zentalk.errors import ConflictError, NotFoundError
from zentalk.web.file_names import safe_name
from zentalk.web.file_pieces import SentFile, ending_of

_CID: Final = re.compile(r"[0-9a-f]{64}")
_ID: Final = re.compile(r"[0-9a-f]{32}")
"""Of a file at this node, or of a message."""


def send(
    at: At,
    person: str,
    file: Path,
    name: str | None,
    *,
    along: Along,
    keep_metadata: bool,
    patience_seconds: float,
    as_json: bool,
) -> int:
    """Bring a file to relays, and send the person what is needed to get it."""
    wanted = check_conversation(person)
    if _CID.fullmatch(str(file)) and not file.exists():
        with running_node(at) as node:
            _send(node, wanted, str(file), name, along, as_json=as_json)
        return 0
    with closing(SentFile(file)) as sent, running_node(at) as node:
        conversation_of(node, wanted)  # A name that is none is found before the file is sent.
        made = _kept(node, sent, name, patience_seconds, keep_metadata=keep_metadata)
        with telling(lambda: f"the file is at relays as {made['cid']}"):
            _send(node, wanted, made["cid"], name, along, as_json=as_json)
    return 0


def add(
    at: At,
    file: Path,
    name: str | None,
    *,
    wait: bool,
    keep_metadata: bool,
    patience_seconds: float,
    as_json: bool,
) -> int:
    """Bring a file to relays and print its CID; without `wait`, give it to the node alone."""
    with closing(SentFile(file)) as sent, running_node(at) as node:
        patience = patience_seconds if wait else None
        made = _kept(node, sent, name, patience, keep_metadata=keep_metadata)
        line = made["cid"] if wait else f"{made['id']} {made['state']}"
        place = "relays" if wait else "the API node"
        with telling(lambda: f"the file is at {place} as {line}"):
            say_or_json(line, made, as_json=as_json)
    return 0


def get(at: At, which: str, to: Path | None, *, overwrite: bool, as_json: bool) -> int:
    """Write a file to a path, and print where it is; what came of it before goes on."""
    _check(which)
    if to is not None and to.exists() and not to.is_dir() and not overwrite:
        raise UsageError(f"{_exists(to)}")
    with running_node(at) as node:
        file = node.get(f"{FILES}/{_cid_of(node, which)}")
        target = _target(to, file)
        try:
            with ProgressLine(file["name"]) as progress:
                path = download(node, file, target, progress, overwrite=overwrite)
        except ConflictError as error:
            raise UsageError(_exists(target)) if target.exists() else error from None
        with telling(lambda: f"the file is in {path}"):
            said = {key: file[key] for key in ("cid", "name", "media_type", "size")}
            say_or_json(harmless(str(path)), said | {"path": str(path)}, as_json=as_json)
    return 0


def list_all(at: At, *, as_json: bool) -> int:
    """List all files, the newest first."""
    with running_node(at) as node:
        files = node.get(FILES)["files"]
    if as_json:
        say_json(files)
        return 0
    for file in files:
        say(_line(file))
    return 0


def status(at: At, which: str | None, *, as_json: bool) -> int:
    """Show what the holders of a file have of it, or without one what keeps files at all."""
    if which is not None:
        _check(which)
    with running_node(at) as node:
        if which is None:
            found, lines = node.get("/v1/mesh/network"), _about_mesh
        else:
            found, lines = node.get(f"/v1/mesh/status/{_cid_of(node, which)}"), _about_file
    if as_json:
        say_json(found)
        return 0
    for line in lines(found):
        say(line)
    return 0


def rotate(at: At, which: str, *, as_json: bool) -> int:
    """Withdraw a file from those who were given it, and print its new CID."""
    _check(which)
    with running_node(at) as node:
        turned = node.post(f"/v1/mesh/rotate/{_cid_of(node, which)}")
        say_or_json(turned["cid"], turned, as_json=as_json)
    return 0


def delete(at: At, which: str, *, as_json: bool) -> int:
    """Delete an own file at all its holders, or forget somebody else's here."""
    _check(which)
    with running_node(at) as node:
        cid = _cid_of(node, which)
        gone = node.remove(f"/v1/mesh/delete/{cid}")
        say_or_json(f"{cid} {gone['state']}", gone, as_json=as_json)
    return 0


def _kept(
    node: NodeClient,
    sent: SentFile,
    name: str | None,
    patience_seconds: float | None,
    *,
    keep_metadata: bool,
) -> dict[str, Any]:
    shown = sent.path.name if name is None else name
    with ProgressLine(shown) as progress:
        taken = upload(node, sent, shown, progress, keep_metadata=keep_metadata)
        if patience_seconds is None:
            return taken
        with telling(lambda: f"the API node has the file as {taken['id']}"):
            return kept(node, taken, patience_seconds, progress)


def _send(
    node: NodeClient, wanted: str, cid: str, name: str | None, along: Along, *, as_json: bool
) -> None:
    conversation = conversation_of(node, wanted)
    file = {"cid": cid} | ({} if name is None else {"name": name})
    body = {FILE: file} | fields_of(node, conversation, along)
    say_message(node.post(messages_path(conversation), body), as_json=as_json)


def _check(which: str) -> None:
    if not _CID.fullmatch(which) and not _ID.fullmatch(which):
        raise UsageError(
            "give the CID of a file (64 digits), or the id of one or of a message with one (32"
            " digits); see: zentalk file list"
        )


def _cid_of(node: NodeClient, which: str) -> str:
    """Return the CID or id that is meant; raises NotFoundError for a message without a file."""
    if _CID.fullmatch(which) or any(one["id"] == which for one in node.get(FILES)["files"]):
        return which
    message = node.get(f"/v1/messages/{quote(which, safe='')}")
    cid = (message["body"] or {}).get("cid")
    if message["kind"] != FILE or not isinstance(cid, str) or not _CID.fullmatch(cid):
        raise NotFoundError(f"message {which} holds no file")
    return cid


def _target(to: Path | None, file: dict[str, Any]) -> Path:
    """Return where a file goes: into a folder under its own name, which is made safe."""
    if to is not None and not to.is_dir():
        return to
    return (to or Path()) / safe_name(file["name"], file["cid"], ending_of(file["media_type"]))


def _exists(target: Path) -> str:
    return f"{target} is there already: name another file, or overwrite it with --force"


def _line(file: dict[str, Any]) -> str:
    state = file["state"]
    if state == "uploading" and file["size"]:
        state += f" {100 * file['sent'] // file['size']} %"
    reason = f"  ({harmless(file['reason'])})" if file["reason"] else ""
    size, when = size_text(file["size"]), local_time(file["created_at"])
    name = harmless(file["name"])
    return f"{file['cid'] or file['id']}  {state:9} {size:>10}  {when}  {name}{reason}"


def _about_file(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['state']}: {found['shards_live']} of {found['shards_total']} shards are there"
    yield f"{found['holders']} relays hold some of it, of which {found['silent']} did not answer"
    yield f"any {found['survives_node_losses']} of them may be lost"
    if found["kept_until"] is not None:
        longer = ", and longer while your node renews it" if found["state"] == "kept" else ""
        yield f"kept until {local_time(found['kept_until'])}{longer}"


def _about_mesh(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['holders']} relays keep files"
    yield f"{found['files']} of yours are there, {size_text(found['bytes'])}"
    yield "your node dials them itself" if found["direct"] else "your node asks them over relays"
