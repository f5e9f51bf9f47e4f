"""Lets a node that was found by its folder prove that it knows the token, before it is shown (K52).

After a crash the noted port may be somebody else's. httpx opens connections when it likes, so the
question is asked where it tells of a new one (its `trace` extension), and a connection whose other
end does not answer rightly is closed before any request goes over it. Spec:
docs/reference/rest.md, section Proof. It never shows the token itself.
"""

from __future__ import annotations

import json
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import httptools

from zentalk.crypto.types import Entropy
from zentalk.errors import StrangerError
from zentalk.web.token_proof import NONCE_BYTES, PROOF_PATH, key_of, name_of, proves

OPENS: Final = "connection.connect_tcp.started"
OPENED: Final = "connection.connect_tcp.complete"
TIMEOUT_SECONDS: Final = 10.0
_READ_BYTES: Final = 4096
_MAX_BYTES: Final = 16_384


class _Stream(Protocol):
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes: ...
    def write(self, buffer: bytes, timeout: float | None = None) -> None: ...
    def close(self) -> None: ...


class _AsyncStream(Protocol):
    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes: ...
    async def write(self, buffer: bytes, timeout: float | None = None) -> None: ...
    async def aclose(self) -> None: ...


class Question:
    """One proof on one connection: `request` is what to send, `feed` takes what comes back."""

    def __init__(self, token: str, host: str, port: int, entropy: Entropy) -> None:
        self._key = key_of(token)
        self._port = port
        self._nonce = entropy(NONCE_BYTES)
        self._url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        asked = urlencode({"nonce": self._nonce.hex(), "key": name_of(self._key).hex()})
        place = self._url.removeprefix("http://")
        self.request = f"GET {PROOF_PATH}?{asked} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode()
        self._parser = httptools.HttpResponseParser(self)
        self._size = 0
        self._body = b""
        self._is_whole = False
        self._goes_on = False

    def feed(self, data: bytes) -> bool:
        """Take bytes of the answer, none at its end; True once it proved what it should.

        Raises StrangerError if it cannot be a proof, or is a wrong one.
        """
        self._size += len(data)
        if not data or self._size > _MAX_BYTES:
            raise self._stranger()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            raise self._stranger() from None
        if self._is_whole and not self._is_proof():
            raise self._stranger()
        return self._is_whole

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._body += body

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self._is_whole = True
        self._goes_on = self._parser.should_keep_alive()

    def _is_proof(self) -> bool:
        try:
            proof = bytes.fromhex(json.loads(self._body)["proof"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return False
        return self._goes_on and proves(proof, self._key, self._nonce, self._port)

    def _stranger(self) -> StrangerError:
        return StrangerError(
            f"what answers at {self._url} cannot prove that it knows the node's token on that"
            " port, and was not shown it; look whether the node runs"
        )


class _Opening:
    """The place to which a request opens a connection, if it does not use one that is open."""

    def __init__(self, token: str, entropy: Entropy) -> None:
        self._token = token
        self._entropy = entropy
        self._place = ("", 0)

    def question(self, event: str, info: dict[str, Any]) -> Question | None:
        """Take note of what httpx does; returns the question for a connection that is new."""
        if event == OPENS:
            self._place = (str(info["host"]), int(info["port"]))
        return Question(self._token, *self._place, self._entropy) if event == OPENED else None


class Prover:
    """Asks on every new connection of a blocking client: `trace` of one request."""

    def __init__(self, token: str, entropy: Entropy) -> None:
        self._opening = _Opening(token, entropy)

    def __call__(self, event: str, info: dict[str, Any]) -> None:
        """Called by httpx with each step of the request."""
        question = self._opening.question(event, info)
        if question is None:
            return
        stream: _Stream = info["return_value"]
        try:
            stream.write(question.request, TIMEOUT_SECONDS)
            while not question.feed(stream.read(_READ_BYTES, TIMEOUT_SECONDS)):
                pass
        except BaseException:
            stream.close()
            raise


class AsyncProver:
    """Asks on every new connection of a client that is awaited: `trace` of one request."""

    def __init__(self, token: str, entropy: Entropy) -> None:
        self._opening = _Opening(token, entropy)

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        """Called by httpx with each step of the request."""
        question = self._opening.question(event, info)
        if question is None:
            return
        stream: _AsyncStream = info["return_value"]
        try:
            await stream.write(question.request, TIMEOUT_SECONDS)
            while not question.feed(await stream.read(_READ_BYTES, TIMEOUT_SECONDS)):
                pass
        except BaseException:
            await stream.aclose()
            raise
