"""What schemathesis is told of this API beside its document, when it runs as a program.

Addresses have checksums, ids are of what is there (`ZENTALK_KNOWN`), and nothing waits. What one
operation takes away no other looks for. The wildcards of the document are hidden, so that a status
counts as documented only where an operation names it.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.generation.meta import TestPhase

from zentalk.api.event_query import MAX_WAIT_SECONDS
from zentalk.ids import UserAddress
from zentalk.rest.addresses import ADDRESS_FORMAT, INVITE_FORMAT, LINK_FORMAT
from zentalk.wire.invite import InviteLink, format_invite
from zentalk.wire.text import format_address, parse_address

KNOWN: dict[str, Any] = json.loads(os.environ["ZENTALK_KNOWN"])
PATHS: list[dict[str, str]] = KNOWN["paths"]
"""Parameters of paths that belong together; the second half of each kind may be destroyed."""
BODIES: dict[str, Any] = KNOWN["bodies"]
"""Examples of bodies that name what is there, by operation."""
CALLED = Path(KNOWN["called"])
"""Where it is noted which operation was called and whether in order: a line for each call."""
IS_SHORT: bool = KNOWN["short"]
"""Whether one fixed case of each kind is enough for an operation."""
SEEN: set[tuple[str, ...]] = set()
TOO_LONG = ("414", "431")
"""What the server answers to a head that is too long, before it looks for a route."""
LONGEST_WAIT_SECONDS = 0.01
DESTROYERS = ("block", "cancel", "clear", "delete", "refuse", "remove", "revoke")

KIND = re.compile(r"^[a-z_.\[\]0-9]+: |'.*'|: [A-Z]+$|\d+")
"""What tells two cases of one kind apart: which field, which pattern, which method, how long."""

ANY_ADDRESS = st.binary(min_size=32, max_size=32).map(lambda raw: format_address(UserAddress(raw)))
AN_ADDRESS = st.just(PATHS[-1]["address"]) | ANY_ADDRESS

schemathesis.openapi.format(ADDRESS_FORMAT, AN_ADDRESS)
schemathesis.openapi.format(LINK_FORMAT, AN_ADDRESS)
schemathesis.openapi.format(
    INVITE_FORMAT,
    st.builds(InviteLink, ANY_ADDRESS.map(parse_address), st.binary(min_size=16, max_size=16)).map(
        format_invite
    ),
)
schemathesis.openapi.format(
    "uri", st.sampled_from(["http://127.0.0.1:9/hook", "https://h.example"])
)


@schemathesis.hook
def before_load_schema(_context: Any, raw_schema: dict[str, Any]) -> None:
    for path in raw_schema["paths"].values():
        for operation in path.values():
            refused = operation["responses"].pop("4XX")
            operation["responses"] |= dict.fromkeys(TOO_LONG, refused)
            del operation["responses"]["5XX"]
            parameters = operation.get("parameters", ())
            in_path = [one for one in parameters if one["in"] == "path"]
            there = _there({one["name"] for one in in_path}, operation["operationId"])
            for parameter in in_path if there else ():
                parameter["example"] = there[0][parameter["name"]]
            if operation["operationId"] in BODIES:
                [content] = operation["requestBody"]["content"].values()
                content["example"] = BODIES[operation["operationId"]]
    _say_formats_only(raw_schema["components"]["schemas"])


@schemathesis.hook
def filter_case(_context: Any, case: Any) -> bool:
    """Take one case of each kind: a field that is no text is the same mistake as the next one."""
    if not IS_SHORT or case.meta.phase.name is not TestPhase.COVERAGE:
        return True
    kind = KIND.sub("", str(case.meta.phase.data.description))
    key = (operation_id(case), case.meta.generation.mode.value, kind)
    is_new = key not in SEEN
    SEEN.add(key)
    return is_new


@schemathesis.hook
def flatmap_case(_context: Any, case: Any) -> Any:
    """Let half of the requests that are in order name what is there."""
    there = _there(set(case.path_parameters or {}), operation_id(case))
    if not there or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return st.just(case)

    def named(parameters: dict[str, str] | None) -> Any:
        if parameters is not None:
            case.path_parameters = parameters
        return case

    return (st.none() | st.sampled_from(there)).map(named)


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: dict[str, Any]) -> None:
    with suppress(KeyError, TypeError, ValueError):
        if LONGEST_WAIT_SECONDS < float(case.query["wait"]) <= MAX_WAIT_SECONDS:
            case.query["wait"] = LONGEST_WAIT_SECONDS
    name = operation_id(case)
    if name.startswith(DESTROYERS) and case.path_parameters in _there(set(case.path_parameters)):
        case.path_parameters = _there(set(case.path_parameters), name)[-1]


@schemathesis.hook
def after_call(_context: Any, case: Any, _response: Any) -> None:
    with CALLED.open("a") as file:
        print(operation_id(case), case.meta.generation.mode.value, file=file)


def operation_id(case: Any) -> str:
    return str(case.operation.definition.raw["operationId"])


def _there(names: set[str], operation: str = "") -> list[dict[str, str]]:
    there = [{name: one[name] for name in names} for one in PATHS if names and names <= one.keys()]
    half = len(there) // 2
    return there[half:] if operation.startswith(DESTROYERS) else there[:half]


def _say_formats_only(schema: Any) -> None:
    """Take the patterns of addresses away, by which some are made that have no checksum."""
    if isinstance(schema, dict):
        if schema.get("format") in (ADDRESS_FORMAT, INVITE_FORMAT, LINK_FORMAT):
            schema.pop("pattern", None)
        for part in schema.values():
            _say_formats_only(part)
    elif isinstance(schema, list):
        for part in schema:
            _say_formats_only(part)
