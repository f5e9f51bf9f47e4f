"""The form of every error of REST (RFC 9457); `zentalk.web.problems` writes it."""

from __future__ import annotations

from pydantic import Field

from zentalk.rest.base import Resource


class Problem(Resource):
    """RFC 9457. Decide by `type`, which never changes; `detail` is a sentence for people."""

    type: str = Field(description="`urn:zentalk:problem:` and one word that says what to do next.")
    title: str = Field(description="The name of the status.")
    status: int
    detail: str = Field(description="What happened, to what, and what to do next.")
    needs: str | None = Field(
        None, description="Of the type `scope`: the scope that would do, or `owner`."
    )
