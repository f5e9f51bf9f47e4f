"""No test sleeps for long: what takes time is waited for, or runs in virtual time.

Two nets, because neither sees all: one reads the sources of what runs in real time, programs that
tests start included, and one watches the calls of tests themselves.
"""

from __future__ import annotations

import ast
import sys
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

LONGEST_SECONDS = 1.0
TESTS = Path(__file__).resolve().parent
VIRTUAL = ("autojump_clock", "mock_clock", "MockClock", "Runtime.virtual")
"""A file that names none of these runs in real time."""

RHYTHMS = {("faults/proxy.py", "half_opens"), ("faults/proxy.py", "stalls")}
"""Functions that make trouble at their own pace in `make long`, while nobody waits for them."""


def long_sleeps(source: str, name: str = "") -> Iterator[str]:
    """Yield each call in a file's source that sleeps for more than a second of real time."""
    virtual = any(word in source for word in VIRTUAL)
    if "time.sleep" not in source and (virtual or "trio.sleep" not in source):
        return
    tree = ast.parse(source)
    numbers = _numbers(tree)
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for call in ast.walk(function):
            if not isinstance(call, ast.Call) or not call.args:
                continue
            what = ast.unparse(call.func)
            if what not in {"time.sleep", "trio.sleep"} or (what == "trio.sleep" and virtual):
                continue
            seconds = _value(call.args[0], numbers)
            if seconds > LONGEST_SECONDS and (name, function.name) not in RHYTHMS:
                yield f"{name}:{call.lineno} {ast.unparse(call)}"


def refuse_long_sleeps(patch: pytest.MonkeyPatch) -> None:
    """Make `time.sleep` and, for callers among the tests, `trio.sleep` fail instead."""
    sleep, trio_sleep = time.sleep, trio.sleep
    tests = f"{TESTS}/"

    def checked(seconds: float) -> None:
        _refuse(seconds)
        sleep(seconds)

    def trio_checked(seconds: float) -> Awaitable[None]:
        if seconds > LONGEST_SECONDS:
            of_a_test = sys._getframe(1).f_code.co_filename.startswith(tests)
            if of_a_test and not isinstance(trio.lowlevel.current_clock(), MockClock):
                _refuse(seconds)
        return trio_sleep(seconds)

    patch.setattr(time, "sleep", checked)
    patch.setattr(trio, "sleep", trio_checked)


def _refuse(seconds: float) -> None:
    if seconds > LONGEST_SECONDS:
        pytest.fail(f"a test sleeps for {seconds:g} s of real time; wait for what you wait for")


def _numbers(tree: ast.Module) -> dict[str, float]:
    """Return the module's own constants whose value can be read here."""
    numbers: dict[str, float] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    numbers[target.id] = _value(node.value, numbers)
    return numbers


def _value(node: ast.expr, numbers: dict[str, float]) -> float:
    """Return the value of a number, a name or a product of such; 0 for what is not known."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.Name):
        return numbers.get(node.id, 0)
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, numbers), _value(node.right, numbers)
        if isinstance(node.op, ast.Mult):
            return left * right
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Div) and right:
            return left / right
    return 0
