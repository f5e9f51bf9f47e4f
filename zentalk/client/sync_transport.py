"""How the blocking client reaches a node: its connections, the token on them, each request.

It goes through no proxy, and never puts the token anywhere but into its header.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from zentalk.client.calls import Call, T, read_answer, transport_error
from zentalk.client.file_bodies import Pieces
from zentalk.client.folder import find_node
from zentalk.client.proof import Prover
from zentalk.client.waits import TIMEOUT_SECONDS, patient
from zentalk.web.address_file import noted_url


class SyncTransport:
    """The part of the client that is below its calls; use it in a `with` block."""

    def __init__(self, base_url: str, token: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._base_url = base_url
        self._folder: Path | None = None
        self._extensions: Callable[[], dict[str, Any]] = dict
        """What each request asks of httpx besides."""
        self._http = httpx.Client(
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout_seconds,
            trust_env=False,  # A proxy of the environment would get the token.
        )

    @classmethod
    def from_dir(cls, folder: Path | str, timeout_seconds: float = TIMEOUT_SECONDS) -> Self:
        """Return a client of the node that runs in a folder, with its owner's token.

        Each connection has to prove that it leads to the node before the token is shown there;
        else calls raise StrangerError. Raises ConfigError if the folder has no token,
        UnavailableError if its node does not run.
        """
        url, token = find_node(Path(folder))
        client = cls(url, token, timeout_seconds)
        client._folder = Path(folder)
        client._extensions = lambda: {
            "trace": Prover(token, os.urandom)  # noqa: TID251 - the edge
        }
        return client

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @contextmanager
    def _open(
        self,
        call: Call[T],
        silence_seconds: float | None,
        content: Pieces | None = None,
    ) -> Iterator[httpx.Response]:
        """Give an answer that is still to be read; raises as `_run` does, also inside."""
        try:
            with self._http.stream(
                call.method,
                call.path,
                params=call.params,
                headers=call.headers,
                content=content,
                timeout=patient(self._http.timeout, silence_seconds),
                extensions=self._extensions(),
            ) as response:
                if response.is_error:
                    response.read()
                    read_answer(call, response)
                yield response
        except httpx.TransportError as error:
            raise transport_error(self._base_url, error) from None

    def _run(self, call: Call[T]) -> T:
        try:
            response = self._http.request(
                call.method,
                call.path,
                params=call.params,
                json=call.json,
                headers=call.headers,
                extensions=self._extensions(),
            )
        except httpx.TransportError as error:
            raise transport_error(self._base_url, error) from None
        return read_answer(call, response)

    def _find_again(self) -> None:
        """Reach the node where it is now: a restart may have given it another port."""
        url = None if self._folder is None else noted_url(self._folder)
        if url is not None:
            self._base_url = url
            self._http.base_url = httpx.URL(url)
