"""The two kinds of model: a body that comes in, and a resource that is answered."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """The content of a request. An unknown field or a wrong type is an error."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Resource(BaseModel):
    """The content of an answer, made of an object with the same attributes or of JSON.

    `model_validate` raises ValidationError (a ValueError) when a field is missing.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True)
