"""What can be typed: groups of commands, each a function whose signature says what it takes.

Every command pays for this module at its start, so it imports nothing but `typing`: a parser
library takes longer to load than most commands take to run. The signature of a command is read
only when that command is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import FunctionType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NamedTuple,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

REQUIRED: Final = object()
"""The default of a parameter that has none."""

_F = TypeVar("_F", bound=Callable[..., int])
_NONE: Final = type(None)


class Parameter:
    """Stands in an annotation: help, and an option's name if it is not the argument's own.

    `otherwise` gives the value when none is given.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        help: str,  # noqa: A002 - its name
        otherwise: Callable[[], object] | None = None,
    ) -> None:
        self.name = name
        self.help = help
        self.otherwise = otherwise


class Argument(NamedTuple):
    """One argument of a command, as its signature states it.

    `name` is `--port` of an option, `ADDRESS` of a word. `many` takes several values: of an
    option those that follow it, of a word the rest.
    """

    key: str
    name: str
    kind: type
    choices: tuple[str, ...]
    many: bool
    default: object
    otherwise: Callable[[], object] | None
    help: str

    @property
    def is_option(self) -> bool:
        """Whether it is named when it is given."""
        return self.name.startswith("--")

    @property
    def is_required(self) -> bool:
        """Whether there is no value unless one is given."""
        return self.default is REQUIRED and self.otherwise is None

    def value_if_missing(self) -> object:
        """Return the value of an argument that is not required and was not given."""
        return self.default if self.otherwise is None else self.otherwise()

    @property
    def is_flag(self) -> bool:
        """Whether it takes no value."""
        return self.kind is bool


class Command:
    """One command: `zentalk GROUP NAME`."""

    def __init__(self, name: str, act: Callable[..., int]) -> None:
        self.name = name
        self.act = act

    @property
    def about(self) -> str:
        """What it does, as its help says it; the first line stands in lists."""
        return "\n".join(line.strip() for line in (self.act.__doc__ or "").strip().splitlines())

    def arguments(self) -> list[Argument]:
        """Return what it takes: words first, in their order."""
        assert isinstance(self.act, FunctionType)
        return _arguments(self.act)

    def run(self, values: Mapping[str, Any]) -> int:
        """Call the function with the value of each argument."""
        assert isinstance(self.act, FunctionType)
        return _call(self.act, values)


class Group:
    """Commands under one word."""

    def __init__(self, name: str, about: str) -> None:
        self.name = name
        self.about = about
        self.commands: dict[str, Command] = {}

    def command(self, name: str) -> Callable[[_F], _F]:
        """Add a function as the command of this name: words positional-only, options by keyword."""

        def add(act: _F) -> _F:
            self.commands[name] = Command(name, act)
            return act

        return add


class App(NamedTuple):
    """All groups, in the order in which help lists them."""

    name: str
    about: str
    groups: Mapping[str, Group]


class Bundle:
    """Options that several commands share: a parameter of such a type stands for all of them.

    Its value is what `__init__` makes of them, whose own signature names them.
    """


def _arguments(act: FunctionType) -> list[Argument]:
    """Return the arguments of a function, and those of its bundles in their place."""
    found: list[Argument] = []
    defaults = _defaults(act)
    words = _names(act)[: act.__code__.co_posonlyargcount]
    for name, hint in _hints(act).items():
        if _is_bundle(hint):
            found += _arguments(hint.__init__)
        else:
            is_word = name in words
            found.append(_argument(name, hint, defaults.get(name, REQUIRED), is_word=is_word))
    return found


def _call(act: FunctionType, values: Mapping[str, Any]) -> int:
    words = _names(act)[: act.__code__.co_posonlyargcount]
    made = {
        name: _make(hint, values) if _is_bundle(hint) else values[name]
        for name, hint in _hints(act).items()
    }
    in_order = [made.pop(word) for word in words]
    code: int = act(*in_order, **made)
    return code


def _make(kind: type[Bundle], values: Mapping[str, Any]) -> Bundle:
    names = [argument.key for argument in _arguments(cast("FunctionType", kind.__init__))]
    return kind(**{name: values[name] for name in names})


def _is_bundle(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Bundle)


def _names(act: FunctionType) -> tuple[str, ...]:
    code = act.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _hints(act: FunctionType) -> dict[str, Any]:
    hints = get_type_hints(act, include_extras=True)
    return {name: hints[name] for name in _names(act) if name in hints}


def _defaults(act: FunctionType) -> dict[str, object]:
    first = act.__code__.co_argcount - len(act.__defaults__ or ())
    by_place = zip(_names(act)[first:], act.__defaults__ or (), strict=False)
    return dict(by_place) | (act.__kwdefaults__ or {})


def _argument(key: str, hint: Any, default: object, *, is_word: bool) -> Argument:
    about = Parameter(help="")
    kind = _without_none(hint)
    if get_origin(kind) is Annotated:
        kind, about = get_args(kind)
        kind = _without_none(kind)
    choices: tuple[str, ...] = ()
    many = get_origin(kind) is list
    if many:
        (kind,) = get_args(kind)
    elif get_origin(kind) is Literal:
        choices, kind = get_args(kind), str
    assert kind in {bool, str, int, float, Path}, key
    made = key.upper() if is_word else f"--{key.replace('_', '-')}"
    return Argument(
        key, about.name or made, kind, choices, many, default, about.otherwise, about.help
    )


def _without_none(kind: Any) -> Any:
    """Return what a kind is besides None."""
    if get_origin(kind) in {Union, UnionType}:
        (kind,) = (part for part in get_args(kind) if part is not _NONE)
    return kind
