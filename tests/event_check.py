"""Holds every event that code under test appends against the table of bodies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from zentalk.rest.event_schema import TYPED_EVENT
from zentalk.store.history import events
from zentalk.store.sqlite import Transaction


def check_every_event(patch: pytest.MonkeyPatch) -> None:
    """Let appending fail for a type that is not in the table, or a body that is not its own."""
    append = events.append

    def checked(
        tx: Transaction, kind: str, at: float, data: dict[str, Any], message: str | None = None
    ) -> None:
        line = {"seq": 1, "type": kind, "at": at, "data": json.loads(json.dumps(data))}
        TYPED_EVENT.validate_python(line)
        append(tx, kind, at, data, message)

    patch.setattr(events, "append", checked)
