"""Parser bombs (K24): every parser gives a value or its declared error, and stays small."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.fuzz import runner
from tests.fuzz.mutations import BOMBS, Mutator
from tests.fuzz.target import Target, full_name
from zentalk import direct, directory, groups, link, mailbox, mesh, onion, session, wire
from zentalk.errors import DecodeError

MAX_GROWTH_KIB = 64 * 1024
CI_INPUTS = 20_000
ALL_INPUTS = 1_000_000

PARSER_NAME = re.compile(r"(decode|parse|read|unpack|open|expand|from)_\w+|unpack|from_bytes")
NOT_PARSERS = {
    "zentalk.link.handshake.read_message": "a step of Link.receive, which is tried in every state",
    "zentalk.wire.chat.decode_body": "takes values that were decoded, as part of every content",
    "zentalk.directory.snapshot.SnapshotSet.from_state": "takes values that were decoded",
}
"""Names that look like those of parsers, and why no input of their own is made for them."""


def parsers_of(package: ModuleType) -> list[str]:
    """Return the public functions and class methods that by their name read bytes."""
    found = []
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(info.name)
        members: list[Any] = []
        for member in vars(module).values():
            if getattr(member, "__module__", "") != module.__name__:
                continue
            members.append(member)
            if inspect.isclass(member):
                members += [
                    getattr(member, name)
                    for name, inner in vars(member).items()
                    if isinstance(inner, classmethod)
                ]
        found += [
            full_name(member)
            for member in members
            if inspect.isroutine(member) and PARSER_NAME.fullmatch(member.__name__)
        ]
    return found


def covered(folder: Path) -> set[str]:
    return {name for parser in runner.all_targets(folder) for name in parser.covers}


def test_k24_every_parser_has_inputs(tmp_path: Path) -> None:
    """Whoever adds a parser gives it valid inputs in tests/fuzz, or says here why not."""
    found = {
        name
        for package in (wire, link, onion, session, directory, mailbox, mesh, groups, direct)
        for name in parsers_of(package)
    }
    assert len(found) > 40
    assert found - covered(tmp_path) - set(NOT_PARSERS) == set()


def test_k24_control_a_parser_without_inputs_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode_something(_data: bytes) -> None: ...

    decode_something.__module__ = "zentalk.wire.frames"
    decode_something.__qualname__ = "decode_something"
    monkeypatch.setattr(wire.frames, "decode_something", decode_something, raising=False)
    assert "zentalk.wire.frames.decode_something" in set(parsers_of(wire)) - covered(tmp_path)


def test_valid_inputs_are_read_and_encoded_to_themselves(tmp_path: Path) -> None:
    assert runner.check_seeds(runner.all_targets(tmp_path)).findings == []


def mutated(*options: object) -> runner.Outcome:
    """Run in a process of its own, whose memory nothing else uses."""
    command = [sys.executable, "-m", "tests.fuzz.runner", *map(str, options)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    return runner.Outcome(**json.loads(done.stdout))


@pytest.mark.slow
def test_k24_mutated_inputs_give_a_value_or_the_declared_error_and_take_little_memory() -> None:
    outcome = mutated("--inputs", CI_INPUTS, "--seed", os.environ.get("ZENTALK_SEED", "1"))
    assert outcome.findings == []
    assert outcome.inputs == CI_INPUTS
    assert outcome.accepted > CI_INPUTS // 20, "too few inputs get past the first check"
    assert outcome.growth_kib < MAX_GROWTH_KIB // 8


@pytest.mark.faults
@pytest.mark.long
def test_k24_a_million_mutated_inputs() -> None:
    outcome = mutated("--inputs", ALL_INPUTS, "--seed", 2)
    assert outcome.findings == []
    assert outcome.inputs == ALL_INPUTS
    assert outcome.growth_kib < MAX_GROWTH_KIB


@pytest.mark.slow
def test_k24_control_without_the_walk_over_headers_memory_grows() -> None:
    """By more than half the limit; how much of a claim is really used is up to the allocator."""
    bare = mutated("--inputs", CI_INPUTS, "--seed", 2, "--without", "outline")
    assert bare.growth_kib > MAX_GROWTH_KIB // 2


def findings_of(parser: Target) -> set[str]:
    found = runner.run([parser], 2_000, seed=1).findings
    return {finding.problem for finding in found}


def test_k24_control_a_parser_that_leaks_an_error_is_found() -> None:
    def decode(data: bytes) -> bytes:
        if data[:1] != b"\x01":
            raise DecodeError("another format")
        return {1: b"\x01one"}[data[1]]

    assert "raises KeyError" in findings_of(Target(("leaky",), (b"\x01\x01",), decode))


def test_k24_control_a_parser_that_recurses_is_found() -> None:
    assert "raises RecursionError" in findings_of(
        Target(("deep",), (b"[]",), json.loads, errors=(ValueError,))
    )


def test_k24_control_a_second_encoding_is_found() -> None:
    def decode(data: bytes) -> int:
        return int.from_bytes(data, "big")

    two_ways = Target(("two ways",), (b"\x07",), decode, lambda n, _: n.to_bytes(1, "big"))
    assert "its value is encoded in another way" in findings_of(two_ways)


def test_the_same_seed_makes_the_same_inputs() -> None:
    def drawn(seed: int) -> list[bytes]:
        mutator = Mutator(seed, [b"other"])
        return [mutator.draw([b"valid input"]) for _ in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert sum(any(bomb in item for bomb in BOMBS) for item in drawn(1)) < 20


def test_a_guided_run_says_what_it_needs() -> None:
    if importlib.util.find_spec("atheris") is not None:
        pytest.skip("atheris is installed: the run would have no end")
    command = [sys.executable, "-m", "tests.fuzz.guided"]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (77, "")
    assert "atheris" in done.stderr
