"""`zentalk conversation import`: an export comes back into a node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from zentalk.cli.connect import At, running_node
from zentalk.cli.node_client import NodeClient, NodeConflictError
from zentalk.cli.output import say, say_json
from zentalk.client.calls import Call
from zentalk.client.importing import ImportReport, StepwiseImport
from zentalk.errors import ConflictError
from zentalk.rest.imports import ImportOut


def take_in(at: At, path: Path, *, as_json: bool) -> int:
    """Import a file, and say what it took and what it left out."""
    with closing(StepwiseImport(path)) as run, running_node(at) as node:
        call = run.next(None)
        while call is not None:
            call = run.next(_answer(node, call))
        assert run.report is not None
        if as_json:
            say_json(asdict(run.report))
            return 0
        for line in _lines(run.report):
            say(line)
    return 0


def _answer(node: NodeClient, call: Call[ImportOut]) -> ImportOut | ConflictError:
    try:
        return call.read(node.post(call.path, call.json))
    except NodeConflictError as error:
        return ConflictError(str(error))


def _lines(report: ImportReport) -> Iterator[str]:
    yield (
        f"{_count(report.conversations, 'conversation')}: {_count(report.added, 'message')} added,"
        f" {report.known} here already"
    )
    if report.contacts_added:
        yield (
            f"{_count(report.contacts_added, 'new contact')}, none verified: compare the safety"
            " numbers; keys are in no export, so the next message makes new ones"
        )
    if report.expired:
        yield f"left out: {_count(report.expired, 'message')} that disappeared meanwhile"
    for one in report.left_out:
        yield f"left out: {_count(one.messages, 'message')} with {one.address}: {one.reason}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
