"""The OpenAPI document: complete, with valid examples, and of one mind with the answers."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, TypeAdapter

from tests.api.documented import Documented, openapi_document
from tests.api.double import BOB, FakeNode
from zentalk.api.openapi import TAGS
from zentalk.api.openapi_errors import ANSWERS
from zentalk.rest import answer_examples, event_schema, examples
from zentalk.rest.base import Body, Resource
from zentalk.web.problem_types import KIND_OF, KINDS, PREFIX
from zentalk.web.problems import PROBLEM_TYPE
from zentalk.wire.invite import parse_invite
from zentalk.wire.text import format_address, parse_address

JSON = "application/json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi_document()


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def resolved(document: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    name = answer.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = document["components"]["responses"][name] if name else answer
    return found


def models(of: type[BaseModel]) -> dict[str, type[BaseModel]]:
    found = {of.__name__: of}
    for each in of.__subclasses__():
        found |= models(each)
    return found


def test_each_operation_says_what_it_is_and_what_it_answers(document: dict[str, Any]) -> None:
    assert [tag["name"] for tag in document["tags"]] == list(TAGS)
    for operation in operations(document):
        assert operation["summary"]
        assert operation["description"]
        [tag] = operation["tags"]
        assert tag in TAGS
        for answer in operation["responses"].values():
            said = resolved(document, answer)["description"]
            assert said
            assert said != "Successful Response"


def test_every_error_is_a_problem_document_with_an_example_of_a_known_type(
    document: dict[str, Any],
) -> None:
    for operation in operations(document):
        errors = {k: v for k, v in operation["responses"].items() if k >= "400"}
        assert {"403", "500", "503", "4XX", "5XX"} <= set(errors)
        for status, reference in errors.items():
            [(media, content)] = resolved(document, reference)["content"].items()
            assert media == PROBLEM_TYPE
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            shown = [content["example"]] if "example" in content else []
            shown += [one["value"] for one in content.get("examples", {}).values()]
            assert shown
            for problem in shown:
                assert problem["type"].removeprefix(PREFIX) in KINDS
                assert str(problem["status"]).startswith(status.rstrip("X"))
    assert set(ANSWERS) <= set(KIND_OF)


def test_every_body_answer_and_parameter_has_an_example(document: dict[str, Any]) -> None:
    for operation in operations(document):
        where = operation["operationId"]
        for content in operation.get("requestBody", {"content": {}})["content"].values():
            assert "example" in content, where
        for status, answer in operation["responses"].items():
            if status < "300" and JSON in answer.get("content", {}):
                assert "example" in answer["content"][JSON], where
        for parameter in operation.get("parameters", ()):
            assert not parameter["required"] or "example" in parameter, (where, parameter)


def test_examples_are_what_the_models_read_and_all_are_used(document: dict[str, Any]) -> None:
    shown = str(document)
    known = models(Body) | models(Resource)
    for name, example in (examples.BODY_EXAMPLES | answer_examples.ANSWER_EXAMPLES).items():
        assert f"'#/components/schemas/{name}'" in shown, f"{name} is in no route"
        model = known[name]
        read = TypeAdapter(model).validate_python(example, extra="forbid", strict=None)
        if not issubclass(model, Body) and model is not event_schema.EventsPage:
            assert read.model_dump(mode="json") == example
    for address in (examples.ALICE, examples.BOB, examples.CAROL, examples.GROUP):
        assert format_address(parse_address(address)) == address
    assert format_address(BOB) == examples.BOB
    with pytest.raises(Exception, match="typing error"):  # nobody is to add themselves by it
        parse_invite(answer_examples.ANSWER_EXAMPLES["Invite"]["link"])


def test_names_are_ones_that_a_generator_can_use(document: dict[str, Any]) -> None:
    assert all(name.isidentifier() for name in document["components"]["schemas"])
    for answer in document["components"]["responses"]:
        assert answer.isidentifier()
    assert "HTTPValidationError" not in str(document)


async def test_a_method_that_a_path_does_not_take_is_told_all_that_it_does(
    rest: httpx.AsyncClient,
) -> None:
    refused = await rest.options("/v1/contacts")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, POST")
    other = await rest.patch(f"/v1/contacts/{examples.BOB}")
    assert (other.status_code, other.headers["allow"]) == (405, "DELETE")


async def test_control_a_status_that_is_not_documented_is_found(
    rest: httpx.AsyncClient, node: FakeNode, document: dict[str, Any]
) -> None:
    answer = await rest.post(f"/v1/contacts/{examples.BOB}/accept")
    check = Documented(document)
    await check(answer)
    without = deepcopy(document)
    del without["paths"]["/v1/contacts/{address}/accept"]["post"]["responses"]["404"]
    with pytest.raises(AssertionError, match="acceptRequest answered 404"):
        await Documented(without)(answer)
