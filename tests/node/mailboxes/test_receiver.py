"""How much of one relay's pushes waits to be saved."""

from __future__ import annotations

from typing import Any

from zentalk.node.mailboxes.receiver import _Pushed, _Waiting


def test_k33_two_windows_of_one_source_wait_and_no_more() -> None:
    waiting, envelope = _Waiting(), None
    source: Any = object()
    other: Any = object()
    pushed: Any = [_Pushed(source, seq, envelope) for seq in range(129)]  # type: ignore[arg-type]
    assert [waiting.add(one) for one in pushed] == [True] * 128 + [False]
    assert waiting.add(_Pushed(other, 0, envelope)), "another one has its own"  # type: ignore[arg-type]
