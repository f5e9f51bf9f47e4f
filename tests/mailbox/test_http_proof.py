"""K38: what a proof for one HTTP request is worth for any other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import AuthenticationError
from zentalk.ids import MailboxId, NodeId
from zentalk.mailbox import http_proof as module
from zentalk.mailbox.http_proof import HttpClaim, HttpRequest, sign_http, verify_http

KEY = SigningKey(bytes(range(32)))
RELAY, OTHER = NodeId(b"r" * 32), NodeId(b"o" * 32)
CLAIM = HttpClaim(MailboxId(KEY.public), 7, b"n" * 32)
REQUEST = HttpRequest(b"POST", b"/relay/acknowledge", b'{"numbers":[1]}')
PROOF = sign_http(KEY, RELAY, CLAIM.generation, CLAIM.nonce, REQUEST)

OTHERS: list[tuple[NodeId, HttpClaim, HttpRequest]] = [
    (OTHER, CLAIM, REQUEST),
    (RELAY, replace(CLAIM, mailbox=MailboxId(SigningKey(bytes(32)).public)), REQUEST),
    (RELAY, replace(CLAIM, generation=8), REQUEST),
    (RELAY, replace(CLAIM, nonce=b"m" * 32), REQUEST),
    (RELAY, CLAIM, replace(REQUEST, method=b"GET")),
    (RELAY, CLAIM, replace(REQUEST, target=b"/relay/pending")),
    (RELAY, CLAIM, replace(REQUEST, body=b'{"numbers":[2]}')),
    (RELAY, CLAIM, replace(REQUEST, method=b"POST/", target=b"relay/acknowledge")),
    (RELAY, CLAIM, replace(REQUEST, target=REQUEST.target + b"{", body=REQUEST.body[1:])),
]


def test_k38_the_proof_of_a_request_holds_for_it() -> None:
    verify_http(RELAY, CLAIM, PROOF, REQUEST)


@pytest.mark.parametrize(("relay", "claim", "request_"), OTHERS)
def test_k38_and_for_no_other(relay: NodeId, claim: HttpClaim, request_: HttpRequest) -> None:
    with pytest.raises(AuthenticationError):
        verify_http(relay, claim, PROOF, request_)


def test_k38_control_a_proof_over_the_nonce_alone_would_hold_for_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def only_the_nonce(_relay: NodeId, claim: HttpClaim, _request: HttpRequest) -> Any:
        return claim.nonce

    monkeypatch.setattr(module, "_signed", only_the_nonce)
    proof = sign_http(KEY, RELAY, CLAIM.generation, CLAIM.nonce, REQUEST)
    same = [other for other in OTHERS if other[1].nonce == CLAIM.nonce]
    for relay, claim, request in same:
        if claim.mailbox == CLAIM.mailbox:
            verify_http(relay, claim, proof, request)


def test_no_secret_or_address_is_in_a_repr() -> None:
    shown = f"{CLAIM!r}{REQUEST!r}"
    assert "acknowledge" not in shown
    assert repr(CLAIM.mailbox) not in shown
    assert repr(CLAIM.nonce) not in shown
