"""Documents, metadata and files: they agree with the package and keep the rules of the house."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import re
import subprocess
import sys
import tomllib
import types
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import clearprop
from clearprop import nn, ops, optim
from clearprop.autodiff import OPERATIONS, Operation
from clearprop.optim import configuration

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "clearprop"
DOCS = ROOT / "docs"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LESSONS = sorted((DOCS / "lessons").glob("*.md"))
PAGES = [DOCS / "data.md", DOCS / "interop.md", DOCS / "modules.md"]
MODULES = sorted(PACKAGE.rglob("*.py"))
PAGE_SOURCES = ROOT / "studio-ui" / "src"
TEXTS = [
    path
    for folder in (
        *(PACKAGE, DOCS, PAGE_SOURCES),
        *(ROOT / "tests", ROOT / "benchmarks", ROOT / "examples", ROOT / "tools"),
    )
    for path in sorted(folder.rglob("*"))
    if path.suffix in {".py", ".md", ".html", ".css", ".js", ".ts", ".svelte", ".toml", ".yml"}
    and PACKAGE / "studio" / "static" not in path.parents  # built from the sources of the page
    and "node_modules" not in path.parts
]

LONGEST_FILE = 500
LONGEST_FUNCTION = 60


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def by_path(paths: list[Path]) -> list[object]:
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


def findings(find: Callable[[str], list[str]], files: list[Path]) -> dict[str, list[str]]:
    """Return the findings of a rule, by file."""
    found = {file: find(file.read_text(encoding="utf-8")) for file in files}
    return {str(file.relative_to(ROOT)): what for file, what in found.items() if what}


# --- lessons -------------------------------------------------------------------------------------

FENCE = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(lesson: str) -> Iterator[tuple[str, str]]:
    """Yield each Python block with the text block of its output, or "" if none follows."""
    found = [(match[1], match[2], match.start(), match.end()) for match in FENCE.finditer(lesson)]
    for index, (language, body, _, end) in enumerate(found):
        if language != "python":
            continue
        following = found[index + 1] if index + 1 < len(found) else None
        shows_output = (
            following is not None
            and following[0] == "text"
            and not lesson[end : following[2]].strip()
        )
        yield body, following[1] if following is not None and shows_output else ""


LONG_LESSON = "36-classifying-texts"
"""It trains for a quarter of a minute, so only `make test-all` runs it."""


@pytest.mark.parametrize(
    "lesson",
    [
        pytest.param(
            path, id=path.name, marks=[pytest.mark.slow] if path.stem == LONG_LESSON else []
        )
        for path in [*LESSONS, *PAGES]
    ],
)
def test_a_lesson_prints_what_it_says(lesson: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("lesson")
    monkeypatch.setitem(sys.modules, "lesson", module)  # where dataclasses look for their names
    namespace = module.__dict__
    for number, (code, expected) in enumerate(blocks(lesson.read_text(encoding="utf-8")), start=1):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, f"{lesson.name}, block {number}", "exec"), namespace)
        assert printed.getvalue() == expected, f"block {number} of {lesson.name}"


@pytest.mark.parametrize(
    "page", ["training.md", "algorithms.md", "scale.md", "sklearn.md", "onnx.md"]
)
def test_a_page_prints_what_it_says(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    test_a_lesson_prints_what_it_says(DOCS / page, monkeypatch)


def test_the_readme_runs_as_it_stands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "readme"}
    for code, _ in blocks((ROOT / "README.md").read_text(encoding="utf-8")):
        exec(compile(code, "README.md", "exec"), namespace)
        assert namespace["run"].history.training_error[-1] < 0.2
    assert namespace["slope"] == 12


def test_a_block_is_paired_with_the_output_that_follows_it() -> None:
    text = "```python\na = 1\n```\n\nword\n\n```python\nprint(a)\n```\n\n```text\n1\n```\n"
    assert list(blocks(text)) == [("a = 1\n", ""), ("print(a)\n", "1\n")]


# --- documents -----------------------------------------------------------------------------------


def test_every_module_is_in_the_api_reference() -> None:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed")
    from tools import api_pages

    reference = "\n".join(api_pages.page(floor) for floor in api_pages.floors())
    named = set(re.findall(r"^::: (clearprop[\w.]*)$", reference, re.MULTILINE))
    public = {
        module_name(path)
        for path in MODULES
        if path.stem != "__main__" and path.relative_to(PACKAGE).parts[0] not in {"cli", "cli.py"}
    }
    assert sorted(public - named - {"clearprop"}) == []


def required(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w-]", requirement, maxsplit=1)[0] for requirement in requirements}


def test_every_dependency_has_its_lines_in_the_decisions() -> None:
    decisions = (DOCS / "decisions.md").read_text(encoding="utf-8")
    names = sorted(required(PROJECT["dependencies"]))
    assert [name for name in names if f"\n- **{name}**: " not in decisions] == []


def test_what_is_required_is_what_is_imported() -> None:
    import_names = {"scikit-learn": "sklearn", "pillow": "PIL", "protobuf": "google"}
    needed = {
        import_names.get(name, name.replace("-", "_")) for name in required(PROJECT["dependencies"])
    }
    brought = {"ml_dtypes": "jax", "markupsafe": "jinja2"}
    for name, bringer in brought.items():
        assert name in {r.lower() for r in required(metadata.requires(bringer) or [])}
    extras = PROJECT["optional-dependencies"]
    imported_extras = (
        "stream", "search", "rl", "notebook", "huggingface", "tensorboard", "onnx",
    )  # fmt: skip
    optional = {
        import_names.get(name, name)
        for name in required([one for extra in imported_extras for one in extras[extra]])
    }
    imported = {
        name.split(".")[0]
        for path in MODULES
        for name in imported_modules(path.read_text(encoding="utf-8"))
    }
    foreign = imported - set(sys.stdlib_module_names) - {"clearprop"}
    by_others = {"websockets"}  # by uvicorn
    assert needed - by_others <= foreign, "required and never imported"
    assert foreign <= needed | optional | set(brought), "imported and not required"


def imported_modules(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize(
    "page", by_path([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))])
)
def test_the_files_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    paths = re.findall(r"`((?:clearprop|tests|docs|benchmarks|examples)/[\w/.]+\w)`", text)
    made_by_mkdocs = re.compile(r"api/\w+\.md")
    missing = [
        link
        for link in links
        if not made_by_mkdocs.fullmatch(link) and not (page.parent / link).exists()
    ]
    missing += [path for path in paths if not (ROOT / path).exists()]
    assert missing == []


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        named = re.findall(r"`make ([a-z][\w-]*)", text)
        named += re.findall(r"^make ([a-z][\w-]*) +#", text, re.MULTILINE)
        assert set(named) <= targets, page


def test_the_change_log_knows_this_version() -> None:
    assert clearprop.__version__ == PROJECT["version"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(PROJECT['version'])} - ", changes, re.MULTILINE)


def python_blocks(page: str) -> list[str]:
    return [match[2] for match in FENCE.finditer((DOCS / page).read_text()) if match[1] == "python"]


def test_the_rule_that_the_map_shows_is_the_one_in_the_source() -> None:
    shown = python_blocks("map.md")[0]
    assert shown in (PACKAGE / "ops" / "activations.py").read_text(encoding="utf-8")


def test_the_activation_that_the_map_adds_works() -> None:
    # This needs a process of its own: a process has only one table of operations.
    program = f"""
