"""What stands before every route: how often an address may ask, and whether a proof holds.

A proof is verified before anything is looked up, so that a mailbox that exists and one that does
not cost the same; its nonce is spent only by a signature that holds. Every answer to an owner
brings the nonce for the next request.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from zentalk.crypto.hashing import equal
from zentalk.directory.allowance import Allowances
from zentalk.errors import AuthenticationError, DecodeError
from zentalk.ids import NodeId
from zentalk.mailbox.http_credentials import SCHEME, encode_base64, read_credentials
from zentalk.mailbox.http_proof import HttpClaim, HttpRequest, verify_http
from zentalk.net.runtime import Runtime
from zentalk.net.sources import is_loopback, source_of
from zentalk.relay_http.clients import client_of
from zentalk.relay_http.facade import BanNotice
from zentalk.relay_http.nonces import Nonces
from zentalk.relay_http.refusals import banned
from zentalk.web.problems import problem
from zentalk.web.token import bearer_token

NONCE_HEADER: Final = "Zentalk-Nonce"
BURST: Final = 100.0
PER_SECOND: Final = 20.0
"""How often one address may ask."""
_RETRY_SECONDS: Final = "1"


class DoorError(Exception):
    """A request that goes no further, with its answer."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


def _nobody_is_banned(_host: str) -> None:
    return None


class Door:
    """Lets requests through, or raises DoorError; `ban` says whom the operator refuses, and why."""

    def __init__(
        self,
        runtime: Runtime,
        relay: NodeId,
        operator_token: str,
        *,
        behind_proxy: bool = False,
        ban: Callable[[str], BanNotice | None] = _nobody_is_banned,
    ) -> None:
        self._runtime = runtime
        self._ban = ban
        self._behind_proxy = behind_proxy
        self._relay = relay
        self._operator = operator_token.encode("ascii")
        self._nonces = Nonces(runtime.entropy)
        self._sources = Allowances(BURST, PER_SECOND)

    def client(self, scope: Scope) -> str:
        """Return the address that a request or WebSocket comes from."""
        return client_of(scope, behind_proxy=self._behind_proxy)

    def admit(self, scope: Scope, units: float = 1.0) -> None:
        """Count a request or WebSocket against its address; raises DoorError.

        Loopback is exempt: it is the operator, or a proxy that has to limit its own clients. A ban
        holds there too.
        """
        host = self.client(scope)
        ban = self._ban(host)
        if ban is not None:
            raise DoorError(banned(ban))
        if is_loopback(host):
            return
        if not self._sources.take(source_of(host), self._runtime.monotonic(), units):
            raise DoorError(
                problem(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    "this address asks too often; wait a second",
                    {"Retry-After": _RETRY_SECONDS},
                )
            )

    async def owner(self, request: Request) -> tuple[HttpClaim, bytes]:
        """Return whose request it is, proved, and its body."""
        now = self._runtime.monotonic()
        try:
            credentials = read_credentials(_authorization(request))
        except DecodeError as error:
            raise DoorError(self._challenge(str(error))) from None
        claim = credentials.claim
        if not self._nonces.is_fresh(claim.nonce, now):
            raise DoorError(self._challenge("the nonce is not fresh: sign again with this one"))
        body = await request.body()
        asked = HttpRequest(request.method.encode("ascii"), _target(request), body)
        try:
            verify_http(self._relay, claim, credentials.signature, asked)
        except AuthenticationError:
            raise DoorError(self._challenge("the signature does not fit this request")) from None
        # The body took its time: the nonce may be too old by now, or shown by somebody else.
        now = self._runtime.monotonic()
        if not self._nonces.is_fresh(claim.nonce, now):
            raise DoorError(self._challenge("the nonce is not fresh: sign again with this one"))
        if not self._nonces.spend(claim.nonce, now):
            raise DoorError(problem(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests; wait"))
        return claim, body

    def is_operator(self, request: Request) -> bool:
        """Say whether a request has the operator's token."""
        return equal(bearer_token(_authorization(request)), self._operator)

    def is_operators_browser(self, request: Request) -> bool:
        """Say whether a request has the operator's token, also as the password of Basic.

        For pages alone: a browser sends what it was told once with requests of other sites, too.
        """
        return self.is_operator(request) or equal(
            _password(_authorization(request)), self._operator
        )

    def now(self) -> float:
        """Return the monotonic time in seconds."""
        return self._runtime.monotonic()

    def next_nonce(self) -> dict[str, str]:
        """Return the header with the nonce for the next request."""
        return {NONCE_HEADER: encode_base64(self._nonces.make(self._runtime.monotonic()))}

    def _challenge(self, detail: str) -> Response:
        headers: dict[str, Any] = {"WWW-Authenticate": SCHEME} | self.next_nonce()
        return problem(HTTPStatus.UNAUTHORIZED, detail, headers)


def _authorization(request: Request) -> bytes:
    found = [value for name, value in request.headers.raw if name == b"authorization"]
    return found[0] if len(found) == 1 else b""


def _password(shown: bytes) -> bytes:
    scheme, _, encoded = shown.partition(b" ")
    if scheme.lower() != b"basic":
        return b""
    try:
        return b64decode(encoded.strip(), validate=True).partition(b":")[2]
    except binascii.Error:
        return b""


def _target(request: Request) -> bytes:
    """Return path and query as they came: a proof is over bytes, not over what they mean."""
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    return path.partition(b"?")[0] + (b"?" + query if query else b"")
