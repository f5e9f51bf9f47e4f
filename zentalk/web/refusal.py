"""The last answer on a connection: what the peer, or the application, did wrong."""

from __future__ import annotations

from starlette.responses import Response

from zentalk.web.http1.errors import RequestError
from zentalk.web.http1.writer import AnswerWriter
from zentalk.web.peer import Peer
from zentalk.web.problems import problem
from zentalk.web.server_state import ServerState


def refusal_of(error: RequestError) -> Response:
    """Return the problem document for what a peer did wrong."""
    return problem(error.status, str(error), error.headers)


async def refuse(peer: Peer, state: ServerState, refusal: Response, method: str = "GET") -> None:
    """Answer with a refusal and end the peer's connection."""
    answer = AnswerWriter(method, "1.1")
    answer.closes = True
    answer.start(refusal.status_code, refusal.raw_headers)
    await peer.write(answer.body(bytes(refusal.body), False, state.date.value()))
    await peer.linger()
