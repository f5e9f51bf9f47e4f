"""The OpenAPI document: what FastAPI reads off the routes, and what only we know.

It adds names, scopes, examples, and the problem documents with which any route may answer. The
statuses that a route names, and those added here by its kind, are all that it answers with once a
request has reached it; `4XX` and `5XX` stand for what the server refuses before that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI

from zentalk.api.openapi_errors import components, reference
from zentalk.api.route_table import ROUTES, Need, Operation
from zentalk.api.stream import EventStream
from zentalk.rest.answer_examples import ANSWER_EXAMPLES, STREAM_EXAMPLE
from zentalk.rest.examples import BODY_EXAMPLES, PARAMETER_EXAMPLES
from zentalk.rest.signals import SIGNALS, signal_schemas

DESCRIPTION: Final = """\
A person's own node. Requests need `Authorization: Bearer TOKEN`, with the owner's token or that of
a device, unless they say that they need none. `x-scope` is the scope that a token must have at
least. HEAD works wherever GET does. Times are unix seconds. Pass over fields, and types of events,
that you do not know: they are only ever added."""
TAGS: Final = {
    "messages": "Messages, one by one and as pages of a conversation.",
    "conversations": "What is done with a conversation as a whole; who is writing, who is there.",
    "events": "The log of all that happens: by page, or as a stream.",
    "contacts": "People, requests, introductions and safety numbers.",
    "files": "Files that relays keep without being able to read them.",
    "groups": "Groups and channels; what is said in them goes over conversations and messages.",
    "invites": "Links by which somebody becomes a contact.",
    "node": "The node, its owner, and what others see of the owner.",
    "devices": "Tokens of devices, and how a new device gets one.",
    "links": "The other node of the owner, and the recovery phrase.",
    "mailboxes": "Where others leave mail for the owner.",
    "push": "How devices that are away are woken.",
    "webhooks": "Programs that are told of events over HTTP.",
}
_OF_FASTAPI: Final = ("HTTPValidationError", "ValidationError")
"""Models of errors that no answer of ours has."""


class RestApp(FastAPI):
    """FastAPI with the whole of our OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            _complete(document)
            self.openapi_schema = document
        return self.openapi_schema


def _complete(document: dict[str, Any]) -> None:
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    document["security"] = [{"bearer": []}]
    parts = document["components"]
    parts["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    parts["responses"] = components()
    for name in _OF_FASTAPI:
        parts["schemas"].pop(name, None)
    parts["schemas"] |= signal_schemas()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            entry = ROUTES.get(f"{method.upper()} {path}")
            if entry is not None:
                _describe(operation, entry)
            _show_examples(operation)
            _tell_answers(operation, parts["schemas"], writes=method != "get")
    _describe_stream(document)


def _describe(operation: dict[str, Any], entry: Operation) -> None:
    """Say what the table of routes knows of an operation."""
    operation["operationId"] = entry.name
    operation["summary"] = re.sub("(?<=[a-z])(?=[A-Z])", " ", entry.name).capitalize()
    operation["x-scope"] = entry.need.name.lower()
    if entry.need is Need.NOTHING:
        operation["security"] = []


def _show_examples(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        _leave_null_out(parameter)
        example = PARAMETER_EXAMPLES.get(parameter["name"])
        if example is not None and parameter["required"]:
            parameter["example"] = example
    for media, examples in (
        (operation.get("requestBody", {}).get("content", {}), BODY_EXAMPLES),
        (_done(operation).get("content", {}), ANSWER_EXAMPLES),
    ):
        for content in media.values():
            if _model(content) in examples:
                content["example"] = examples[_model(content)]
    stream = _done(operation).get("content", {}).get(EventStream.media_type)
    if stream is not None:  # no schema: a document cannot say that the body is a row of events
        stream.clear()
        stream["example"] = STREAM_EXAMPLE


def _describe_stream(document: dict[str, Any]) -> None:
    """Say what each line of the event stream is: a whole stream is no JSON."""
    events = document["components"]["schemas"]["EventsPage"]["properties"]["events"]["items"]
    signals = [{"$ref": f"#/components/schemas/{one}"} for one in SIGNALS]
    answer = document["paths"]["/v1/events/stream"]["get"]["responses"]["200"]
    answer["content"]["text/event-stream"]["x-item-schema"] = {"anyOf": [events, *signals]}


def _leave_null_out(parameter: dict[str, Any]) -> None:
    """Let a parameter have its own type: one that is left out is null for the library only."""
    schema = parameter["schema"]
    kinds = [kind for kind in schema.pop("anyOf", ()) if kind != {"type": "null"}]
    if kinds:
        [kind] = kinds
        schema |= kind


def _tell_answers(operation: dict[str, Any], schemas: dict[str, Any], *, writes: bool) -> None:
    """Describe the answer that is no error, and name every error."""
    done = _done(operation)
    names = [_model(content) for content in done.get("content", {}).values()]
    told = schemas.get(names[0], {}).get("description") if names else "There is nothing to answer."
    done["description"] = told or "As it was asked for."
    answers = operation["responses"]
    own = {int(status) for status in answers if status >= "400"}
    if writes:  # what is written at a replica may be refused
        own.add(HTTPStatus.CONFLICT)
    for status in sorted(own | set(_any_may_fail(operation))):
        answers[str(status)] = reference(HTTPStatus(status))
    answers["4XX"], answers["5XX"] = reference("4XX"), reference("5XX")


def _any_may_fail(operation: dict[str, Any]) -> Iterator[int]:
    """Yield the errors that an operation may answer with because of its form."""
    yield from (HTTPStatus.FORBIDDEN, HTTPStatus.INTERNAL_SERVER_ERROR)
    yield HTTPStatus.SERVICE_UNAVAILABLE
    if operation.get("security") != []:
        yield from (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)
    if "requestBody" in operation:
        yield from (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _done(operation: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of an operation that is no error and no part of another one."""
    found: dict[str, Any] = operation["responses"][min(operation["responses"])]
    return found


def _model(content: dict[str, Any]) -> str:
    """Return the name of the model of a body or answer; empty if it has none."""
    return str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]
