"""What tests of groups over REST share."""

from __future__ import annotations

import httpx

from tests.api.documented import hooks
from tests.api.double import TOKEN
from zentalk.api.app import create_app
from zentalk.node.node import Node
from zentalk.rest.groups import GroupDetails


def client_of(node: Node, token: str = TOKEN) -> httpx.AsyncClient:
    """A client with the owner's token or a device's, straight into the application."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=create_app(node, TOKEN, node.stopping)),
        base_url="http://127.0.0.1:3001",
        headers={"Authorization": f"Bearer {token}"},
        event_hooks=hooks(),
    )


def details(answer: httpx.Response, status: int = 200) -> GroupDetails:
    """Return the group that an answer shows."""
    assert answer.status_code == status, answer.text
    return GroupDetails.model_validate(answer.json(), extra="forbid")


async def found(rest: httpx.AsyncClient, **wish: object) -> GroupDetails:
    """Found a group called Crew unless it is to be called something else."""
    return details(await rest.post("/v1/groups", json={"name": "Crew", **wish}), 201)


def refused(answer: httpx.Response, status: int, words: str = "") -> None:
    """Expect a problem document with these words in its sentence."""
    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert words in problem["detail"]
    assert len(problem["detail"]) > 10
    assert problem["type"].startswith("urn:zentalk:problem:")
