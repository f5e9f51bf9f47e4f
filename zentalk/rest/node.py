"""The node itself: that it runs, and whose it is."""

from __future__ import annotations

from typing import Literal

from zentalk.rest.base import Resource


class Health(Resource):
    """The program runs."""

    status: Literal["ok"]


class Me(Resource):
    """The owner of the node."""

    address: str
    name: str
