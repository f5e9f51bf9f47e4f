"""Turns the JSON of an answer into a resource of `zentalk.rest`."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from zentalk.client.errors import ApiError
from zentalk.rest.base import Resource

R = TypeVar("R", bound=Resource)


def parse(kind: type[R], answer: Any) -> R:
    """Make a resource of JSON; fields that this version does not know are passed over.

    Raises ApiError if one is missing: what answered is not an API node of this version.
    """
    try:
        return kind.model_validate(answer)
    except ValidationError:
        # Its text would quote what was read.
        raise ApiError(200, f"the answer holds no {kind.__name__.lower()}") from None
