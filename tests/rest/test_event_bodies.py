"""Every type of event that the node appends is in the table, and the table has no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.event_check import check_every_event
from tests.node.persons import NOW, Person
from zentalk.rest import event_bodies
from zentalk.rest.event_bodies import EVENT_BODIES
from zentalk.rest.event_schema import TYPED_EVENT, EventsPage
from zentalk.store.history import events

TYPE = re.compile(r"(?!zentalk\.)[a-z]+\.[a-z_-]+")
NOTE = {"seq": 1, "type": "node.copied", "at": 1.0, "data": {"note": "look"}}


def appending(tree: ast.Module) -> Iterator[str]:
    """The types in a module that appends events: all its words that look like one."""
    names = {"append", "append_row"}
    appends = any(
        isinstance(node, ast.Attribute)
        and node.attr in names
        and isinstance(node.value, ast.Name)
        and node.value.id == "events"
        for node in ast.walk(tree)
    )
    if appends:
        words = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        yield from (w for w in words if isinstance(w, str) and TYPE.fullmatch(w))


def all_appended(repository: Path) -> set[str]:
    modules = (repository / "zentalk").rglob("*.py")
    return {kind for path in modules for kind in appending(ast.parse(path.read_text("utf-8")))}


def test_all_types_that_are_appended_are_in_the_table(repository: Path) -> None:
    assert all_appended(repository) == set(EVENT_BODIES)


def test_control_a_type_without_a_row_is_found(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(event_bodies.EVENT_BODIES, "node.copied")
    assert all_appended(repository) - set(EVENT_BODIES) == {"node.copied"}


def test_the_union_is_told_apart_by_its_type() -> None:
    schema = EventsPage.model_json_schema()
    union = schema["properties"]["events"]["items"]
    assert union["discriminator"]["propertyName"] == "type"
    assert set(union["discriminator"]["mapping"]) == set(EVENT_BODIES)
    assert TYPED_EVENT.validate_python(NOTE).model_dump() == NOTE
    wrongs: list[dict[str, object]] = [{"type": "device.added"}, {"type": "made.up"}, {"data": {}}]
    for wrong in wrongs:
        with pytest.raises(ValidationError):
            TYPED_EVENT.validate_python(NOTE | wrong)


def test_a_wrong_body_cannot_be_appended_in_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(tmp_path, "alice")
    check_every_event(monkeypatch)
    with pytest.raises(ValidationError):
        person.tx(lambda tx: events.append(tx, "node.copied", NOW, {"nota": "look"}))
    person.tx(lambda tx: events.append(tx, "node.copied", NOW, {"note": "look"}))
    person.close()
