"""Mailboxes: where others leave mail for the owner. Times are unix seconds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from zentalk.rest.base import Body, Resource


class MoveIn(Body):
    """The mailbox to leave; without an id, all of them."""

    id: Annotated[str | None, Field(max_length=64)] = None


class Mailbox(Resource):
    """A place where others leave mail for the owner, or one that was left and is polled."""

    id: str
    relay: str
    current: bool
    collected: bool
    since: float
    until: float | None


class Mailboxes(Resource):
    """The owner's mailboxes."""

    mailboxes: list[Mailbox]
