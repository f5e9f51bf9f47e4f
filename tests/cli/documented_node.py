"""A node that answers each question with the example of the OpenAPI document, and notes which."""

from __future__ import annotations

import copy
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.api.documented import openapi_document
from zentalk.cli.node_client import NodeClient

_JSON = "application/json"
_PAGED = {"listMessages", "listEvents"}
"""What is asked for again after the last of a page: then nothing follows the first page."""


@cache
def _document() -> dict[str, Any]:
    return openapi_document()


def operation_ids() -> set[str]:
    """Return the ids of all operations."""
    paths = _document()["paths"].values()
    return {each["operationId"] for operations in paths for each in operations.values()}


def reading_ids() -> set[str]:
    """Return the ids of operations that change nothing, and of marking as read."""
    paths = _document()["paths"].values()
    reading = {each["operationId"] for one in paths for how, each in one.items() if how == "get"}
    return reading | {"markConversationRead", "proveToken"}


class ShownFile(io.BytesIO):
    """The answer to a download."""

    status = 200

    def getheader(self, _name: str) -> str | None:
        return None


class DocumentedNode:
    """Takes the place of the node in every call of the command line.

    `asked` has the operation ids of what was asked, in order.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        # Fixed segments come before parameters, as in the table of routes.
        paths = sorted(_document()["paths"], key=lambda path: path.replace("{", "~"))
        self._paths = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path) for path in paths]

    @property
    def message(self) -> dict[str, Any]:
        """The message of the examples."""
        sent = self._operation("POST", "/v1/conversations/x/messages")["responses"]["202"]
        found: dict[str, Any] = sent["content"][_JSON]["example"]
        return found

    def take_calls(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Answer in place of every node from now on."""
        monkeypatch.setattr(NodeClient, "_call", lambda _client, *call: self._answer(*call))
        monkeypatch.setattr(NodeClient, "upload", lambda _client, *sent: self._take(*sent))
        monkeypatch.setattr(NodeClient, "download", lambda _client, *asked: self._give(*asked))
        monkeypatch.setattr(NodeClient, "events", lambda _client, *_, **__: self._events())

    def _answer(self, method: str, target: str, _body: Mapping[str, Any] | None) -> Any:
        parts = urlsplit(target)
        operation = self._operation(method, parts.path)
        self.asked.append(operation["operationId"])
        answer = next(each for code, each in operation["responses"].items() if code[0] == "2")
        example = copy.deepcopy(answer.get("content", {}).get(_JSON, {}).get("example"))
        after = int(parse_qs(parts.query).get("after", ["-1"])[0])
        if operation["operationId"] in _PAGED and after >= 0:
            return {name: [] for name in example if name != "next"}
        return example

    def _take(self, path: str, _headers: Mapping[str, str], pieces: Iterable[bytes]) -> Any:
        for _piece in pieces:
            pass
        return self._answer("POST", path, None)

    @contextmanager
    def _give(self, path: str, _headers: Mapping[str, str]) -> Iterator[ShownFile]:
        self._answer("GET", path, None)
        file = self._operation("GET", "/v1/files/x")["responses"]["200"]["content"][_JSON]
        yield ShownFile(bytes(file["example"]["size"]))

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        for pattern, template in self._paths:
            if pattern.fullmatch(path):
                found: dict[str, Any] = _document()["paths"][template][method.lower()]
                return found
        raise AssertionError(f"there is no route {method} {path}")

    def _events(self) -> Iterator[dict[str, Any]]:
        self.asked.append("streamEvents")
        yield {"type": "message.created", "data": self.message}
