"""What a parser under test is: good inputs, the call, its errors, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from zentalk.errors import RemoteProtocolError


@dataclass(frozen=True)
class Target:
    """One parser.

    `covers` names what of the package it calls. `again` returns the bytes that a value is
    encoded to (its second argument is the input, for what a value does not keep); None
    where there is no one encoding, and `why_not` says why.
    """

    covers: tuple[str, ...]
    seeds: tuple[bytes, ...]
    parse: Callable[[bytes], Any]
    again: Callable[[Any, bytes], bytes] | None = None
    why_not: str = ""
    errors: tuple[type[Exception], ...] = (RemoteProtocolError,)

    @property
    def name(self) -> str:
        """The parser's own name."""
        return self.covers[0]


def full_name(function: Any) -> str:
    """Return `package.module.name` of a function or class method."""
    return f"{function.__module__}.{function.__qualname__}"


def target(
    function: Any,
    seeds: Sequence[bytes],
    *,
    parse: Callable[[bytes], Any] | None = None,
    again: Callable[[Any], bytes] | None = None,
    again_from: Callable[[Any, bytes], bytes] | None = None,
    why_not: str = "",
    errors: tuple[type[Exception], ...] = (RemoteProtocolError,),
    also: tuple[Any, ...] = (),
) -> Target:
    """Make the target of `function`; `also` are parsers that it goes through."""
    back = again_from or (None if again is None else lambda value, _data: again(value))
    assert (back is None) == bool(why_not), f"{function}: a way back, or why there is none"
    return Target(
        tuple(full_name(item) for item in (function, *also)),
        tuple(seeds),
        parse or function,
        back,
        why_not,
        errors,
    )
