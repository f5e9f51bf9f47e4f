"""Frozen logs and a card: today's code reads, folds and signs what it did when they were made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.groups import make_vectors
from tests.groups.make_vectors import PATH, described, folded
from zentalk.groups.fold import fold
from zentalk.groups.log import GroupLog
from zentalk.ids import GroupId
from zentalk.wire.group import decode_entry
from zentalk.wire.group_acts import _NUMBERS
from zentalk.wire.group_card import decode_card

VECTORS: dict[str, Any] = json.loads(PATH.read_text("utf-8"))
LOGS: list[dict[str, Any]] = VECTORS["logs"]


def read(case: dict[str, Any]) -> GroupLog:
    group = GroupId(bytes.fromhex(case["group"]))
    entries = [decode_entry(bytes.fromhex(one["raw"]), group) for one in case["entries"]]
    log = GroupLog(entries[0])
    for entry in entries[1:]:
        assert log.insert(entry).added
    return log


@pytest.mark.parametrize("case", LOGS, ids=[case["name"] for case in LOGS])
def test_a_frozen_log_is_read_and_folded_as_it_was(case: dict[str, Any]) -> None:
    log = read(case)
    assert [described(entry) for entry in log.export()] == case["entries"]
    assert json.loads(json.dumps(folded(fold(log)))) == case["folded"]


def test_a_frozen_card_is_read_as_it_was() -> None:
    case = VECTORS["card"]
    card = decode_card(bytes.fromhex(case["raw"]), GroupId(bytes.fromhex(case["group"])))
    assert (card.member.hex(), card.version) == (case["member"], case["version"])
    assert card.card_hash.hex() == case["hash"]


def test_the_vectors_are_what_the_generator_makes() -> None:
    """Of the history drawn by chance only what it folds to is frozen: see above."""
    made = json.loads(json.dumps(make_vectors.made()))
    assert made["logs"][0] == LOGS[0]
    assert made["card"] == VECTORS["card"]


def test_every_act_is_among_them() -> None:
    acts = {entry["act"] for case in LOGS for entry in case["entries"]}
    assert acts == {act.__name__ for act in _NUMBERS}
