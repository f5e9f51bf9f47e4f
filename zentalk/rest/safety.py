"""Safety numbers: 60 digits that two people compare."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from zentalk.rest.base import Body, Resource


class Safety(Resource):
    """The number that the owner shares with a person, and whether it was compared."""

    address: str
    number: str = Field(description="The 60 digits.")
    groups: list[str] = Field(description="The digits as people read them: 12 times 5.")
    qr: str = Field(description="What a QR code of it holds; the other person's is the same.")
    verified: bool
    verified_at: float | None
    warning: str


class VerifyIn(Body):
    """Either the number that the other person sees, or the owner's word for it."""

    number: Annotated[str, Field(max_length=200)] | None = Field(
        None, description="As it was typed or scanned; spaces and hyphens do not count."
    )
    confirmed: bool = Field(False, description="True if the owner has compared the numbers.")

    @model_validator(mode="after")
    def _says_one(self) -> Self:
        if (self.number is None) == (not self.confirmed):
            raise ValueError("send the number, or confirmed: true if you have compared it yourself")
        return self
