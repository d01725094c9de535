"""The floors of the package: tests read the sources and check imports and calls.

import-linter (`make floors`) checks the order of the floors. This file checks the rules that
import-linter cannot express.
"""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "clearprop"
MODULES = sorted(PACKAGE.rglob("*.py"))
LIFT = PACKAGE / "autodiff" / "composite.py"

JAX_DERIVATIVES = {
    "custom_gradient",
    "custom_jvp",
    "custom_vjp",
    "grad",
    "hessian",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linear_transpose",
    "linearize",
    "value_and_grad",
    "vjp",
}
PEERS = {"equinox", "flax", "haiku", "keras", "optax", "tensorflow", "torch"}
RUNS_FILE_CONTENT = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}


def imports(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Yield (module, imported name or None) for every import, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((module, alias.name) for alias in node.names)


def imports_root(source: str) -> list[str]:
    """Return the imports from ``clearprop`` itself instead of from one of its modules."""
    found = []
    for module, name in imports(ast.parse(source)):
        is_submodule = name is not None and (
            (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()
        )
        if module == "clearprop" and not is_submodule:
            found.append(name or module)
    return found


def jax_derivatives(source: str) -> list[str]:
    """Return the derivatives that a source takes from JAX, by any form of import."""
    tree = ast.parse(source)
    found = [
        name
        for module, name in imports(tree)
        if module.split(".")[0] == "jax" and name in JAX_DERIVATIVES
    ]
    jax_names = {"jax"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            jax_names |= {
                alias.asname
                for alias in node.names
                if alias.asname and alias.name.split(".")[0] == "jax"
            }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in JAX_DERIVATIVES:
            owner = node.value
            while isinstance(owner, ast.Attribute):
                owner = owner.value
            if isinstance(owner, ast.Name) and owner.id in jax_names:
                found.append(node.attr)
    return found


def forbidden_imports(source: str, forbidden: set[str]) -> list[str]:
    """Return the top-level packages among ``forbidden`` that a source imports."""
    modules = {module.split(".")[0] for module, _ in imports(ast.parse(source))}
    return sorted(modules & forbidden)


def runs_content(source: str) -> list[str]:
    """Return the calls that would run the content of a file or a string."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec", "compile"}:
            found.append(node.func.id)
        found += [
            keyword.arg
            for keyword in node.keywords
            if keyword.arg == "allow_pickle" and getattr(keyword.value, "value", True)
        ]
    return found


def findings(find: Callable[[str], list[str]], *, without: Path | None = None) -> dict[str, object]:
    """Return the findings of a rule, by module."""
    found = {path: find(path.read_text(encoding="utf-8")) for path in MODULES if path != without}
    return {str(path.relative_to(PACKAGE)): what for path, what in found.items() if what}


def circle(imports: dict[str, set[str]]) -> list[str]:
    """Return the modules of one import circle, or an empty list if there is none."""
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions and for type checking count, because a reader has to follow them."""
    grimp = pytest.importorskip("grimp", reason="import-linter, which brings grimp, is missing")
    graph = grimp.build_graph("clearprop", cache_dir=None)
    assert circle({m: graph.find_modules_directly_imported_by(m) for m in graph.modules}) == []


def test_the_circle_rule_sees() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert set(circle({"a": {"b"}, "b": {"a"}, "c": {"a"}})) == {"a", "b"}


BY_NAME = {
    "__init__.py",
    "display.py",
    "cli/arguments.py",
    "interop/__init__.py",
    "nn/structure.py",
    "recipes/__init__.py",
    "recipes/catalog.py",
}
"""Files that load modules on demand: for the public names, for a notebook, the commands, the
recipes, the parts of other libraries and the layers of a saved model."""


def test_modules_are_imported_by_statements() -> None:
    """The import graph does not contain a module that is imported by its name in a string."""
    found = findings(lambda source: [] if "import_module" not in source else ["import_module"])
    assert set(found) <= BY_NAME


def test_nothing_inside_imports_the_package_root() -> None:
    assert findings(imports_root) == {}


def test_only_lift_calls_the_derivatives_of_jax() -> None:
    assert findings(jax_derivatives, without=LIFT) == {}


def test_no_peer_is_imported() -> None:
    assert findings(lambda source: forbidden_imports(source, PEERS)) == {}


def test_nothing_runs_the_content_of_a_file() -> None:
    assert findings(lambda source: forbidden_imports(source, RUNS_FILE_CONTENT)) == {}
    assert findings(runs_content) == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import clearprop as cp", ["clearprop"]),
        ("def f():\n    from clearprop import fit", ["fit"]),
        ("from clearprop import errors", []),
        ("from clearprop.errors import ShapeError", []),
    ],
)
def test_the_root_rule_sees(source: str, found: list[str]) -> None:
    assert imports_root(source) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import jax\njax.grad(f)", ["grad"]),
        ("import jax as j\nj.vjp(f, 1.0)", ["vjp"]),
        ("import jax.numpy\njax.jvp", ["jvp"]),
        ("from jax import value_and_grad as v", ["value_and_grad"]),
        ("from jax.experimental import x\nimport jax\njax.x.linearize", ["linearize"]),
        ("from clearprop.autodiff import grad\ngrad(f)", []),
        ("tape.grad(x)", []),
    ],
)
def test_the_derivative_rule_sees(source: str, found: list[str]) -> None:
    assert jax_derivatives(source) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("eval('1')", ["eval"]),
        ("exec(open(p).read())", ["exec"]),
        ("np.load(p, allow_pickle=True)", ["allow_pickle"]),
        ("np.load(p, allow_pickle=False)", []),
        ("model.eval()\nre.compile('a')", []),
    ],
)
def test_the_content_rule_sees(source: str, found: list[str]) -> None:
    assert runs_content(source) == found


def loaded_by(statement: str, *modules: str) -> list[str]:
    """Return which of the modules a new interpreter has loaded after the statement."""
    program = f"import sys\n{statement}\nprint(*(m for m in {modules!r} if m in sys.modules))"
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=PACKAGE.parent,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.split()


def test_the_command_line_starts_without_heavy_imports() -> None:
    heavy = ("jax", "numpy", "sklearn", "matplotlib", "polars", "pydantic")
    assert loaded_by("import clearprop.cli", *heavy) == []


def test_data_is_read_without_jax() -> None:
    assert loaded_by("import clearprop.data", "jax", "matplotlib", "sklearn") == []
