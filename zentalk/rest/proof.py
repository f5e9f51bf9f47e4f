"""The proof that a node knows its client's token (`zentalk.web.token_proof`)."""

from __future__ import annotations

from zentalk.rest.base import Resource


class Proof(Resource):
    """The keyed hash, as 64 hexadecimal digits."""

    proof: str
