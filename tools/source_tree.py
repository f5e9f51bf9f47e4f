"""The classes of a package as its sources state them: read with `ast`, nothing is imported.

Used by `tools.structure`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, TypeAlias

VALUE_BASES: Final = frozenset(
    {
        *("NamedTuple", "TypedDict", "BaseModel"),
        *("Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"),
        *("bytes", "int", "str"),
        *("Exception", "BaseException", "ValueError", "RuntimeError", "OSError"),
    }
)
"""A class with one of these among its ancestors is a value, or an error."""

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, eq=False)
class ClassSource:
    """One class at the top level of a module."""

    module: str
    path: Path
    node: ast.ClassDef

    @property
    def name(self) -> str:
        """Return the name without the module."""
        return self.node.name

    @property
    def methods(self) -> list[Function]:
        """Return what can be called on it: no property, and no method of Python's own."""
        return [
            item
            for item in self.node.body
            if isinstance(item, Function)
            and not (item.name.startswith("__") and item.name.endswith("__"))
            and not {"property", "cached_property"} & set(map(last_name, item.decorator_list))
        ]

    @property
    def fields(self) -> dict[str, ast.AnnAssign]:
        """Return the fields of a record by name."""
        return {
            item.target.id: item
            for item in self.node.body
            if isinstance(item, ast.AnnAssign)
            and isinstance(item.target, ast.Name)
            and last_name(item.annotation) not in {"Final", "ClassVar"}
        }

    @property
    def is_dataclass(self) -> bool:
        """Say whether a decorator makes its constructor."""
        return "dataclass" in map(last_name, self.node.decorator_list)

    @property
    def is_record(self) -> bool:
        """Say whether its constructor takes its fields."""
        return self.is_dataclass or "NamedTuple" in map(last_name, self.node.bases)

    @property
    def is_frozen(self) -> bool:
        """Say whether it is a dataclass that cannot change."""
        return any(
            isinstance(mark, ast.Call) and any(word.arg == "frozen" for word in mark.keywords)
            for mark in self.node.decorator_list
        )


@dataclass
class ModuleSource:
    """One file: its classes, and what its imports call by which name."""

    name: str
    path: Path
    tree: ast.Module
    classes: dict[str, ClassSource] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    """A local name > the dotted name that it stands for."""

    def __post_init__(self) -> None:
        for statement in self.tree.body:
            if isinstance(statement, ast.ClassDef):
                self.classes[statement.name] = ClassSource(self.name, self.path, statement)
        for statement in _run_at_import(self.tree):
            for alias in statement.names:
                if isinstance(statement, ast.ImportFrom):
                    self.imports[alias.asname or alias.name] = f"{statement.module}.{alias.name}"
                elif alias.asname:
                    self.imports[alias.asname] = alias.name


class SourceTree:
    """All modules of one package."""

    def __init__(self, package: Path) -> None:
        self.root = package.parent
        self.modules = {
            module.name: module for module in map(self._module, sorted(package.rglob("*.py")))
        }
        self.classes = [one for module in self.modules.values() for one in module.classes.values()]

    def imports_of(self, module: ModuleSource) -> Iterator[str]:
        """Yield the modules of this package that a module imports when it is loaded."""
        for statement in _run_at_import(module.tree):
            for alias in statement.names:
                if isinstance(statement, ast.Import):
                    found = [alias.name]
                else:
                    found = [f"{statement.module}.{alias.name}", str(statement.module)]
                yield from [name for name in found if name in self.modules][:1]

    def known_to(self, one: ClassSource) -> set[ClassSource]:
        """Return the other classes of this package that the body of a class names."""
        module = self.modules[one.module]
        return {found for name in names_in(one.node) if (found := self._class(module, name))} - {
            one
        }

    @cached_property
    def values(self) -> set[ClassSource]:
        """Return enums, errors and records: the last only if they hold nothing but values."""
        values = {one for one in self.classes if self._has_base_in(one, VALUE_BASES)}
        records = {
            one
            for one in self.classes
            if one.is_dataclass and (one.is_frozen or not one.methods) and one not in values
        }
        while parts := {one for one in records if self._held_by(one) - values - records}:
            records -= parts
        return values | records

    def _held_by(self, one: ClassSource) -> set[ClassSource]:
        module = self.modules[one.module]
        names = {name for item in one.fields.values() for name in names_in(item.annotation)}
        return {found for name in names if (found := self._class(module, name))}

    def _has_base_in(self, one: ClassSource, wanted: frozenset[str]) -> bool:
        module = self.modules[one.module]
        for base in one.node.bases:
            parent = self._class(module, dotted(base))
            if last_name(base) in wanted or (parent and self._has_base_in(parent, wanted)):
                return True
        return False

    def _class(self, module: ModuleSource, name: str) -> ClassSource | None:
        """Return the class that a name means in a module, re-exports followed."""
        if name in module.classes:
            return module.classes[name]
        first, _, rest = name.partition(".")
        if first not in module.imports:
            return None
        full = f"{module.imports[first]}.{rest}" if rest else module.imports[first]
        owner, _, last = full.rpartition(".")
        home = self.modules.get(owner)
        return self._class(home, last) if home and home is not module else None

    def _module(self, path: Path) -> ModuleSource:
        words = path.relative_to(self.root).with_suffix("").parts
        name = ".".join(words[:-1] if words[-1] == "__init__" else words)
        return ModuleSource(name, path, ast.parse(path.read_text("utf-8")))


def names_in(node: ast.AST) -> Iterator[str]:
    """Yield `a` and `a.b` for every name that code reads."""
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute | ast.Name) and (name := dotted(part)):
            yield name


def dotted(node: ast.AST) -> str:
    """Return `a.b.c`, or nothing for what is no plain chain of names."""
    if isinstance(node, ast.Subscript):
        return dotted(node.value)
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return node.id if isinstance(node, ast.Name) else ""


def last_name(node: ast.AST) -> str:
    """Return `c` of `a.b.c`, of a call or subscript of it too."""
    return dotted(node.func if isinstance(node, ast.Call) else node).rpartition(".")[2]


def _run_at_import(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports outside functions, and outside `if TYPE_CHECKING`."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and last_name(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        elif not isinstance(node, Function | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
