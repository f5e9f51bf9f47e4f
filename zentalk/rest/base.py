"""The two kinds of model: a body that comes in, and a resource that is answered."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic.config import JsonDict


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE: Final = BeforeValidator(_whole)
"""Annotates whole numbers in bodies, after their bounds: to JSON, 5.0 is one as well."""
BASE64: Final[JsonDict] = {"format": "byte", "contentEncoding": "base64"}
"""Of bytes in JSON, in the words of OpenAPI 3.0 and 3.1."""


class Body(BaseModel):
    """The content of a request. An unknown field or a wrong type is an error."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Resource(BaseModel):
    """The content of an answer, made of an object with the same attributes or of JSON.

    `model_validate` raises ValidationError (a ValueError) when a field is missing.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True)
