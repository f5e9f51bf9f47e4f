"""The shape of the tree: small folders, short constructors, few acquaintances, one name each."""

from pathlib import Path

import pytest

from tools.source_tree import SourceTree
from tools.structure import (
    PACKAGE,
    RULES,
    ambiguous_names,
    crowded_folders,
    import_cycles,
    long_constructors,
    well_connected,
)

LONG = "def __init__(self, a, b, c, d, e, f, *, g): ..."


@pytest.fixture(scope="module")
def tree() -> SourceTree:
    return SourceTree(PACKAGE)


def made(root: Path, **sources: str) -> SourceTree:
    """A package of these modules; `__` in a name stands for a folder."""
    for name, source in sources.items():
        path = root / "zentalk" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return SourceTree(root / "zentalk")


@pytest.mark.parametrize("rule", RULES)
def test_nothing_breaks_the_rule(tree: SourceTree, rule: str) -> None:
    assert not RULES[rule](tree), "`python -m tools.structure` explains the rules"


def test_control_the_tree_was_read(tree: SourceTree) -> None:
    assert len(tree.classes) > 300
    assert len(tree.values) > 100


def test_control_a_crowded_folder_is_found(tmp_path: Path) -> None:
    twelve = {f"node__paths__m{number}": "" for number in range(12)}
    assert not crowded_folders(made(tmp_path, **twelve, node__paths____init__=""))
    (folder,) = crowded_folders(made(tmp_path, node__paths__another=""))
    assert folder[:2] == ("zentalk/node/paths", 13)


def test_control_a_long_constructor_is_found(tmp_path: Path) -> None:
    (found,) = long_constructors(made(tmp_path, a=f"class A:\n {LONG}\nclass B:\n x = 1"))
    assert found.number == 7


def test_control_a_dataclass_that_acts_is_found_and_a_record_is_not(tmp_path: Path) -> None:
    fields = "".join(f" {name}: int\n" for name in "abcdefg")
    act = " def act(self): ..."
    sources = [
        f"@dataclass\nclass A:\n{fields}{act}",
        f"@dataclass\nclass B:\n{fields}",
        f"@dataclass(frozen=True)\nclass C:\n{fields}{act}",
    ]
    (found,) = long_constructors(made(tmp_path, a="\n".join(sources)))
    assert found.where.endswith(" A")


def test_control_a_class_that_knows_too_many_is_found(tmp_path: Path) -> None:
    others = "".join(f"class B{number}:\n x = 1\n" for number in range(11))
    calls = ", ".join(f"b.B{number}()" for number in range(10))
    user = f"from zentalk import b\nfrom zentalk.b import B10 as Last\nclass A:\n x = {calls}, "
    (found,) = well_connected(made(tmp_path, a=f"{user}Last", b=others))
    assert found.number == 11
    assert not well_connected(made(tmp_path, a=f"{user}1"))


def test_control_errors_and_records_of_values_are_not_counted(tmp_path: Path) -> None:
    head = "class Own(Exception): ...\nclass Next(Own): ...\nclass Part:\n def act(self): ...\n"
    record = "@dataclass(frozen=True)\nclass {}:\n x: {}\n"
    source = head + record.format("R", "int") + record.format("S", "R") + record.format("T", "Part")
    values = {one.name for one in made(tmp_path, a=source).values}
    assert values == {"Own", "Next", "R", "S"}


def test_control_a_public_name_in_two_modules_is_found(tmp_path: Path) -> None:
    source = "class A: ...\nclass _B: ...\n"
    (found,) = ambiguous_names(made(tmp_path, a=source, b=source))
    assert found.where == "A"


def test_control_a_cycle_is_found_unless_it_is_for_types_only(tmp_path: Path) -> None:
    back = "from zentalk.a import x"
    one = {"a": "import zentalk.b", "b": f"def f():\n {back}\nif TYPE_CHECKING:\n {back}"}
    assert not import_cycles(made(tmp_path, **one))
    assert len(import_cycles(made(tmp_path, b=back))) == 1
