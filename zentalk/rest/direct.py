"""Direct connections with a contact: what both allow, and the way that is used now."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from zentalk.rest.base import Body, Resource

PathWord = Literal["direct", "relay"]


class Direct(Resource):
    """The way between your node and a contact's, and what both allow."""

    address: str
    allowed: bool = Field(
        description="You allow it, which shows this contact your network address, and whoever "
        "watches your line that you two are connected."
    )
    allowed_by_them: bool
    path: PathWord = Field(description="What is sent now goes this way; relays are always there.")
    why_not: str = Field(description="Why no direct path was found the last time, or empty.")


class DirectIn(Body):
    """Whether direct connections with a contact are allowed."""

    allowed: bool


class DirectBody(Resource):
    """What the owner or a contact allows has changed."""

    address: str
    allowed: bool
    allowed_by_them: bool


class PathBody(Resource):
    """The way to a contact has changed."""

    address: str
    path: PathWord
