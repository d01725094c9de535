"""The types of the package: tests read the sources and check the public annotations."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "clearprop"
FILES = sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


TREES = {module_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}

OF_ANY_DTYPE = {"NDArray[Any]", "np.dtype[Any]"}

MOST_ANY = 0.02
"""The fraction of all public annotations that may contain Any."""

MOST_IGNORES = 15

Function = ast.FunctionDef | ast.AsyncFunctionDef


def is_public(name: str) -> bool:
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def annotations(body: list[ast.stmt], where: str = "") -> Iterator[tuple[str, ast.expr]]:
    """Yield the annotations of public arguments, results and attributes, with their positions."""
    for node in body:
        if isinstance(node, ast.ClassDef) and is_public(node.name):
            yield from annotations(node.body, f"{where}{node.name}.")
        elif isinstance(node, Function) and is_public(node.name):
            arguments = node.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra is not None]
            yield from (
                (f"{where}{node.name}({argument.arg})", argument.annotation)
                for argument in every
                if argument.annotation is not None
            )
            if node.returns is not None:
                yield f"{where}{node.name} ->", node.returns
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            if is_public(node.target.id):
                yield f"{where}{node.target.id}", node.annotation
        elif isinstance(node, ast.If | ast.Try):
            yield from annotations(node.body, where)


def names_in(annotation: ast.expr) -> set[str]:
    """Return the names in an annotation, also those in quotes.

    ``NDArray[Any]`` is an array of any dtype. This is a useful type, so its Any does not count.
    """
    found = set[str]()
    waiting: list[ast.AST] = [annotation]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Subscript) and ast.unparse(node) in OF_ANY_DTYPE:
            found.add(ast.unparse(node.value).split(".")[-1])
            continue
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                found |= names_in(ast.parse(node.value, mode="eval").body)
            except SyntaxError:
                continue  # a literal such as "full precision" of a Literal type
        waiting.extend(ast.iter_child_nodes(node))
    return found


def aliases(tree: ast.Module) -> dict[str, ast.expr]:
    """Return possible type aliases: capitalized names that are assigned at the top level."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            if node.value is None or "TypeAlias" not in names_in(node.annotation):
                continue
            name, value = node.target.id, node.value
        else:
            continue
        if name.lstrip("_")[:1].isupper() and not name.isupper():
            found[name] = value
    return found


def open_names(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Return for each module ``Any`` and the names of aliases that hide it."""
    found = {module: {"Any"} for module in trees}
    own = {module: aliases(tree) for module, tree in trees.items()}
    imported = {
        module: [
            (alias.asname or alias.name, node.module, alias.name)
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module in trees
            for alias in node.names
        ]
        for module, tree in trees.items()
    }
    while True:
        before = sum(map(len, found.values()))
        for module in trees:
            hidden = found[module]
            there = {name for name, source, other in imported[module] if other in found[source]}
            here = {name for name, value in own[module].items() if names_in(value) & hidden}
            found[module] = hidden | here | there
        if sum(map(len, found.values())) == before:
            return found


def left_open(trees: dict[str, ast.Module]) -> tuple[list[str], int]:
    """Return the public annotations that contain Any, and the number of all annotations."""
    hidden, found, number = open_names(trees), [], 0
    for module, tree in trees.items():
        for place, annotation in annotations(tree.body):
            number += 1
            if names_in(annotation) & hidden[module]:
                found.append(f"{module}: {place}")
    return found, number


def test_public_signatures_say_what_they_take_and_give() -> None:
    found, number = left_open(TREES)
    assert len(found) < MOST_ANY * number, f"{len(found)} of {number}: {found}"


def test_few_type_errors_are_silenced() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{number}"
        for path in FILES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if "# type: ignore" in line
    ]
    assert len(found) < MOST_IGNORES, found


def test_no_class_name_stands_twice() -> None:
    places = defaultdict[str, list[str]](list)
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(module)
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_the_counter_sees_through_aliases_imports_and_quotes() -> None:
    one = """
Loose = dict[str, Any]
class A:
    kept: "Loose"
    _own: Any
    def f(self, x: Any, n: int) -> Literal["full precision"]: ...
def _hidden(x: Any): ...
"""
    other = """
from one import Loose as Given
def g(x: Given, y: NDArray[Any]) -> list[int]: ...
"""
    found, number = left_open({"one": ast.parse(one), "other": ast.parse(other)})
    assert found == ["one: A.kept", "one: A.f(x)", "other: g(x)"]
    assert number == 7
