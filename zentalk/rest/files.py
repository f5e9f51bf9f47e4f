"""Files in the mesh: the owner's, and those that others have given. Times are unix seconds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from zentalk.rest.base import Resource

FileStates = Literal["uploading", "kept", "deleting", "received"]


class File(Resource):
    """One file."""

    id: str = Field(description="Names it at this node, also before it has a CID.")
    cid: str = Field(description="64 hexadecimal digits; empty until all of it is kept.")
    name: str
    media_type: str
    size: int = Field(description="bytes")
    state: FileStates = Field(
        description="`uploading`: relays do not have all of it yet; `kept`: they have; `deleting`: "
        "some have not confirmed that they deleted it; `received`: somebody gave it to you."
    )
    reason: str = Field(description="Why it does not go on, or empty.")
    sent: int = Field(description="Bytes of it that relays have; `size` once all of it is kept.")
    here: bool = Field(description="Whether all of it lies at this node as well.")
    created_at: float


class Files(Resource):
    """All files, the newest first."""

    files: list[File]


class FileHealth(Resource):
    """What the holders of a file were found to have just now, by asking them."""

    cid: str
    state: FileStates
    shards_live: int
    shards_total: int
    survives_node_losses: int = Field(
        description="Any so many of its holders may be lost, whichever they are."
    )
    holders: int = Field(description="Relays that hold some of it.")
    silent: int = Field(description="Of them, those that did not answer.")
    kept_until: float | None = Field(
        description="When the first lease ends; this node renews an own file long before."
    )
    checked_at: float | None = Field(
        None,
        description="When this node looked after the file last, as it does every day; null of a "
        "file that somebody gave you.",
    )
    found_missing: int = Field(
        0, description="Shards and copies of the head that holders did not have then."
    )
    found_corrupt: int = Field(0, description="Those of which holders gave other bytes.")
    found_silent: int = Field(0, description="Holders that did not answer then.")


class MeshReport(Resource):
    """What this node knows of the relays that keep files, and of what it keeps there."""

    holders: int = Field(description="Relays that keep files.")
    files: int = Field(description="Your files there.")
    bytes: int = Field(description="Their size; holders have half as much again.")
    direct: bool = Field(description="Whether holders are dialled, and so see your address.")


class FileProgressBody(Resource):
    """A file has come further."""

    id: str
    cid: str
    state: FileStates
    size: int
    sent: int
    reason: str


class FileRemovedBody(Resource):
    """A file is forgotten here, and deleted at its holders if it was the owner's."""

    id: str
    cid: str
