"""Calls of the command line to a running API node, over the standard library's HTTP.

`zentalk.client` has the same calls with types, for programs that run longer than a command: loading
what it is made of takes several times as long as the call. This one answers with plain JSON, one
call after the other on one connection, through no proxy; bytes of files go piece by piece. It never
prints the token, and shows it on a connection only after the other end has proved there that it
knows it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from zentalk.errors import (
    ConnectFailedError,
    DeadlineError,
    LinkClosedError,
    StrangerError,
    ZentalkError,
)
from zentalk.web.token_proof import NONCE_BYTES, PROOF_PATH, key_of, name_of, proves

TIMEOUT_SECONDS: Final = 30.0
FILE_TIMEOUT_SECONDS: Final = 120.0
"""How long relays may take to bring a node the next piece of a file."""
_MAX_ANSWER_BYTES: Final = 2**28
_MAX_PROOF_BYTES: Final = 4096
_MAX_LINE_BYTES: Final = 2**22
_DATA: Final = b"data: "
_ERROR: Final = 400
_CONFLICT: Final = 409
_DENIED: Final = (401, 403)


class NodeRefusedError(ZentalkError):
    """The node answered with an error; the text is its own sentence."""


class NodeConflictError(NodeRefusedError):
    """What is there does not allow it."""


class TokenRefusedError(NodeRefusedError):
    """The node does not take the token, or does not answer under this name."""


class ServedAt(NamedTuple):
    """Where a node serves."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The place as people write it."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def read_url(url: str) -> ServedAt | None:
    """Return the place that a URL names: http://HOST:PORT and nothing after it; None if not."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    plain = parts.scheme == "http" and parts.path in {"", "/"} and "@" not in parts.netloc
    if not plain or parts.query or parts.fragment or not parts.hostname or not port:
        return None
    # Only one machine is meant: another program may have the same port of ::1.
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
    return ServedAt(host, port)


class NodeClient:
    """One API node; use it in `with contextlib.closing(...)`.

    Every call raises NodeRefusedError with the node's own sentence, and a TransportError when the
    node cannot be reached, does not answer in time or leaves.
    """

    def __init__(self, place: ServedAt, token: str) -> None:
        self.place = place
        self._token = token
        self._connection: HTTPConnection | None = None
        self.has_changed = False
        """Whether the node has done something that a command asked for."""

    def get(self, path: str, **params: int | str) -> Any:
        """Return what is there."""
        return self._call("GET", path + ("?" + urlencode(params) if params else ""), None)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Change something and return the answer."""
        return self._change("POST", path, {} if body is None else body)

    def tell(self, path: str) -> None:
        """Let the node know of something by the way, which is not what a command is for."""
        self._call("POST", path, {})

    def put(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Set something and return the answer."""
        return self._change("PUT", path, {} if body is None else body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Change some of something and return the answer."""
        return self._change("PATCH", path, body)

    def remove(self, path: str) -> Any:
        """Take something back and return the answer."""
        return self._change("DELETE", path, None)

    def delete(self, path: str) -> None:
        """Remove something."""
        self._change("DELETE", path, None)

    def events(self, after: int, *, signals: bool = False) -> Iterator[Any]:
        """Yield the events after a number as they happen, until the node stops.

        With `signals`, who is writing and who is there comes too, without a number. The connection
        serves nothing else meanwhile.
        """
        query = urlencode({"after": after} | ({"signals": "true"} if signals else {}))
        with self._reading(f"/v1/events/stream?{query}", {}) as response:
            try:
                while line := response.readline(_MAX_LINE_BYTES):
                    if line.startswith(_DATA):
                        yield json.loads(line.removeprefix(_DATA))
            except (ValueError, RecursionError):
                raise NodeRefusedError(
                    f"what answers at {self.place.url} is not an API node"
                ) from None

    def upload(self, path: str, headers: Mapping[str, str], pieces: Iterable[bytes]) -> Any:
        """Send a body piece by piece and return the answer; raises what `pieces` raises too."""
        try:
            with self._reaching():
                connection = self._connected()
                with suppress(BrokenPipeError, ConnectionResetError):  # It may have said why.
                    connection.request("POST", path, pieces, self._shown(headers))
                answer = self._answer(connection.getresponse())
        except BaseException:
            self.close()  # Half of a request may be on it.
            raise
        self.has_changed = True
        return answer

    @contextmanager
    def download(self, path: str, headers: Mapping[str, str]) -> Iterator[HTTPResponse]:
        """Give an answer that is to be read piece by piece; raises as all calls do, also inside.

        The connection serves nothing else meanwhile.
        """
        with self._reading(path, headers, FILE_TIMEOUT_SECONDS) as response:
            yield response

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _change(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        answer = self._call(method, path, body)
        self.has_changed = True
        return answer

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        with self._reaching():
            return self._answer(self._ask(method, path, body))

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Say in our words how a connection has failed, and close it then."""
        try:
            yield
        except TimeoutError:
            self.close()
            raise DeadlineError(f"{self.place.url} did not answer in time") from None
        except (HTTPException, OSError):
            self.close()
            raise LinkClosedError(f"{self.place.url} closed the connection") from None

    @contextmanager
    def _reading(
        self, path: str, headers: Mapping[str, str], timeout_seconds: float = TIMEOUT_SECONDS
    ) -> Iterator[HTTPResponse]:
        """Give an answer that is to be read inside, on a connection that then ends."""
        try:
            with self._reaching():
                connection = self._connected()
                connection.sock.settimeout(timeout_seconds)
                connection.request("GET", path, headers=self._shown(headers))
                response = connection.getresponse()
                if response.status >= _ERROR:
                    self._answer(response)
                yield response
        finally:
            self.close()

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> HTTPResponse:
        connection = self._connected()
        content, headers = None, {}
        if body is not None:
            content = json.dumps(body).encode("ascii")
            headers["Content-Type"] = "application/json"
        connection.request(method, path, content, self._shown(headers))
        return connection.getresponse()

    def _shown(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}", **headers}

    def _connected(self) -> HTTPConnection:
        """Return the connection, made again if the last answer ended it."""
        connection = self._connection
        if connection is None or connection.sock is None:
            connection = HTTPConnection(*self.place, timeout=TIMEOUT_SECONDS)
            connection.auto_open = 0  # It must not connect again behind our back, unproved.
            try:
                connection.connect()
            except OSError:
                raise ConnectFailedError(self.place.url, "nothing answers there") from None
            self._connection = connection
            self._recognise(connection)
        return connection

    def _recognise(self, connection: HTTPConnection) -> None:
        """Let the other end of a new connection prove that it knows the token."""
        key = key_of(self._token)
        nonce = os.urandom(NONCE_BYTES)  # noqa: TID251 - the edge
        asked = urlencode({"nonce": nonce.hex(), "key": name_of(key).hex()})
        try:
            connection.request("GET", f"{PROOF_PATH}?{asked}")
            response = connection.getresponse()
            proof = bytes.fromhex(json.loads(response.read(_MAX_PROOF_BYTES))["proof"])
        except TimeoutError:
            raise
        except (HTTPException, OSError, ValueError, KeyError, TypeError, RecursionError):
            proof = b""
        if connection.sock is None or not proves(proof, key, nonce, self.place.port):
            self.close()
            raise StrangerError(
                f"what answers at {self.place.url} cannot prove that it knows this token on that"
                " port, and was not shown it; check the address and the token"
            )

    def _answer(self, response: HTTPResponse) -> Any:
        content = response.read(_MAX_ANSWER_BYTES)
        if not response.isclosed():
            self.close()
        try:
            answer = json.loads(content) if content else None
        except (ValueError, RecursionError):
            answer = None
        if response.status >= _ERROR:
            raise _refusal(response.status, answer)
        if answer is None and content:
            raise NodeRefusedError(f"what answers at {self.place.url} is not an API node")
        return answer


def _refusal(status: int, answer: Any) -> NodeRefusedError:
    detail = answer.get("detail") if isinstance(answer, dict) else None
    sentence = str(detail) if detail else f"the node answered with status {status}"
    if status == _CONFLICT:
        return NodeConflictError(sentence)
    return (TokenRefusedError if status in _DENIED else NodeRefusedError)(sentence)