import doctest
import jax.numpy as jnp
from clearprop import nn
from clearprop.autodiff import check_gradients
from clearprop.ops import activations, sqrt

names = dict(vars(activations), sqrt=sqrt)
exec("from __future__ import annotations\\n" + {python_blocks("map.md")[1]!r}, names)
added = nn.Activation("squareplus")
check_gradients(lambda x: added(x).sum(), jnp.array([-2.0, 0.3, 1.5]))
doctest.run_docstring_examples(names["squareplus"], names)
"""
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (process.returncode, process.stdout) == (0, ""), process.stderr


# --- sources -------------------------------------------------------------------------------------


def undocumented(source: str) -> list[str]:
    """Return the public functions, classes and methods of a source that have no docstring."""

    def visit(node: ast.AST, prefix: str) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if child.name.startswith("_") or is_overload(child):
                continue
            if ast.get_docstring(child) is None:
                yield prefix + child.name
            if isinstance(child, ast.ClassDef):
                yield from visit(child, f"{prefix}{child.name}.")

    return list(visit(ast.parse(source), ""))


def is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    names = {ast.unparse(decorator).split(".")[-1] for decorator in node.decorator_list}
    return bool(names & {"overload", "override", "setter"})


def too_long(source: str) -> list[str]:
    """Return what is too long: the file, or functions; signatures do not count."""
    lines = source.count("\n")
    found = [f"{lines} lines"] if lines > LONGEST_FILE else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            if body and (node.end_lineno or 0) - body[0].lineno >= LONGEST_FUNCTION:
                found.append(node.name)
    return found


def test_what_is_public_says_what_it_is() -> None:
    assert findings(undocumented, MODULES) == {}


def lacking(row: Operation[..., Any]) -> list[str]:
    """Return the parts that are missing in the docstring of an operation."""
    text = inspect.getdoc(row) or ""
    asked = {
        "equation in code style": r"``[^`]*=[^`]*``",
        "shapes": r"^Shapes: \w",
        "source": r"^Source: \S",
    }
    if re.search(r"\braise\b|\b_?(?:check\w*|resolve)\(", inspect.getsource(row.forward)):
        asked["what is raised"] = r"^Raises:\n    \w+Error: "
    return [what for what, pattern in asked.items() if not re.search(pattern, text, re.MULTILINE)]


def test_every_public_operation_says_its_equation_shapes_errors_and_source() -> None:
    public = {name: row for name, row in OPERATIONS.items() if getattr(ops, name, None) is row}
    assert len(public) > 80
    assert {name: gaps for name, row in public.items() if (gaps := lacking(row))} == {}


def test_a_file_holds_one_noun_and_a_function_fits_a_screen() -> None:
    assert findings(too_long, MODULES) == {}


def test_no_path_of_one_machine_is_left_in_a_file() -> None:
    folders = "home|root|Users|work|tmp"
    pattern = re.compile(rf"(?<![\w.\]])/(?:{folders})/[\w.-]+")
    assert findings(pattern.findall, TEXTS) == {}


def test_nothing_is_left_half_done() -> None:
    words = "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3))
    assert findings(re.compile(rf"\b(?:{words})\b").findall, TEXTS) == {}


def test_the_house_rules_see() -> None:
    assert undocumented("def f(): ...\nclass A:\n  def g(self): ...") == ["f", "A", "A.g"]
    assert undocumented("def _f(): ...\nclass _A:\n  def g(self): ...") == []
    assert too_long("def f():\n" + "    pass\n" * (LONGEST_FUNCTION + 1)) == ["f"]


# --- layers and optimizers ---

LAYER_PARTS = {
    "equation": r"[\w)\]'|] (?:=|<-) ",
    "shapes": r"^Shapes: ",
    "raises": r"^Raises:\n    \w+Error: ",
    "doctest": r"^>>> ",
    "source": r"^Source: \S",
}


def missing_parts(made: object, parts: set[str]) -> list[str]:
    """Return the parts that are missing in the docstring of a layer or an optimizer."""
    text = inspect.getdoc(made) or ""
    return sorted(part for part in parts if not re.search(LAYER_PARTS[part], text, re.MULTILINE))


def test_a_layer_says_its_equation_its_shapes_its_errors_and_its_source() -> None:
    exported = {name: getattr(nn, name) for name in nn.__all__}
    layers = {
        name: layer
        for name, layer in exported.items()
        if inspect.isclass(layer) and issubclass(layer, nn.Module) and layer is not nn.Module
    }
    assert len(layers) > 40
    gaps = {name: missing_parts(layer, set(LAYER_PARTS)) for name, layer in layers.items()}
    assert {name: parts for name, parts in gaps.items() if parts} == {}


def test_an_optimizer_says_its_equation_its_errors_and_its_source() -> None:
    kinds = ("optimizer", "second-order optimizer", "transformation", "schedule")
    names = [name for kind in kinds for name in configuration.names(kind)]
    ours = {
        name: made
        for name in names
        if (made := getattr(optim, name, None) or getattr(optim.schedules, name, None))
    }
    assert len(ours) > 20
    gaps = {name: missing_parts(made, set(LAYER_PARTS) - {"shapes"}) for name, made in ours.items()}
    assert {name: parts for name, parts in gaps.items() if parts} == {}


# --- the wheel -----------------------------------------------------------------------------------


def test_the_wheel_holds_every_file_of_the_package() -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed")
    included = {
        Path(file.relative_path).as_posix()
        for file in wheel.WheelBuilder(str(ROOT)).recurse_included_files()
    }
    on_disk = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert sorted(on_disk - included) == []
    assert "clearprop/py.typed" in included
