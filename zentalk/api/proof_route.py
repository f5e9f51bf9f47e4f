"""The route on which this node proves that it knows a token; it needs none (`zentalk.api.guard`).

The port is that of the connection itself, never what a request says about it: a stranger who
passes a request on must get a proof that is worth nothing on the port where the stranger listens.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from zentalk.api.answers import MISSING, answers
from zentalk.api.facade import NodeFacade
from zentalk.errors import NotFoundError
from zentalk.rest.proof import Proof
from zentalk.web.json_response import JsonResponse
from zentalk.web.token_proof import NAME_BYTES, NONCE_BYTES, PROOF_PATH, key_of, name_of, prove

Nonce = Annotated[str, Query(pattern=rf"^[0-9a-f]{{{2 * NONCE_BYTES}}}$")]
KeyName = Annotated[str, Query(pattern=rf"^[0-9a-f]{{{2 * NAME_BYTES}}}$")]


def add_proof_route(router: APIRouter, node: NodeFacade, owner_token: str) -> None:
    """Add the route; it answers for the tokens of owner and devices, and codes of pairings."""
    owner = key_of(owner_token)

    @router.get(PROOF_PATH, **answers("node", Proof, fails=MISSING))
    async def proof(request: Request, nonce: Nonce, key: KeyName) -> Response:
        """Prove that this node knows a token, to a client that has not shown it yet."""
        wanted = bytes.fromhex(key)
        codes = (key_of(pairing.code) for pairing, _ in node.admissions.listing())
        keys = (owner, *(device.token_hash for device in node.devices.listing()), *codes)
        known = next((each for each in keys if name_of(each) == wanted), None)
        if known is None:
            raise NotFoundError("this node does not know that token, or it was revoked")
        _, port = request.scope["server"]
        return JsonResponse(Proof(proof=prove(known, bytes.fromhex(nonce), port).hex()))
