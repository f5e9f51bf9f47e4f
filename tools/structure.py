"""`python -m tools.structure`: prints what breaks the rules on the shape of `zentalk/`.

- `folders`: no folder in `node/` and `relay/` holds more than 12 modules.
- `constructors`: no constructor takes more than 6 parameters besides `self`. It is an `__init__` as
  written; of a dataclass it is the fields without a default, if the class has methods and is more
  than a record of values.
- `knows`: no class names more than 10 other classes of this package: bases, annotations, calls.
  Not counted are values (`SourceTree.values`): enums, errors, and records of values.
- `names`: no public class name stands in two modules.
- `cycles`: no module imports itself through others when it is loaded.

`strict` rows are counted without exceptions, for information: the fields of every dataclass and
NamedTuple, and every class that a class names. A rule is broken by the other rows only.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final, NamedTuple

from tools.source_tree import ClassSource, Function, SourceTree

PACKAGE: Final = Path(__file__).resolve().parent.parent / "zentalk"
FOLDERS: Final = ("node", "relay")
MOST_MODULES: Final = 12
MOST_PARAMETERS: Final = 6
MOST_CLASSES: Final = 10


class Offender(NamedTuple):
    """What breaks a rule, by how much, and a hint."""

    where: str
    number: int
    detail: str = ""


def crowded_folders(tree: SourceTree) -> list[Offender]:
    """Return the folders with too many modules side by side."""
    modules: defaultdict[Path, int] = defaultdict(int)
    for module in tree.modules.values():
        folder = module.path.parent
        if module.path.name != "__init__.py" and folder.relative_to(tree.root).parts[1:2]:
            modules[folder] += folder.relative_to(tree.root).parts[1] in FOLDERS
    return [
        Offender(str(folder.relative_to(tree.root)), count)
        for folder, count in modules.items()
        if count > MOST_MODULES
    ]


def long_constructors(tree: SourceTree, *, strict: bool = False) -> list[Offender]:
    """Return the classes that take too much to be made."""
    found = []
    for one in tree.classes:
        names = list(_parameters(one))
        if not names and strict and one.is_record:
            names = list(one.fields)
        elif not names and one.is_dataclass and one.methods and one not in tree.values:
            names = [name for name, item in one.fields.items() if item.value is None]
        if len(names) > MOST_PARAMETERS:
            found.append(Offender(_where(tree, one), len(names), ", ".join(names)))
    return _largest_first(found)


def well_connected(tree: SourceTree, *, strict: bool = False) -> list[Offender]:
    """Return the classes that know too many others."""
    ignored = set() if strict else tree.values
    found = []
    for one in tree.classes:
        names = sorted(other.name for other in tree.known_to(one) - ignored)
        if len(names) > MOST_CLASSES:
            found.append(Offender(_where(tree, one), len(names), ", ".join(names)))
    return _largest_first(found)


def ambiguous_names(tree: SourceTree) -> list[Offender]:
    """Return the public class names that mean two things."""
    homes = defaultdict(list)
    for one in tree.classes:
        if not one.name.startswith("_"):
            homes[one.name].append(one.module)
    return [
        Offender(name, len(modules), ", ".join(modules))
        for name, modules in sorted(homes.items())
        if len(modules) > 1
    ]


def import_cycles(tree: SourceTree) -> list[Offender]:
    """Return cycles until none is left; each is cut at one import for the next to be seen."""
    graph = {name: set(tree.imports_of(module)) for name, module in tree.modules.items()}
    found = []
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            chain: list[str] = error.args[1]
            found.append(Offender(chain[0], len(chain) - 1, " < ".join(chain)))
            graph[chain[1]].discard(chain[0])
        else:
            return found


RULES: Final[dict[str, Callable[[SourceTree], list[Offender]]]] = {
    "folders": crowded_folders,
    "constructors": long_constructors,
    "knows": well_connected,
    "names": ambiguous_names,
    "cycles": import_cycles,
}
STRICT: Final[dict[str, Callable[[SourceTree], list[Offender]]]] = {
    "constructors, strict": lambda tree: long_constructors(tree, strict=True),
    "knows, strict": lambda tree: well_connected(tree, strict=True),
}


def main() -> int:
    """Print the table; the exit code is 1 if a rule is broken."""
    parser = argparse.ArgumentParser(prog="python -m tools.structure", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--strict", action="store_true", help="list the strict rows too")
    parser.add_argument("--brief", action="store_true", help="only count")
    options = parser.parse_args()
    tree = SourceTree(PACKAGE)
    offenders = {rule: check(tree) for rule, check in RULES.items()}
    strictly = {rule: check(tree) for rule, check in STRICT.items()}
    for rule, found in (offenders | strictly).items():
        print(f"{rule}: {len(found)}")
        if not options.brief and (options.strict or rule in offenders):
            for one in found:
                print(f"  {one.number:3}  {one.where}{f'  ({one.detail})' if one.detail else ''}")
    return int(any(offenders.values()))


def _parameters(one: ClassSource) -> Iterator[str]:
    for item in one.node.body:
        if isinstance(item, Function) and item.name == "__init__":
            words = item.args
            every = [*words.posonlyargs, *words.args, words.vararg, *words.kwonlyargs, words.kwarg]
            yield from [word.arg for word in every if word][1:]


def _where(tree: SourceTree, one: ClassSource) -> str:
    return f"{one.path.relative_to(tree.root)}:{one.node.lineno} {one.name}"


def _largest_first(found: list[Offender]) -> list[Offender]:
    return sorted(found, key=lambda one: (-one.number, one.where))


if __name__ == "__main__":
    sys.exit(main())
