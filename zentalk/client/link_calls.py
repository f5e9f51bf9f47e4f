"""The calls of REST about linked nodes; see `zentalk.client.calls`."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from zentalk.client.calls import Call
from zentalk.client.parsing import parse
from zentalk.rest.links import LinkedNodes, NewLink, RecoveryIn

_LINKS: Final = "/v1/links"


def link_state() -> Call[LinkedNodes]:
    """Ask what the node is among the owner's."""
    return Call("GET", _LINKS, lambda answer: parse(LinkedNodes, answer))


def open_link() -> Call[NewLink]:
    """Make a code for a replica."""
    return Call("POST", _LINKS, lambda answer: parse(NewLink, answer))


def remove_link(link_id: str) -> Call[None]:
    """End a link, or withdraw a code."""
    return Call("DELETE", f"{_LINKS}/{quote(link_id, safe='')}", lambda _answer: None)


def keep_recovery(sealed: bytes) -> Call[None]:
    """Keep the identity under a new recovery phrase."""
    body = RecoveryIn.model_construct(sealed=sealed.hex())
    return Call("PUT", f"{_LINKS}/recovery", lambda _answer: None, body=body)
